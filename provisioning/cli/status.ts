import { setTimeout as sleep } from 'node:timers/promises';
import { loadCluster } from '#core/config/cluster.ts';
import { STANDARD_PORTS } from '#core/contracts/ports.ts';
import { age, printable, table } from '../admin/table.ts';
import { type Style, terminalStyle } from '../dev/style.ts';
import { askPages } from '../status/ask.ts';
import { type ClusterStatus, type StatusRow, summarize } from '../status/rows.ts';
import { print } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const EVERY_S = 2;
const HOUR_S = 3_600;

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how the whole cluster is doing',
  positionals: [],
  options: {
    cluster: { type: 'string', value: 'FILE', text: 'the cluster (cluster.yaml)' },
    watch: { type: 'flag', text: `again every ${EVERY_S} seconds until Ctrl-C` },
    every: { type: 'number', value: 'S', min: 1, max: HOUR_S, text: 'seconds between, of --watch' },
    'page-port': {
      type: 'number',
      value: 'P',
      min: 1,
      max: 65_535,
      text: `of the pages (${STANDARD_PORTS.page})`,
    },
    json: { type: 'flag', text: 'one JSON object (with --watch: one a line each time)' },
  },
  details: `Every node's page is asked, over HTTP and without a login. Ends with 0 where the cluster is
healthy, 1 where it is not, 75 where no node answers.`,
  examples: [
    { line: 'bramble status', text: 'the cluster.yaml of this folder' },
    { line: 'bramble status --watch', text: 'during an upgrade' },
    { line: 'bramble status --json', text: 'for a script' },
  ],
  async run({ values }) {
    const cluster = loadCluster((values.cluster as string | undefined) ?? 'cluster.yaml');
    const port = values['page-port'] as number | undefined;
    const watch = values.watch === true;
    const style = terminalStyle(process.stdout.isTTY === true);
    for (;;) {
      const status = summarize(await askPages(cluster, port), Date.now());
      if (values.json) print(`${JSON.stringify(status)}\n`);
      else
        print(
          `${watch && process.stdout.isTTY ? '\u001b[H\u001b[2J' : ''}${statusText(cluster.cluster.name, status, Date.now(), style)}`,
        );
      if (!watch) return exitCode(status);
      await sleep(((values.every as number | undefined) ?? EVERY_S) * 1_000);
    }
  },
};

function exitCode({ state }: ClusterStatus): number {
  if (state === 'healthy') return EXIT.OK;
  return state === 'unreachable' ? EXIT.TEMPFAIL : EXIT.FAILURE;
}

const known = (value: number | undefined, show: (value: number) => string = String): string =>
  value === undefined ? '-' : show(value);

function statusText(name: string, status: ClusterStatus, now: number, style: Style): string {
  const paint =
    status.state === 'healthy' ? style.good : status.state === 'degraded' ? style.warn : style.bad;
  const by = status.seenBy === undefined ? '' : style.dim(` (seen by ${status.seenBy})`);
  const rows = table<StatusRow>(
    [
      { head: 'NODE', value: (row) => row.name },
      { head: 'ADDRESS', value: (row) => row.address },
      { head: 'BROKER', value: (row) => row.broker },
      { head: 'BALANCER', value: (row) => row.balancer },
      { head: 'CLIENTS', right: true, value: (row) => known(row.clients) },
      { head: 'MESSAGES', right: true, value: (row) => known(row.messages) },
      { head: 'UP', right: true, value: (row) => known(row.up, age) },
      {
        head: '°C',
        right: true,
        value: (row) => known(row.temperature, (value) => value.toFixed(0)),
      },
      { head: 'PAGE', value: (row) => row.error ?? 'answers' },
    ],
    status.nodes,
  );
  const problems = status.problems.map(({ level, subject, text }) => {
    const line = printable(`${level}: ${subject}: ${text}`);
    return `${level === 'critical' ? style.bad(line) : style.warn(line)}\n`;
  });
  const addresses = status.addresses.map(({ address, owners }) => {
    const who = owners.map(({ node, since }) => `at ${printable(node)} for ${age(now - since)}`);
    return `${printable(address)}: ${who.join('; ') || style.bad('no node has it')}\n`;
  });
  return `${style.bold(name)}: ${paint(status.state)}${by}\n${rows}${addresses.join('')}${problems.join('')}`;
}
