import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { loadCluster } from '#core/config/cluster.ts';
import { STANDARD_PORTS } from '#core/contracts/ports.ts';
import { table } from '../admin/table.ts';
import { discover } from '../discover/discover.ts';
import { print, printJson } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const WAIT_S = 3;
const CONNECT_TIMEOUT = 2_000;
const FILE = 'cluster.yaml';

interface Row {
  name: string;
  address: string;
  how: string;
  mqtt: string;
}

export const discoverCommand: Command = {
  name: 'discover',
  summary: 'Find the nodes on this network',
  positionals: [],
  options: {
    cluster: {
      type: 'string',
      value: 'FILE',
      text: `whose addresses are tried too (${FILE}, if it is there)`,
    },
    wait: {
      type: 'number',
      value: 'S',
      min: 1,
      max: 60,
      text: `how long to listen, seconds (${WAIT_S})`,
    },
    json: { type: 'flag', text: 'JSON instead of a table' },
  },
  details: `Nodes with our image announce themselves by mDNS. Where a network does not carry that (some
access points do not), the addresses of cluster.yaml are tried. Ends with 1 where nothing is found.`,
  examples: [
    { line: 'bramble discover', text: 'which Pis are up' },
    { line: 'bramble discover --wait 10 --json', text: 'for a script' },
  ],
  async run({ values }) {
    const patience = ((values.wait as number | undefined) ?? WAIT_S) * 1_000;
    const [announced, listed] = await Promise.all([
      discover({ patience }),
      tryListed(values.cluster as string | undefined),
    ]);
    const rows: Row[] = announced.map(({ name, addresses, port }) => ({
      name,
      address: addresses.join(', ') || '-',
      how: 'mDNS',
      mqtt: `port ${port}`,
    }));
    rows.push(...listed.filter(({ name }) => !rows.some((row) => row.name === name)));
    if (values.json) printJson(rows);
    else if (rows.length > 0) print(text(rows));
    else process.stderr.write('bramble: no node has answered; is it on, and on this network?\n');
    return rows.some(({ mqtt }) => mqtt.startsWith('port')) ? EXIT.OK : EXIT.FAILURE;
  },
};

/** Nodes of a cluster.yaml, by their addresses. Throws ConfigError for a file that was named. */
async function tryListed(file: string | undefined): Promise<Row[]> {
  if (file === undefined && !existsSync(FILE)) return [];
  const { nodes } = loadCluster(file ?? FILE);
  return Promise.all(
    nodes.map(async ({ name, address }) => {
      const open = await answers(address, STANDARD_PORTS.mqtt);
      return {
        name,
        address,
        how: 'cluster.yaml',
        mqtt: open ? `port ${STANDARD_PORTS.mqtt}` : 'does not answer',
      };
    }),
  );
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT });
    const end = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', end(true));
    socket.once('timeout', end(false));
    socket.once('error', end(false));
  });
}

function text(rows: readonly Row[]): string {
  return table<Row>(
    [
      { head: 'NODE', value: (row) => row.name },
      { head: 'ADDRESS', value: (row) => row.address },
      { head: 'FOUND BY', value: (row) => row.how },
      { head: 'MQTT', value: (row) => row.mqtt },
    ],
    rows,
  );
}
