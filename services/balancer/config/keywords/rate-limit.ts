import type { RateName } from '../../listeners/rate-limits.ts';
import type { GlobalDraft, ProxyDraft } from '../draft.ts';
import {
  type Context,
  integerArgument,
  type Keyword,
  type KeywordTable,
  MAX_COUNT,
  onlyArguments,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const limit = (keyword: string, name: RateName, what: string): Keyword<GlobalDraft> => ({
  usage: '<number>',
  summary: `most ${what} in a second; more wait`,
  parse: (global, statement, context) => {
    if (!onlyArguments(statement, 1, context)) return;
    const range = { min: 0, max: MAX_COUNT, keyword };
    const value = integerArgument(statement, 1, range, context);
    if (value === undefined) return;
    if (global.rates[name] !== 0) {
      const message = `'${keyword}' already specified. Continuing.`;
      context.problems.alert(statement.position, message);
      return;
    }
    global.rates[name] = value;
  },
});

/** HAProxy 2.6 manual, section 3.2. */
export const RATE_KEYWORDS: KeywordTable<Keyword<GlobalDraft>> = {
  maxconnrate: limit('maxconnrate', 'connections', 'connections'),
  maxsessrate: limit('maxsessrate', 'sessions', 'sessions'),
  maxsslrate: limit('maxsslrate', 'tls', 'TLS handshakes'),
};

/** `rate-limit sessions <rate>`. */
export function parseRateLimit(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  if (statement.word(1) !== 'sessions') {
    problems.alert(statement.at(1), "'rate-limit' only supports 'sessions'.");
    return;
  }
  const text = statement.word(2);
  if (text === '') {
    problems.alert(statement.position, "'rate-limit sessions' expects an integer argument.");
    return;
  }
  if (!/^\d{1,9}$/.test(text)) {
    problems.alert(
      statement.at(2),
      `'rate-limit sessions' expects a positive integer, got '${text}'.`,
    );
    return;
  }
  draft.settings.rateLimit = Number(text);
}
