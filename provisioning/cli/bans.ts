import { type BanRow, banSchema, bansSchema, liftedSchema } from '#core/contracts/admin.ts';
import { ask, askAll, findBrokers } from '../admin/brokers.ts';
import { age, printable, table } from '../admin/table.ts';
import { ADMIN_OPTIONS, print, printJson, usage } from './admin-options.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

const MINUTES = 5;
const MINUTE = 60_000;

export const bansCommand: Command = {
  name: 'bans',
  summary: 'List who may not connect for a time, ban somebody, or lift a ban',
  positionals: ['[ACTION]', '[KIND]', '[VALUE]'],
  options: {
    minutes: {
      type: 'number',
      value: 'N',
      min: 1,
      max: 525_600,
      text: `how long a new ban holds (${MINUTES})`,
    },
    why: { type: 'string', value: 'TEXT', text: 'the reason, for the list' },
    ...ADMIN_OPTIONS,
  },
  details: `ACTION is add or lift, KIND client, user or address. Bans hold on all nodes. The brokers ban
clients that come and go all the time and addresses that guess passwords by themselves
(mqtt.limits.bans in cluster.yaml). Bans live in memory: when all brokers end, they are over.`,
  examples: [
    { line: 'bramble bans', text: 'who is banned, and why' },
    { line: 'bramble bans add client lamp --minutes 60', text: 'keep one out for an hour' },
    { line: 'bramble bans lift address 192.168.1.7', text: 'let one in again' },
  ],
  async run({ values, positionals }) {
    const [action, kind, value] = positionals;
    const targets = findBrokers((values.data as string | undefined) ?? '.bramble');
    const answers = await askAll(targets, 'bans', bansSchema);
    if (action === undefined)
      return list(
        answers.flatMap(({ answer }) => answer.rows),
        values.json,
      );
    if (action !== 'add' && action !== 'lift') {
      usage(`bramble bans: unknown action "${action}"`, 'known actions: add lift');
    }
    if (kind === undefined || value === undefined) {
      usage(
        `bramble bans ${action}: KIND and VALUE are needed`,
        'e.g. bramble bans add client lamp',
      );
    }
    if (action === 'add') {
      const time = ((values.minutes as number | undefined) ?? MINUTES) * MINUTE;
      const body = { kind, value, for: time, why: values.why ?? '' };
      const ban = await ask(answers[0]!.target, 'bans', banSchema, { method: 'POST', body });
      if (values.json) printJson(ban);
      else print(`banned: ${kind} ${printable(value)}\n`);
      return EXIT.OK;
    }
    let lifted = false;
    for (const { target } of answers) {
      const path = `bans/${encodeURIComponent(kind)}/${encodeURIComponent(value)}`;
      lifted ||= (await ask(target, path, liftedSchema, { method: 'DELETE' })) !== undefined;
    }
    if (values.json) printJson({ lifted });
    else print(lifted ? 'lifted\n' : `${kind} ${printable(value)} is not banned\n`);
    return lifted ? EXIT.OK : EXIT.FAILURE;
  },
};

function list(all: readonly BanRow[], json: unknown): number {
  const rows = [...new Map(all.map((ban) => [`${ban.kind} ${ban.value}`, ban])).values()];
  if (json === true) {
    printJson(rows);
    return EXIT.OK;
  }
  const now = Date.now();
  print(
    table<BanRow>(
      [
        { head: 'KIND', value: (row) => row.kind },
        { head: 'VALUE', value: (row) => row.value },
        { head: 'BY', value: (row) => row.by },
        { head: 'ENDS', right: true, value: (row) => `in ${age(row.until - now)}` },
        { head: 'WHY', value: (row) => row.why },
      ],
      rows,
    ),
  );
  return EXIT.OK;
}
