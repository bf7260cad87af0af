import path from 'node:path';
import { configure } from '../board/configure.ts';
import { FIRMWARE } from '../board/firmware.ts';
import { thisSystem } from '../board/ground.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { renderCommand } from './render.ts';

export const configureCommand: Command = {
  name: 'configure',
  summary: 'On a node: take what lies on its FAT partition, and write STATUS.txt there',
  positionals: [],
  options: {
    firmware: {
      type: 'string',
      value: 'DIRECTORY',
      text: `the FAT partition, default ${FIRMWARE}`,
    },
  },
  details: `Takes cluster.yaml, and host name, users, keys, time zone and Wi-Fi from what Raspberry Pi Imager
wrote. Runs at every start of a node and whenever its addresses change; where nothing is new it
changes nothing. Ends with ${EXIT.CONFIG} where the services have no configuration; STATUS.txt says why.`,
  examples: [{ line: 'bramble configure', text: 'after a new cluster.yaml was put on the card' }],
  async run({ values }) {
    const { firmware } = values;
    const done = await configure({
      ground: thisSystem(typeof firmware === 'string' ? path.resolve(firmware) : FIRMWARE),
      render: async (cluster, node) => {
        await renderCommand.run({
          values: { cluster, node, out: path.dirname(cluster) },
          positionals: [],
        });
      },
    });
    return done ? EXIT.OK : EXIT.CONFIG;
  },
};
