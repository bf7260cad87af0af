import { topicsSchema } from '#core/contracts/admin.ts';
import { askAll, findBrokers } from '../admin/brokers.ts';
import { bytes, rate, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, print, printJson } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const TOP = 20;

export const topicsCommand: Command = {
  name: 'topics',
  summary: 'Show the busiest topics of the last ten to twenty seconds',
  positionals: [],
  options: {
    limit: { type: 'number', value: 'N', min: 1, max: 1_000, text: `topics at most (${TOP})` },
    ...ADMIN_OPTIONS,
  },
  examples: [{ line: 'bramble topics', text: 'who floods the cluster' }],
  async run({ values }) {
    const targets = findBrokers((values.data as string | undefined) ?? '.bramble');
    const limit = (values.limit as number | undefined) ?? TOP;
    const answers = await askAll(targets, `topics?limit=1000`, topicsSchema);
    const sums = new Map<string, { topic: string; messages: number; bytes: number }>();
    for (const { answer } of answers) {
      for (const { topic, messages, bytes: size } of answer.rows) {
        const sum = sums.get(topic) ?? { topic, messages: 0, bytes: 0 };
        sums.set(topic, { topic, messages: sum.messages + messages, bytes: sum.bytes + size });
      }
    }
    const rows = [...sums.values()].sort((a, b) => b.messages - a.messages).slice(0, limit);
    const error = answers.reduce((sum, { answer }) => sum + answer.error, 0);
    if (values.json) {
      printJson({ error, rows });
      return EXIT.OK;
    }
    print(
      table(
        [
          { head: 'TOPIC', value: (row: (typeof rows)[number]) => row.topic },
          { head: 'MESSAGES/S', right: true, value: (row) => rate(row.messages) },
          { head: 'BYTES/S', right: true, value: (row) => bytes(Math.round(row.bytes)) },
        ],
        rows,
      ),
    );
    if (error > 0) print(`Topics that are missing had at most ${rate(error)} messages/s.\n`);
    return EXIT.OK;
  },
};
