import type { Timeouts } from '../../model.ts';
import { hasBackend, hasFrontend, type ProxyDraft } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import {
  type Context,
  type KeywordInfo,
  type KeywordTable,
  lookUp,
  suggestion,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';

interface TimeoutKeyword extends KeywordInfo {
  key: keyof Timeouts;
  side: 'frontend' | 'backend' | 'both';
}

const timeout = (
  key: keyof Timeouts,
  side: TimeoutKeyword['side'],
  summary: string,
): TimeoutKeyword => ({ key, side, summary, usage: '<time>' });

/** `timeout <name> <time>`: HAProxy 2.6 manual, section 4.2. 0 stands for no limit. */
export const TIMEOUTS: KeywordTable<TimeoutKeyword> = {
  connect: timeout('connect', 'backend', 'longest wait for a connection to a server'),
  client: timeout('client', 'frontend', 'longest silence of a client'),
  server: timeout('server', 'backend', 'longest silence of a server'),
  queue: timeout('queue', 'backend', 'longest wait for a free place on a server'),
  check: timeout('check', 'backend', 'longest wait for the answer to a check, once connected'),
  tunnel: timeout('tunnel', 'backend', 'longest silence on both sides once bytes flow both ways'),
  tarpit: timeout('tarpit', 'both', 'how long a tarpit lasts (default `timeout connect`)'),
  'http-request': timeout('httpRequest', 'both', 'longest time for a whole request head'),
  'http-keep-alive': timeout('httpKeepAlive', 'both', 'longest wait for the next request'),
  'client-fin': timeout('clientFin', 'frontend', 'silence of a client after one side closed'),
  'server-fin': timeout('serverFin', 'backend', 'silence of a server after one side closed'),
};

const REMOVED = ['clitimeout', 'contimeout', 'srvtimeout'];

export function parseTimeout(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const name = statement.word(1);
  const row = lookUp(TIMEOUTS, name);
  if (!row) {
    const names = Object.keys(TIMEOUTS);
    const supported = names.map((known) => `'${known}'`).join(', ');
    const guess = REMOVED.includes(name) ? '' : suggestion(name, names);
    const message = `'timeout' supports ${supported} (got '${name}')${guess}`;
    problems.alert(statement.at(1), message);
    return;
  }
  const where = `'timeout ${name}'`;
  const text = statement.word(2);
  const duration = parseDuration(text);
  if (duration.error) {
    problems.alert(statement.at(2), describeDurationError(duration.error, text, where));
    return;
  }
  const extra = statement.tokens[3];
  if (extra) {
    const message = `${where} : unexpected extra argument '${extra.text}' after value '${text}'.`;
    problems.alert(statement.at(3), message);
    return;
  }
  const { section } = draft;
  const missing =
    row.side === 'frontend' && !hasFrontend(section)
      ? 'frontend'
      : row.side === 'backend' && !hasBackend(section)
        ? 'backend'
        : undefined;
  if (missing) {
    const message = `${where} will be ignored because ${section} '${draft.name}' has no ${missing} capability`;
    problems.warn(statement.position, message);
  }
  draft.settings.timeouts[row.key] = duration.value === 0 ? undefined : duration.value;
}
