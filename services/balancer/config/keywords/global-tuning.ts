import { setByExpression, setByFormat } from '../../rules/process-variable.ts';
import { ExpressionError } from '../../samples/fetch.ts';
import { parseVariable } from '../../samples/variables.ts';
import type { GlobalDraft } from '../draft.ts';
import { type Keyword, type KeywordTable, onlyArguments, parseInteger } from '../keyword.ts';
import { environmentOf } from '../rule-context.ts';

type Row = Keyword<GlobalDraft>;

/** A word alone that asks for what is done anyway, or for what has no counterpart here. */
const flag = (summary: string): Row => ({
  usage: '',
  summary: `accepted: ${summary}`,
  parse: (_global, statement, context) => {
    onlyArguments(statement, 0, context);
  },
});

/** A number that sizes something that the runtime sizes by itself. */
const number = (name: string, summary = 'the runtime sizes that by itself'): Row => ({
  usage: '<number>',
  summary: `accepted: ${summary}`,
  parse: (_global, statement, context) => {
    if (!onlyArguments(statement, 1, context)) return;
    const value = parseInteger(statement.word(1));
    if (value !== undefined && value >= 0) return;
    context.problems.alert(statement.at(1), `'${name}' expects a positive integer argument.`);
  },
});

/** A limit of messages, which is the one that HAProxy has where nothing is said. */
const fixed = (name: string, what: string): Row => ({
  usage: '<number>',
  summary: `accepted with a notice: ${what}`,
  parse: (global, statement, context) => {
    number(name).parse(global, statement, context);
    context.problems.notice(statement.position, `'${name}' is not applied: ${what}.`);
  },
});

const words = (summary: string): Row => ({
  usage: '<words>',
  summary: `accepted: ${summary}`,
  parse: () => undefined,
});

const NUMBERS = `
  maxcompcpuusage maxcomprate maxpipes maxzlibmem mworker-max-reloads thread-group thread-groups
  tune.buffers.limit tune.buffers.reserve tune.chksize tune.comp.maxlevel tune.http.cookielen
  tune.idletimer tune.maxaccept tune.maxpollevents tune.maxrewrite tune.pattern.cache-size
  tune.peers.max-updates-at-once tune.pipesize tune.pool-high-fd-ratio tune.pool-low-fd-ratio
  tune.rcvbuf.client tune.rcvbuf.server tune.recv_enough tune.runqueue-depth tune.sndbuf.client
  tune.sndbuf.server tune.ssl.hard-maxrecord tune.ssl.ssl-ctx-cache-size
  tune.vars.check-max-size tune.vars.global-max-size tune.vars.proc-max-size
  tune.vars.reqres-max-size tune.vars.sess-max-size tune.vars.txn-max-size tune.zlib.memlevel
  tune.zlib.windowsize tune.h2.header-table-size tune.h2.initial-window-size
  tune.h2.max-concurrent-streams tune.h2.max-frame-size tune.http.logurilen
`
  .trim()
  .split(/\s+/);

const FLAGS = {
  'busy-polling': 'the runtime decides how it waits',
  noepoll: 'the runtime decides how it waits',
  nopoll: 'the runtime decides how it waits',
  noreuseport: 'an address is only shared with a process that takes over',
  nosplice: 'bytes are never spliced',
  nogetaddrinfo: "names are looked up by the system's resolver",
  quiet: '`-q` silences the command',
  'ssl-mode-async': 'TLS is done at once',
  'tune.ssl.force-private-cache': 'each worker has its own TLS sessions',
} as const;

function setVariable(format: boolean): Row['parse'] {
  return (_global, statement, context) => {
    const { problems } = context;
    const keyword = statement.word(0);
    const written = statement.word(1);
    const name = parseVariable(written);
    const fail = (message: string): void => problems.alert(statement.at(1), message);
    if ('error' in name) {
      fail(`'${keyword}' : ${name.error}`);
      return;
    }
    if (name.scope !== 'proc') {
      fail(
        `'${keyword}': cannot set variable '${written}', only scope 'proc' is permitted in the global section.`,
      );
      return;
    }
    const text = statement.tokens
      .slice(2)
      .map((token) => token.text)
      .join(' ');
    const environment = environmentOf(context, statement.position);
    try {
      if (format) setByFormat(name.name, text, environment);
      else setByExpression(name.name, text, environment);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      fail(`'${keyword}' : ${error.message}`);
    }
  };
}

/** What tunes HAProxy's own machinery: manual, sections 3.1 and 3.2. */
export const GLOBAL_TUNING: KeywordTable<Row> = {
  ...Object.fromEntries(NUMBERS.map((name) => [name, number(name)])),
  ...Object.fromEntries(Object.entries(FLAGS).map(([name, why]) => [name, flag(why)])),
  ...Object.fromEntries(
    ['tune.ssl.capture-buffer-size', 'tune.ssl.capture-cipherlist-size'].map((name) => [
      name,
      number(name, 'what clients offer is not kept'),
    ]),
  ),
  'tune.bufsize': fixed('tune.bufsize', 'a head may have 16384 bytes'),
  'tune.http.maxhdr': fixed('tune.http.maxhdr', 'a head may have 100 fields'),
  'cpu-map': words('the system places workers on processors'),
  'numa-cpu-mapping': words('the system places workers on processors'),
  'close-spread-time': words('connections are not closed by a soft stop'),
  'profiling.tasks': words('profiles are taken from outside'),
  'tune.fd.edge-triggered': words('the runtime decides how it waits'),
  'tune.idle-pool.shared': words('each worker has its own idle connections'),
  'tune.listener.multi-queue': words('the system spreads connections over workers'),
  'tune.sched.low-latency': words('the runtime schedules by itself'),
  localpeer: {
    usage: '<name>',
    summary: 'name of this node, as `-L`',
    parse: (_global, statement, context) => {
      const name = statement.word(1);
      if (name === '') {
        context.problems.alert(statement.at(1), "'localpeer' expects a name as an argument.");
      } else if (onlyArguments(statement, 1, context)) {
        context.environment.set('HAPROXY_LOCALPEER', name);
      }
    },
  },
  nbproc: {
    usage: '<number>',
    summary: 'gone since HAProxy 2.5',
    parse: (_global, statement, { problems }) =>
      problems.alert(
        statement.position,
        'nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor machines if available.',
      ),
  },
  'set-var': {
    usage: '<var-name> <expr>',
    summary: 'a variable of the process (scope proc)',
    parse: setVariable(false),
  },
  'set-var-fmt': {
    usage: '<var-name> <text>',
    summary: 'the same, a text',
    parse: setVariable(true),
  },
  'zero-warning': {
    usage: '',
    summary: 'a warning makes the files unusable, as with `-dW`',
    parse: (global, statement, context) => {
      if (onlyArguments(statement, 0, context)) global.zeroWarning = true;
    },
  },
};
