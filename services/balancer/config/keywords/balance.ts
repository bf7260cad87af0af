import type { BalanceAlgorithm } from '../../model.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const ALGORITHMS = ['roundrobin', 'static-rr', 'leastconn', 'first', 'random'] as const;
const FOREIGN = ['source', 'uri', 'url_param', 'hdr', 'rdp-cookie', 'hash'];

export const BALANCE_USAGE = ALGORITHMS.map((name) =>
  name === 'random' ? 'random[(<draws>)]' : name,
).join(' | ');

/** HAProxy's own when `random` names none. */
const DRAWS = 2;
/** HAProxy keeps the number in 32 bits; more draws than servers there could be gain nothing. */
const MAX_DRAWS = 65_536;

/** `balance <algorithm>`: HAProxy 2.6 manual, section 4.2. */
export function parseBalance(draft: ProxyDraft, statement: Statement, { problems }: Context): void {
  const text = statement.word(1);
  const name = text.replace(/\(.*/s, '');
  const known = ALGORITHMS.find((algorithm) => algorithm === name);
  const takesArgument = known === 'random' || text === name;
  if (text !== '' && (known === undefined || !takesArgument)) {
    const message = FOREIGN.includes(name)
      ? `unsupported algorithm '${text}': HAProxy has it, this balancer does not.`
      : `unknown algorithm '${text}'${suggestion(name, ALGORITHMS)}`;
    const quoted = ALGORITHMS.map((algorithm) => `'${algorithm}'`);
    const supported = `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
    problems.alert(statement.at(1), `${message} balance only supports ${supported}.`);
    return;
  }
  const balance = known === 'random' ? randomOf(text) : { name: known ?? 'roundrobin' };
  if (typeof balance === 'string') {
    problems.alert(statement.at(1), `'balance random' : ${balance}`);
    return;
  }
  draft.settings.balance = balance;
  const extra = statement.tokens[2];
  if (extra) {
    problems.warn(
      statement.at(2),
      `'balance ${text}' : extra argument '${extra.text}' is ignored.`,
    );
  }
}

/** `random`, `random()` or `random(<draws>)`; a text says what is wrong. */
function randomOf(text: string): BalanceAlgorithm | string {
  if (text === 'random' || text === 'random()') return { name: 'random', draws: DRAWS };
  if (!text.endsWith(')')) return 'missing closing parenthesis.';
  const inner = text.slice('random('.length, -1);
  if (!/^[+-]?\d+$/.test(inner)) return `'${inner}' is no number of draws.`;
  const draws = Number(inner);
  if (draws < 1) return 'number of draws must be at least 1.';
  if (draws > MAX_DRAWS) return `number of draws must be at most ${MAX_DRAWS}.`;
  return { name: 'random', draws };
}
