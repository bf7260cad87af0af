import { type RetainedRow, retainedSchema } from '#core/contracts/admin.ts';
import { allRows, askAll, findBrokers } from '../admin/brokers.ts';
import { age, bytes, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, LIMIT, LIMIT_OPTION, print, printJson } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

export const retainedCommand: Command = {
  name: 'retained',
  summary: 'Browse the retained messages, all or those that an MQTT filter matches',
  positionals: ['[FILTER]'],
  options: { ...LIMIT_OPTION, ...ADMIN_OPTIONS },
  examples: [
    { line: 'bramble retained', text: 'all, with the beginning of each payload' },
    { line: "bramble retained 'homeassistant/#'", text: 'those below one topic' },
  ],
  async run({ values, positionals }) {
    const targets = findBrokers((values.data as string | undefined) ?? '.bramble');
    const filter = encodeURIComponent(positionals[0] ?? '#');
    const limit = (values.limit as number | undefined) ?? LIMIT;
    // Every node has all of them.
    const answers = await askAll(targets, `retained?filter=${filter}&limit=1`, retainedSchema);
    const { target, answer } = answers[0]!;
    const rows = (await allRows(target, `retained?filter=${filter}`, retainedSchema, limit)) ?? [];
    rows.sort((a, b) => (a.topic < b.topic ? -1 : 1));
    if (values.json) {
      printJson(rows);
      return EXIT.OK;
    }
    const now = Date.now();
    print(
      table<RetainedRow>(
        [
          { head: 'TOPIC', value: (row) => row.topic },
          { head: 'QOS', right: true, value: (row) => row.qos },
          { head: 'SIZE', right: true, value: (row) => bytes(row.size) },
          {
            head: 'EXPIRES',
            right: true,
            value: (row) => (row.expiresAt === undefined ? '' : `in ${age(row.expiresAt - now)}`),
          },
          { head: 'PAYLOAD', value: payload },
        ],
        rows,
      ),
    );
    print(`${rows.length} of ${answer.total} retained messages\n`);
    return EXIT.OK;
  },
};

function payload({ preview, encoding, truncated }: RetainedRow): string {
  return `${encoding === 'base64' ? 'base64:' : ''}${preview}${truncated ? '…' : ''}`;
}
