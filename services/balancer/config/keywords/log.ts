import { FACILITIES } from '../../log/facilities.ts';
import { LEVELS, levelNumber } from '../../log/record.ts';
import type { LogLineFormat, LogTarget } from '../../model.ts';
import { parseAddress } from '../address.ts';
import { isHostName } from '../host-names.ts';
import { type Context, parseInteger, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { parseLocalAddress } from '../local-address.ts';

const FORMATS: readonly LogLineFormat[] = [
  'local',
  'rfc3164',
  'rfc5424',
  'priority',
  'short',
  'timed',
  'iso',
  'raw',
];
const MIN_LENGTH = 80;
const MAX_LENGTH = 65_535;
const DEFAULT_LENGTH = 1024;
const SYSLOG_PORT = 514;
const DEBUG = LEVELS.indexOf('debug');

/** The list of targets that a `log` line adds to, or that `no log` empties. */
export type LogList = (LogTarget | 'global')[];

/**
 * `log <target> [len <length>] [format <format>] <facility> [<max level> [<min level>]]`, and
 * `log global` in proxies. Source: HAProxy 2.6 manual, section 4.2 "log".
 */
export function parseLog(
  statement: Statement,
  context: Context,
  { inProxy }: { inProxy: boolean },
): LogTarget | 'global' | undefined {
  const { problems } = context;
  const fail = (index: number, message: string): undefined => {
    problems.alert(statement.at(index), `log : ${message}`);
    return undefined;
  };
  if (statement.word(1) === 'global' && statement.length === 2) {
    if (inProxy) return 'global';
    return fail(1, "'global' is not supported in the global section");
  }
  if (statement.length < 3)
    return fail(1, 'expects <address> and <facility> or global as arguments');
  const place = parsePlace(statement, context);
  let index = 2;
  let maxLength = DEFAULT_LENGTH;
  if (statement.word(index) === 'len') {
    const text = statement.word(index + 1);
    const length = parseInteger(text) ?? 0;
    if (length < MIN_LENGTH || length > MAX_LENGTH) {
      const range = `must be between ${MIN_LENGTH} and ${MAX_LENGTH}`;
      return fail(index + 1, `invalid log length '${text}', ${range}`);
    }
    maxLength = length;
    index += 2;
  }
  let format: LogLineFormat | undefined;
  if (statement.word(index) === 'format') {
    const text = statement.word(index + 1);
    const known = FORMATS.find((name) => name === text);
    if (!known) {
      return fail(index + 1, `unknown log format '${text}'${suggestion(text, FORMATS)}`);
    }
    format = known;
    index += 2;
  }
  if (statement.word(index) === 'sample') return fail(index, "'sample' is not supported");
  const facility = statement.word(index);
  if (!FACILITIES.includes(facility)) {
    return fail(index, `unknown log facility '${facility}'${suggestion(facility, FACILITIES)}`);
  }
  const levels = [DEBUG, 0];
  for (const which of [0, 1]) {
    const text = statement.word(++index);
    if (text === '') break;
    const level = levelNumber(text);
    if (level < 0) {
      return fail(index, `unknown optional log level '${text}'${suggestion(text, LEVELS)}`);
    }
    levels[which] = level;
  }
  const extra = statement.tokens[index + 1];
  if (extra) return fail(index + 1, `cannot handle unexpected argument '${extra.text}'`);
  if (!place) return undefined;
  const [maxLevel = DEBUG, minLevel = 0] = levels;
  return Object.assign(place, {
    format: format ?? 'local',
    facility,
    maxLevel,
    minLevel,
    maxLength,
  });
}

/** `kind` and `address`; an alert and undefined where we cannot send. */
function parsePlace(statement: Statement, context: Context): LogTarget | undefined {
  const text = statement.word(1);
  const target = (kind: LogTarget['kind'], address: string): LogTarget => ({
    kind,
    address,
    format: 'local',
    facility: 'local0',
    maxLevel: DEBUG,
    minLevel: 0,
    maxLength: DEFAULT_LENGTH,
  });
  const fail = (message: string): undefined => {
    context.problems.alert(statement.at(1), `log : ${message}`);
    return undefined;
  };
  if (text === 'stdout') return target('stdout', '1');
  if (text === 'stderr') return target('stderr', '2');
  if (text.startsWith('fd@')) {
    const number = parseInteger(text.slice(3));
    if (number === undefined || number < 0) {
      return fail(`file descriptor '${text.slice(3)}' is not a valid integer in '${text}'`);
    }
    return target('fd', String(number));
  }
  const local = parseLocalAddress(text, context.environment);
  if (local?.kind === 'invalid') return fail(local.error);
  if (local?.kind === 'path') return target('unix', local.host);
  if (text.startsWith('ring@')) return fail(`rings are not supported in '${text}'`);
  const parsed = parseAddress(text.replace(/^udp@/, ''), context.environment);
  if (parsed.error !== undefined) return fail(parsed.error);
  const { host, family, ports } = parsed.address;
  if (ports && ports.first !== ports.last)
    return fail(`port range not permitted here in '${text}'`);
  const port = ports?.first ?? SYSLOG_PORT;
  const to = target('udp', joinHostPort(host === '' ? '127.0.0.1' : host, port));
  if (isHostName(host)) {
    context.hostNames.add({
      name: host,
      family,
      position: statement.at(1),
      subject: 'log',
      apply: (address) => {
        to.address = joinHostPort(address, port);
      },
    });
  }
  return to;
}

function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
