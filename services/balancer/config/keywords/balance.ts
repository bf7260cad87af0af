import type { BalanceAlgorithm } from '../../model.ts';
import { isKnownAt, unavailable } from '../../rules/place.ts';
import { compileExpression, ExpressionError } from '../../samples/compile.ts';
import type { CompileEnvironment } from '../../samples/fetch.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, parseInteger, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { environmentOf } from '../rule-context.ts';

interface Row {
  usage: string;
  /** Words behind the first that the row looks at itself. */
  arguments?: true;
  /** A text says what is wrong. */
  read(
    argument: string | undefined,
    words: readonly string[],
    environment: CompileEnvironment,
  ): BalanceAlgorithm | string;
}

type Plain = 'static-rr' | 'roundrobin' | 'leastconn' | 'first' | 'peak-ewma' | 'least-pending';

const plain = (name: Plain | 'source'): Row => ({ usage: name, read: () => ({ name }) });

/** The algorithms: HAProxy 2.6 manual, section 4.2 `balance`; the last two are ours. */
const ALGORITHMS: Readonly<Record<string, Row>> = {
  roundrobin: plain('roundrobin'),
  'static-rr': plain('static-rr'),
  leastconn: plain('leastconn'),
  first: plain('first'),
  source: plain('source'),
  uri: { usage: 'uri [ len <l> | depth <d> | whole | path-only ]*', arguments: true, read: uriOf },
  url_param: {
    usage: 'url_param <name> [check_post]',
    arguments: true,
    read: (_, words) => {
      const [parameter = '', modifier = ''] = words;
      if (parameter === '') return 'requires an URL parameter name.';
      if (modifier !== '' && modifier !== 'check_post') {
        return `only accepts 'check_post' modifier (got '${modifier}').`;
      }
      return { name: 'url_param', parameter, checkPost: modifier !== '' };
    },
  },
  hdr: {
    usage: 'hdr(<name>) [use_domain_only]',
    arguments: true,
    read: (header, [modifier = '']) => {
      if (header === undefined || header === '') return 'requires an http header field name.';
      if (modifier !== '' && modifier !== 'use_domain_only') {
        return `(${header}) only accepts 'use_domain_only' modifier (got '${modifier}').`;
      }
      return { name: 'hdr', header: header.toLowerCase(), domainOnly: modifier !== '' };
    },
  },
  'rdp-cookie': {
    usage: 'rdp-cookie[(<name>)]',
    read: (cookie) =>
      cookie === '' ? ': missing cookie name.' : { name: 'rdp-cookie', cookie: cookie ?? '' },
  },
  hash: {
    usage: 'hash <expression>',
    arguments: true,
    read: (_, [text = ''], environment) => expressionOf(text, environment),
  },
  random: {
    usage: 'random[(<draws>)]',
    read: (draws) => (draws === undefined ? { name: 'random', draws: DRAWS } : drawsOf(draws)),
  },
  'peak-ewma': plain('peak-ewma'),
  'least-pending': plain('least-pending'),
};

/** Who may have something in parentheses. */
const TAKES_ARGUMENT = ['hdr', 'rdp-cookie', 'random'];

export const BALANCE_USAGE = Object.values(ALGORITHMS)
  .map(({ usage }) => usage)
  .join(' | ');

/** HAProxy's own when `random` names none. */
const DRAWS = 2;
/** HAProxy keeps the number in 32 bits; more draws than servers there could be gain nothing. */
const MAX_DRAWS = 65_536;

/** `balance <algorithm> [<arguments>]`. */
export function parseBalance(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const text = statement.word(1) || 'roundrobin';
  const name = text.replace(/\(.*/s, '');
  const row = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (!row || (text !== name && !TAKES_ARGUMENT.includes(name))) {
    const known = Object.keys(ALGORITHMS);
    const message = `unknown algorithm '${text}'${suggestion(name, known)}`;
    const quoted = known.map((algorithm) => `'${algorithm}'`);
    const supported = `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
    problems.alert(statement.at(1), `${message} balance only supports ${supported}.`);
    return;
  }
  const inner = text === name ? undefined : text.slice(name.length + 1);
  const words = statement.tokens.slice(2).map((token) => token.text);
  const balance =
    !inner || inner.endsWith(')')
      ? row.read(inner?.slice(0, -1), words, environmentOf(context, statement.position))
      : ': missing closing parenthesis.';
  if (typeof balance === 'string') {
    problems.alert(
      statement.at(1),
      `balance ${name}${balance.startsWith('(') ? '' : ' '}${balance}`,
    );
    return;
  }
  draft.settings.balance = balance;
  draft.settings.balanced = true;
  // The body must be there before a parameter is looked for in it.
  if (balance.name === 'url_param' && balance.checkPost) draft.settings.rules.bufferRequest = true;
  const extra = statement.tokens[2];
  if (extra && !row.arguments) {
    problems.warn(
      statement.at(2),
      `'balance ${text}' : extra argument '${extra.text}' is ignored.`,
    );
  }
}

/** The draws in parentheses; a text says what is wrong. */
function drawsOf(text: string): BalanceAlgorithm | string {
  if (text === '') return { name: 'random', draws: DRAWS };
  if (!/^[+-]?\d+$/.test(text)) return `: '${text}' is no number of draws.`;
  const draws = Number(text);
  if (draws < 1) return ': number of draws must be at least 1.';
  if (draws > MAX_DRAWS) return `: number of draws must be at most ${MAX_DRAWS}.`;
  return { name: 'random', draws };
}

/** What it reads must be known before a server is. */
function expressionOf(text: string, environment: CompileEnvironment): BalanceAlgorithm | string {
  if (text === '') return 'requires a sample expression.';
  try {
    const expression = compileExpression(text, environment);
    if (isKnownAt(expression.source, 'request')) return { name: 'hash', expression };
    return `: ${unavailable(text, expression.source)}`;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return `expression '${text}' : ${error.message}.`;
  }
}

function uriOf(_: string | undefined, words: readonly string[]): BalanceAlgorithm | string {
  const uri = { name: 'uri' as const, whole: false, pathOnly: false, length: 0, depth: 0 };
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === 'whole') uri.whole = true;
    else if (word === 'path-only') uri.pathOnly = true;
    else if (word === 'len' || word === 'depth') {
      index += 1;
      const text = words[index] ?? '';
      const value = parseInteger(text);
      if (value === undefined || value < 1) {
        return `: '${word}' expects a positive integer (got '${text}').`;
      }
      uri[word === 'len' ? 'length' : 'depth'] = value;
    } else {
      return `only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '${word}').`;
    }
  }
  return uri;
}
