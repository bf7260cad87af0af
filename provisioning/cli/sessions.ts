import { type SessionRow, sessionsSchema } from '#core/contracts/admin.ts';
import { allRows, askAll, findBrokers } from '../admin/brokers.ts';
import { age, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, LIMIT, LIMIT_OPTION, print, printJson } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

/** Session expiry interval that means never (MQTT 5, 3.1.2.11.2). */
const NEVER = 0xffff_ffff;

export const sessionsCommand: Command = {
  name: 'sessions',
  summary: "List the cluster's MQTT sessions, of connected clients and of those that are away",
  positionals: [],
  options: {
    search: { type: 'string', value: 'TEXT', text: 'only client ids that contain it' },
    ...LIMIT_OPTION,
    ...ADMIN_OPTIONS,
  },
  examples: [{ line: 'bramble sessions', text: 'all, with the node that has each' }],
  async run({ values }) {
    const targets = findBrokers((values.data as string | undefined) ?? '.bramble');
    const answers = await askAll(targets, 'sessions?limit=1', sessionsSchema);
    const limit = (values.limit as number | undefined) ?? LIMIT;
    const search = encodeURIComponent((values.search as string | undefined) ?? '');
    const byClient = new Map<string, SessionRow>();
    for (const { target } of answers) {
      const rows = await allRows(target, `sessions?search=${search}`, sessionsSchema, limit);
      for (const row of rows ?? []) {
        // The node that has it knows best; the others have it from the store.
        if (!byClient.has(row.clientId) || row.node === target.node)
          byClient.set(row.clientId, row);
      }
    }
    const rows = [...byClient.values()].sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
    const shown = rows.slice(0, limit);
    if (values.json) {
      printJson(shown);
      return EXIT.OK;
    }
    const now = Date.now();
    print(
      table<SessionRow>(
        [
          { head: 'CLIENT', value: (row) => row.clientId },
          { head: 'USER', value: (row) => row.user || '-' },
          { head: 'NODE', value: (row) => row.node },
          { head: 'STATE', value: (row) => (row.connected ? 'connected' : 'away') },
          { head: 'SUBS', right: true, value: (row) => row.subscriptions },
          { head: 'ENDS', right: true, value: (row) => ends(row, now) },
          { head: 'WILL', value: (row) => (row.will ? 'yes' : '') },
        ],
        shown,
      ),
    );
    print(`${shown.length} sessions${rows.length > shown.length ? ', more with --limit' : ''}\n`);
    return EXIT.OK;
  },
};

function ends({ connected, expiry, endsAt }: SessionRow, now: number): string {
  if (expiry === NEVER) return 'never';
  if (connected) return expiry === 0 ? 'with it' : `${age(expiry * 1000)} after`;
  return endsAt === null ? 'never' : `in ${age(endsAt - now)}`;
}
