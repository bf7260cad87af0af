import { accountNumber } from '../../listeners/accounts.ts';
import type { Position } from '../../model.ts';
import { LEVELS, type RuntimeSocketConfig } from '../../runtime/config.ts';
import { parseAddress } from '../address.ts';
import type { GlobalDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import {
  type Context,
  type Keyword,
  type KeywordTable,
  MAX_COUNT,
  onlyArguments,
  parseInteger,
  suggestion,
} from '../keyword.ts';
import type { Environment, Statement } from '../lexer.ts';
import { parseLocalAddress } from '../local-address.ts';

/** Parameters of `stats socket`; a value follows each. */
const PARAMETERS = [
  ...['level', 'mode', 'uid', 'user', 'gid', 'group'],
  ...['expose-fd', 'name', 'process', 'thread', 'severity-output'],
];

/** `stats` in the global section: HAProxy 2.6 manual, section 3.1. */
export const GLOBAL_STATS: KeywordTable<Keyword<GlobalDraft>> = {
  stats: {
    usage: 'socket <address> [<param>]* | timeout <time> | maxconn <number>',
    summary: 'the runtime socket: where it listens, and its limits',
    parse: (global, statement, context) => {
      const what = statement.word(1);
      if (what === 'socket') parseStatsSocket(global, statement, context);
      else if (what === 'timeout') parseTimeout(global, statement, context);
      else if (what === 'maxconn') parseMaxconn(global, statement, context);
      else if (what === 'bind-process') {
        context.problems.warn(statement.position, "'stats bind-process' : there is one process.");
      } else {
        const message = `'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout' (got '${what}').`;
        context.problems.alert(statement.at(1), message);
      }
    },
  },
};

function parseTimeout({ runtime }: GlobalDraft, statement: Statement, context: Context): void {
  const text = statement.word(2);
  const { problems } = context;
  if (text === '') {
    problems.alert(statement.position, "'stats timeout' expects a delay in milliseconds.");
    return;
  }
  const duration = parseDuration(text);
  if (duration.error) {
    const where = "'stats timeout'";
    problems.alert(statement.at(2), describeDurationError(duration.error, text, where));
    return;
  }
  if (duration.value === 0) {
    problems.alert(statement.at(2), "'stats timeout' expects a positive value");
    return;
  }
  if (onlyArguments(statement, 1, context, 2)) runtime.timeout = duration.value;
}

function parseMaxconn({ runtime }: GlobalDraft, statement: Statement, context: Context): void {
  const value = parseInteger(statement.word(2));
  if (value === undefined || value <= 0 || value > MAX_COUNT) {
    context.problems.alert(statement.at(2), "'stats maxconn' expects a positive value");
    return;
  }
  if (onlyArguments(statement, 1, context, 2)) runtime.maxconn = value;
}

function parseStatsSocket({ runtime }: GlobalDraft, statement: Statement, context: Context): void {
  const { problems, environment } = context;
  const words = statement.tokens.slice(2).map(({ text }) => text);
  if (words.length === 0) {
    const message =
      "'stats socket' in 'global section' expects an address or a path to a UNIX socket";
    problems.alert(statement.at(2), message);
    return;
  }
  const socket = readRuntimeSocket(words, environment, statement.at(2));
  if (typeof socket === 'string') problems.alert(statement.at(2), `'stats socket' : ${socket}`);
  else runtime.sockets.push(socket);
}

/** An address and its parameters; a text says what is wrong. */
export function readRuntimeSocket(
  [written = '', ...parameters]: readonly string[],
  environment: Environment,
  position: Position,
): RuntimeSocketConfig | string {
  const socket = parseRuntimeAddress(written, environment, position);
  if (typeof socket === 'string') return socket;
  for (let index = 0; index < parameters.length; index += 2) {
    const [name = '', value = ''] = parameters.slice(index, index + 2);
    if (!PARAMETERS.includes(name)) {
      return `unknown keyword '${name}'${suggestion(name, PARAMETERS)}.`;
    }
    const error = value === '' ? 'missing value' : setParameter(socket, name, value);
    if (error !== undefined) return `'${name}' : ${error}`;
  }
  return socket;
}

/** Where a runtime socket listens, as HAProxy writes addresses; a text says what is wrong. */
function parseRuntimeAddress(
  written: string,
  environment: Environment,
  position: Position,
): RuntimeSocketConfig | string {
  const local = parseLocalAddress(written, environment);
  const level = 'operator';
  if (local?.kind === 'invalid') return local.error;
  if (local?.kind === 'descriptor') {
    return { host: '', port: 0, fd: local.fd, level, label: `fd@${local.fd}`, position };
  }
  if (local) {
    const { host } = local;
    const label = host.startsWith('\0')
      ? `abns@${host.slice(1).replace(/\0+$/, '')}`
      : `unix@${host}`;
    return { host, port: 0, level, label, position };
  }
  const parsed = parseAddress(written, environment);
  if (parsed.error !== undefined) return parsed.error;
  const { host, family, ports } = parsed.address;
  if (ports === undefined || ports.first !== ports.last) return `missing port in '${written}'`;
  const label = family === 6 ? `ipv6@[${host}]:${ports.first}` : `ipv4@${host}:${ports.first}`;
  return { host, port: ports.first, level, label, position };
}

/** Returns what is wrong with `value`, if anything. */
function setParameter(
  socket: RuntimeSocketConfig,
  name: string,
  value: string,
): string | undefined {
  switch (name) {
    case 'level': {
      const level = LEVELS.find((one) => one === value);
      if (!level) {
        return "only supports 'user', 'operator', and 'admin'";
      }
      socket.level = level;
      return undefined;
    }
    case 'mode':
      if (!/^[0-7]{1,4}$/.test(value)) return `invalid mode '${value}' (octal integer expected)`;
      socket.owner = { ...socket.owner, mode: Number.parseInt(value, 8) };
      return undefined;
    case 'uid':
    case 'gid':
      socket.owner = { ...socket.owner, [name]: Number.parseInt(value, 10) || 0 };
      return undefined;
    case 'user':
    case 'group': {
      const number = accountNumber(name === 'user' ? '/etc/passwd' : '/etc/group', value);
      if (number === undefined) return `unknown ${name} name '${value}'`;
      socket.owner = { ...socket.owner, [name === 'user' ? 'uid' : 'gid']: number };
      return undefined;
    }
    case 'expose-fd':
      // Ports are shared with the next process, which thus needs none of our descriptors.
      return value === 'listeners' ? undefined : `only supports 'listeners'`;
    case 'severity-output':
      return ['none', 'number', 'string'].includes(value)
        ? undefined
        : 'unknown severity output format';
    default:
      return undefined;
  }
}
