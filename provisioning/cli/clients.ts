import {
  type ClientRow,
  clientDetailSchema,
  clientsSchema,
  kickedSchema,
} from '#core/contracts/admin.ts';
import { type AdminTarget, allRows, ask, askAll, findBrokers } from '../admin/brokers.ts';
import { age, bytes, printable, rate, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, LIMIT, LIMIT_OPTION, print, printJson, usage } from './admin-options.ts';
import type { Command, Values } from './command.ts';
import { EXIT } from './exit-codes.ts';

type Row = ClientRow & { node: string };

const VERSIONS: Record<number, string> = { 3: '3.1', 4: '3.1.1', 5: '5' };

export const clientsCommand: Command = {
  name: 'clients',
  summary: 'List the connected MQTT clients, show one, or disconnect one',
  positionals: ['[ACTION]', '[ID]'],
  options: {
    search: { type: 'string', value: 'TEXT', text: 'only client ids and users that contain it' },
    busiest: { type: 'flag', text: 'those with the most messages a second first' },
    ...LIMIT_OPTION,
    ...ADMIN_OPTIONS,
  },
  details: `ACTION is show or kick, for the client with this ID. Who was disconnected may come back at
once; to keep it out, see: bramble bans --help`,
  examples: [
    { line: 'bramble clients', text: 'who is connected, to which node, how busy' },
    { line: 'bramble clients --busiest --limit 10', text: 'who keeps the brokers busy' },
    { line: 'bramble clients show lamp', text: 'one client with its subscriptions' },
    { line: 'bramble clients kick lamp', text: 'disconnect it' },
  ],
  async run({ values, positionals }) {
    const [action, id] = positionals;
    const targets = findBrokers((values.data as string | undefined) ?? '.bramble');
    if (action === undefined) return list(targets, values);
    if (action !== 'show' && action !== 'kick') {
      usage(`bramble clients: unknown action "${action}"`, 'known actions: show kick');
    }
    if (id === undefined)
      usage(`bramble clients ${action}: ID is missing`, `usage: bramble clients ${action} ID`);
    await askAll(targets, 'clients?limit=1', clientsSchema);
    return action === 'show' ? show(targets, id, values) : kick(targets, id, values);
  },
};

async function list(targets: readonly AdminTarget[], values: Values): Promise<number> {
  await askAll(targets, 'clients?limit=1', clientsSchema);
  const limit = (values.limit as number | undefined) ?? LIMIT;
  const search = encodeURIComponent((values.search as string | undefined) ?? '');
  const rows: Row[] = [];
  for (const target of targets) {
    const maximum = values.busiest ? Number.POSITIVE_INFINITY : limit;
    const found = await allRows(target, `clients?search=${search}`, clientsSchema, maximum);
    for (const row of found ?? []) rows.push({ ...row, node: target.node });
  }
  if (values.busiest) rows.sort((a, b) => busyness(b) - busyness(a));
  else rows.sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
  const shown = rows.slice(0, limit);
  if (values.json) {
    printJson(shown);
    return EXIT.OK;
  }
  const now = Date.now();
  print(
    table<Row>(
      [
        { head: 'CLIENT', value: (row) => row.clientId },
        { head: 'USER', value: (row) => row.user || '-' },
        { head: 'NODE', value: (row) => row.node },
        { head: 'ADDRESS', value: (row) => `${row.address}:${row.port}` },
        { head: 'MQTT', value: (row) => `${VERSIONS[row.version]} ${row.listener}` },
        { head: 'SINCE', right: true, value: (row) => age(now - row.connectedAt) },
        { head: 'SUBS', right: true, value: (row) => row.subscriptions },
        { head: 'IN/S', right: true, value: (row) => rate(row.rates.messagesIn) },
        { head: 'OUT/S', right: true, value: (row) => rate(row.rates.messagesOut) },
        { head: 'INFLIGHT', right: true, value: (row) => row.inflight },
        { head: 'WAITING', right: true, value: (row) => waiting(row) },
      ],
      shown,
    ),
  );
  const more = rows.length > shown.length ? ', more with --limit' : '';
  print(`${shown.length} clients${more}\n`);
  return EXIT.OK;
}

function busyness({ rates }: ClientRow): number {
  return rates.messagesIn + rates.messagesOut;
}

function waiting(row: ClientRow): string {
  return row.behind ? 'behind' : bytes(row.waiting);
}

async function show(targets: readonly AdminTarget[], id: string, values: Values): Promise<number> {
  for (const target of targets) {
    const client = await ask(target, `clients/${encodeURIComponent(id)}`, clientDetailSchema);
    if (client === undefined) continue;
    if (values.json) {
      printJson(client);
      return EXIT.OK;
    }
    const { filters, rates, will, ...facts } = client;
    for (const [name, value] of Object.entries(facts)) {
      print(`${name.padEnd(16)}${printable(String(value))}\n`);
    }
    print(`${'in, out /s'.padEnd(16)}${rate(rates.messagesIn)}, ${rate(rates.messagesOut)}\n`);
    if (will !== undefined) print(`${'will'.padEnd(16)}${printable(will.topic)}\n`);
    print('\n');
    print(
      table(
        [
          { head: 'FILTER', value: (row: (typeof filters)[number]) => row.filter },
          { head: 'QOS', right: true, value: (row) => row.qos },
        ],
        filters,
      ),
    );
    return EXIT.OK;
  }
  process.stderr.write(`bramble: no client "${printable(id)}" is connected\n`);
  return EXIT.FAILURE;
}

async function kick(targets: readonly AdminTarget[], id: string, values: Values): Promise<number> {
  for (const target of targets) {
    const path = `clients/${encodeURIComponent(id)}`;
    const done = await ask(target, path, kickedSchema, { method: 'DELETE' });
    if (done === undefined) continue;
    if (values.json) printJson({ kicked: true, node: target.node });
    else print(`disconnected from ${target.node}\n`);
    return EXIT.OK;
  }
  process.stderr.write(`bramble: no client "${printable(id)}" is connected\n`);
  return EXIT.FAILURE;
}
