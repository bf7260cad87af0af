import { parseDuration } from '../../config/duration.ts';
import { connectionLimit } from '../../listeners/descriptors.ts';
import type { RateName } from '../../listeners/rate-limits.ts';
import type { CommandTable } from '../command.ts';
import { allows } from '../config.ts';
import { bareFailure, failure, NOTHING } from '../reply.ts';
import { isReply, serverOf } from '../targets.ts';

const positive = (text: string): number | undefined =>
  /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;

const RATES: readonly (readonly [word: string, name: RateName])[] = [
  ['connections', 'connections'],
  ['sessions', 'sessions'],
  ['ssl-sessions', 'tls'],
];

/** `set maxconn`, `set rate-limit`, `set timeout`, `set severity-output`, and levels (management guide, 9.3). */
export const LIMIT_COMMANDS: CommandTable = [
  {
    name: 'set maxconn frontend',
    workers: 'each',
    usage: 'set maxconn frontend <frontend> <value>',
    summary: "change a frontend's maxconn setting",
    level: 'admin',
    run: ({ host, word }) => {
      if (word(0) === '') return failure('A frontend name is expected.');
      const frontend = host.frontends.find(({ config }) => config.name === word(0));
      if (!frontend) return failure('No such frontend.');
      const value = positive(word(1));
      if (value === undefined) return failure('Integer value expected.');
      frontend.config.maxconn = value;
      for (const listener of host.listeners) if (listener.context === frontend) listener.admit();
      return NOTHING;
    },
  },
  {
    name: 'set maxconn global',
    workers: 'each',
    usage: 'set maxconn global <value>',
    summary: 'change the per-process maxconn setting',
    level: 'admin',
    run: ({ host, word }) => {
      const value = positive(word(0));
      if (value === undefined) return failure('Expects an integer value.');
      // No more than descriptors are there for.
      host.admission.limit = connectionLimit(value);
      return NOTHING;
    },
  },
  {
    name: 'set maxconn server',
    usage: 'set maxconn server <bk>/<srv>',
    summary: "change a server's maxconn setting",
    level: 'admin',
    run: ({ host, word }) => {
      const server = serverOf(host, word(0));
      if (isReply(server)) return server;
      const text = word(1);
      if (text === '') return failure('Require <maxconn>.');
      if (!/^\d{1,9}$/.test(text)) {
        return bareFailure('maxconn string empty or preceded by garbage');
      }
      server.setMaxconn(Number(text));
      return NOTHING;
    },
  },
  ...RATES.map(([word, name]): CommandTable[number] => ({
    name: `set rate-limit ${word} global`,
    workers: 'each',
    usage: `set rate-limit ${word} global <value>`,
    summary: 'change how many there may be in a second',
    level: 'admin',
    run: ({ host, word: argument }) => {
      const text = argument(0);
      if (!/^\d{1,9}$/.test(text)) return failure('Expects an integer value.');
      host.admission.rates.limits[name] = Number(text);
      host.admission.admitAll();
      return NOTHING;
    },
  })),
  {
    name: 'set timeout',
    usage: 'set timeout [cli] <delay>',
    summary: 'change a timeout setting',
    run: ({ session, word }) => {
      if (word(0) !== 'cli') return failure("'set timeout' only supports 'cli'.");
      const duration = parseDuration(word(1), 's');
      if (duration.error || duration.value < 1) return failure('Invalid timeout value.');
      session.timeout = duration.value;
      return NOTHING;
    },
  },
  {
    name: 'set severity-output',
    usage: 'set severity-output [none|number|string]',
    summary: 'set presence of severity level in feedback information',
    run: ({ session, word }) => {
      const output = (['none', 'number', 'string'] as const).find((one) => one === word(0));
      if (!output) {
        return failure("one of 'none', 'number', 'string' is a required argument");
      }
      session.severityOutput = output;
      return NOTHING;
    },
  },
  {
    name: 'operator',
    usage: 'operator',
    summary: 'lower the level of the current CLI session to operator',
    run: ({ session }) => {
      if (!allows(session.level, 'operator')) return failure('Permission denied');
      session.level = 'operator';
      return NOTHING;
    },
  },
  {
    name: 'user',
    usage: 'user',
    summary: 'lower the level of the current CLI session to user',
    run: ({ session }) => {
      session.level = 'user';
      return NOTHING;
    },
  },
  {
    name: 'experimental-mode',
    usage: 'experimental-mode [on|off]',
    summary: 'accepted: nothing here is experimental',
    hidden: true,
    run: () => NOTHING,
  },
  {
    name: 'expert-mode',
    usage: 'expert-mode [on|off]',
    summary: 'accepted: nothing here is for experts only',
    hidden: true,
    run: () => NOTHING,
  },
];
