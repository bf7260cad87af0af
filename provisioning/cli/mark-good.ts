import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import { type ClusterNode, loadCluster } from '#core/config/cluster.ts';
import { readBoard } from '../board/board.ts';
import { FIRMWARE, whileWritable } from '../board/firmware.ts';
import { identify } from '../board/identity.ts';
import { PATIENCE, probesOf, watchUntilSteady } from '../board/mark-good.ts';
import { thisCard } from '../board/os-update.ts';
import { otherSlot, setSlotState, slotState, startFrom } from '../board/slots.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const CLUSTER = '/etc/bramble/cluster.yaml';

export const markGoodCommand: Command = {
  name: 'mark-good',
  summary: 'On a node: keep the system that was started when it serves, else go back',
  positionals: [],
  options: {
    'dry-run': { type: 'flag', text: 'watch and tell, change nothing' },
  },
  details: `A system that was put there by os-update is kept once broker, balancer and page have answered for
${PATIENCE.steady / 1000} seconds. When that has not come about within ${PATIENCE.limit / 60_000} minutes, the system from before is started.
A system that is kept already is left alone.`,
  examples: [{ line: 'bramble mark-good --dry-run', text: 'does this node serve?' }],
  async run({ values }) {
    const card = thisCard(FIRMWARE);
    const state = slotState(FIRMWARE, card.running);
    if (!values['dry-run'] && !state?.startsWith('try')) return EXIT.OK;
    const silent = await watchUntilSteady(probesOf(ownNode()), PATIENCE);
    process.stdout.write(
      silent.length === 0
        ? `slot ${card.running} serves\n`
        : `slot ${card.running} does not serve: ${silent.join(', ')}\n`,
    );
    if (values['dry-run']) return silent.length === 0 ? EXIT.OK : EXIT.FAILURE;
    if (silent.length === 0) {
      await whileWritable(FIRMWARE, () => setSlotState(FIRMWARE, card.running, 'good'));
      return EXIT.OK;
    }
    const before = otherSlot(card.running);
    if (slotState(FIRMWARE, before) !== 'good') {
      process.stdout.write(`there is no good system in slot ${before}: this one goes on\n`);
      return EXIT.FAILURE;
    }
    await whileWritable(FIRMWARE, () => {
      startFrom(FIRMWARE, before);
      setSlotState(FIRMWARE, card.running, 'bad');
    });
    execFileSync('systemctl', ['reboot']);
    return EXIT.FAILURE;
  },
};

/** A system that cannot read its configuration has to answer for all, and does not. */
function ownNode(): Pick<ClusterNode, 'roles'> {
  const all: ClusterNode['roles'] = ['balancer', 'broker'];
  try {
    return identify(loadCluster(CLUSTER), readBoard(), hostname())?.node ?? { roles: all };
  } catch {
    return { roles: all };
  }
}
