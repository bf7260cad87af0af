import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { loadCluster } from '#core/config/cluster.ts';
import type { BridgeStatus, ToKafkaRow, ToMqttRow } from '#core/contracts/bridge.ts';
import { askBridges, type BridgeTarget, findBridges, tellBridge } from '../admin/bridges.ts';
import { tailTopic } from '../admin/kafka-tail.ts';
import { bytes, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, print, printJson, usage } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const ACTIONS = ['pause', 'resume', 'replay', 'try', 'tail'];
const SECONDS = 10;

export const bridgeCommand: Command = {
  name: 'bridge',
  summary: 'Show what goes to Kafka and back; pause, resume, replay or try a mapping',
  positionals: ['[ACTION]', '[MAPPING|TOPIC]'],
  options: {
    from: {
      type: 'string',
      value: 'WHEN',
      text: 'of replay: earliest, latest, or a time such as 2026-11-21T08:00:00Z',
    },
    config: {
      type: 'string',
      value: 'FILE',
      text: 'of try: a cluster.yaml with the mapping, which may not be in force yet',
    },
    seconds: { type: 'number', value: 'N', min: 1, max: 60, text: `of try: how long (${SECONDS})` },
    ...ADMIN_OPTIONS,
  },
  details: `Without ACTION: every mapping, and how far it is behind. ACTION is pause or resume a mapping to
Kafka, replay it from an earlier time (its records are written again), or try it: shows what it
makes of the messages of the next seconds, and writes nothing. tail prints the records that arrive
in a TOPIC of Kafka until Ctrl-C.

STATE: carrying; buffering (Kafka does not take it now, the log keeps it); paused; doubtful (the
claim is not renewed). KEPT is how much of what the log keeps is behind: at 100 % messages are lost.`,
  examples: [
    { line: 'bramble bridge', text: 'does everything arrive' },
    { line: 'bramble bridge pause plant', text: 'stop one for a while; nothing is lost' },
    {
      line: 'bramble bridge replay plant --from 2026-11-21T08:00:00Z',
      text: 'write again from then',
    },
    { line: 'bramble bridge tail mqtt', text: 'see records as they arrive in Kafka' },
    { line: 'bramble bridge try plant --config new.yaml', text: 'see what it would write' },
  ],
  async run({ values, positionals }) {
    const [action, mapping] = positionals;
    const targets = findBridges((values.data as string | undefined) ?? '.bramble');
    if (action === undefined) return show(await askBridges(targets), values.json === true);
    if (!ACTIONS.includes(action)) {
      usage(`bramble bridge: unknown action "${action}"`, `known actions: ${ACTIONS.join(' ')}`);
    }
    if (mapping === undefined) {
      usage(`bramble bridge ${action}: MAPPING is needed`, `e.g. bramble bridge ${action} plant`);
    }
    if (action === 'try') return attempt(targets, mapping, values);
    if (action === 'tail') return tailTopic(targets[0]!.cluster, mapping, print);
    const body = action === 'replay' ? { from: replayFrom(values.from) } : {};
    const path = `mappings/${encodeURIComponent(mapping)}/${action}`;
    const answer = await tellBridge(targets, path, body);
    if (values.json === true) printJson(answer);
    else print(`${action}: ${mapping}\n`);
    return EXIT.OK;
  },
};

function replayFrom(given: unknown): string | number {
  if (given === 'earliest' || given === 'latest') return given;
  const time = typeof given === 'string' ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(time)) {
    usage('bramble bridge replay: --from is needed', '--from earliest, latest, or a time');
  }
  return time;
}

async function attempt(
  targets: readonly BridgeTarget[],
  name: string,
  values: Readonly<Record<string, unknown>>,
): Promise<number> {
  const file = (values.config as string | undefined) ?? targets[0]!.cluster;
  // What is wrong with it is told with line and column.
  loadCluster(file);
  const { bridge } = parse(readFileSync(file, 'utf8')) as {
    bridge?: { toKafka?: { name: string }[] };
  };
  const mapping = bridge?.toKafka?.find((one) => one.name === name);
  if (mapping === undefined)
    usage(`${file} has no mapping "${name}" to Kafka`, 'see bridge.toKafka');
  const wait = 1000 * ((values.seconds as number | undefined) ?? SECONDS);
  printJson(await tellBridge(targets, 'dry-run', { mapping, wait }));
  return EXIT.OK;
}

function show(bridges: readonly BridgeStatus[], json: boolean): number {
  if (json) {
    printJson(bridges);
    return EXIT.OK;
  }
  const { kafka } = bridges[0]!;
  print(
    kafka.reachable
      ? `Kafka: ${kafka.brokers} ${kafka.brokers === 1 ? 'node' : 'nodes'}\n\n`
      : `Kafka does not answer (${kafka.reason ?? 'unknown'}); the log keeps what comes\n\n`,
  );
  // Who carries a mapping knows most about it.
  const rows = new Map<string, ToKafkaRow>();
  for (const { toKafka } of bridges) {
    for (const row of toKafka) {
      if (!rows.has(row.name) || row.state !== 'elsewhere') rows.set(row.name, row);
    }
  }
  if (rows.size > 0) print(toKafkaTable([...rows.values()]));
  const back = bridges.flatMap(({ node, toMqtt }) => toMqtt.map((row) => ({ node, ...row })));
  if (back.length > 0) print(`\n${toMqttTable(back)}`);
  return EXIT.OK;
}

function toKafkaTable(rows: readonly ToKafkaRow[]): string {
  return table<ToKafkaRow>(
    [
      { head: 'TO KAFKA', value: (row) => row.name },
      { head: 'STATE', value: (row) => row.state },
      { head: 'BRIDGE', value: (row) => row.owner.split('#')[0] || '-' },
      { head: 'WRITTEN', right: true, value: (row) => row.delivered },
      { head: 'BEHIND', right: true, value: (row) => row.lag?.messages ?? '' },
      { head: 'SIZE', right: true, value: (row) => (row.lag ? bytes(row.lag.bytes) : '') },
      {
        head: 'SINCE',
        right: true,
        value: (row) => (row.lag ? `${row.lag.seconds.toFixed(1)} s` : ''),
      },
      {
        head: 'KEPT',
        right: true,
        value: (row) => (row.lag ? `${Math.round(100 * row.lag.retention)} %` : ''),
      },
      { head: 'DEAD', right: true, value: (row) => row.deadLetters },
      { head: 'DROPPED', right: true, value: (row) => row.dropped },
      { head: 'PROBLEM', value: (row) => row.problem?.slice(0, 60) ?? '' },
    ],
    rows,
  );
}

function toMqttTable(rows: readonly (ToMqttRow & { node: string })[]): string {
  return table<ToMqttRow & { node: string }>(
    [
      { head: 'TO MQTT', value: (row) => row.name },
      { head: 'BRIDGE', value: (row) => row.node },
      {
        head: 'PARTITIONS',
        right: true,
        value: (row) => Object.values(row.assigned).flat().length,
      },
      { head: 'PUBLISHED', right: true, value: (row) => row.published },
      { head: 'BEHIND', right: true, value: (row) => row.lag },
      { head: 'LOOPED', right: true, value: (row) => row.looped },
      { head: 'DEAD', right: true, value: (row) => row.deadLetters },
      { head: 'PROBLEM', value: (row) => row.problem?.slice(0, 60) ?? '' },
    ],
    rows,
  );
}
