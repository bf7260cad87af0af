import { membersSchema, type ShardRow, shardsSchema } from '#core/contracts/admin.ts';
import { askAll, findBrokers } from '../admin/brokers.ts';
import { age, bytes, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, print, printJson } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const brokersCommand: Command = {
  name: 'brokers',
  summary: 'Show the brokers, whom each of them hears, and the shards of the log',
  positionals: [],
  options: { ...ADMIN_OPTIONS },
  details: `BEHIND is how many records the slowest broker has not read; LAG how many entries of the
engine's own log the slowest replica is behind its leader.`,
  examples: [{ line: 'bramble brokers', text: 'is everybody there and in step' }],
  async run({ values }) {
    const targets = findBrokers((values.data as string | undefined) ?? '.bramble');
    const members = await askAll(targets, 'members', membersSchema);
    const told = await askAll(targets, 'shards', shardsSchema);
    const silent = targets.filter((one) => !members.some(({ target }) => target === one));
    const shards = told[0]!.answer.rows.map((shard) => ({
      ...shard,
      behind: Math.max(
        ...told.map(({ answer }) => shard.lastSequence - (answer.rows[shard.shard]?.read ?? 0)),
        0,
      ),
    }));
    if (values.json) {
      const brokers = members.map(({ answer }) => answer);
      printJson({ brokers, silent: silent.map(({ node }) => node), shards });
      return EXIT.OK;
    }
    const now = Date.now();
    type Member = { node: string; state: string; since: string; hears: string };
    const rows: Member[] = [
      ...members.map(({ answer: { node, ready, reasons, peers, startedAt } }) => ({
        node,
        state: ready ? 'ready' : reasons.join('; '),
        since: age(now - startedAt),
        hears: peers.join(', ') || '-',
      })),
      ...silent.map(({ node }) => ({ node, state: 'does not answer', since: '', hears: '' })),
    ];
    print(
      table<Member>(
        [
          { head: 'BROKER', value: (row) => row.node },
          { head: 'STATE', value: (row) => row.state },
          { head: 'UP', right: true, value: (row) => row.since },
          { head: 'HEARS', value: (row) => row.hears },
        ],
        rows,
      ),
    );
    if (shards.length > 0) print(`\n${shardTable(shards)}`);
    return EXIT.OK;
  },
};

function shardTable(shards: (ShardRow & { behind: number })[]): string {
  return table<ShardRow & { behind: number }>(
    [
      { head: 'SHARD', right: true, value: (row) => row.shard },
      { head: 'LEADER', value: (row) => row.leader ?? 'none' },
      { head: 'REPLICAS', value: (row) => row.replicas.map(replica).join(' ') || '-' },
      { head: 'LAG', right: true, value: (row) => Math.max(0, ...row.replicas.map((r) => r.lag)) },
      { head: 'RECORDS', right: true, value: (row) => records(row) },
      { head: 'SIZE', right: true, value: (row) => bytes(row.bytes) },
      { head: 'BEHIND', right: true, value: (row) => row.behind },
    ],
    shards,
  );
}

function replica({ node, current }: ShardRow['replicas'][number]): string {
  return current ? node : `${node}(behind)`;
}

function records({ firstSequence, lastSequence }: ShardRow): number {
  return lastSequence === 0 ? 0 : Math.max(0, lastSequence - firstSequence + 1);
}
