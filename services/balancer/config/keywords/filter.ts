import { describeProxy, type ProxyDraft } from '../draft.ts';
import { type Context, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const FILTERS = ['cache', 'compression'] as const;
const FOREIGN_FILTERS = ['bwlim-in', 'bwlim-out', 'fcgi-app', 'opentracing', 'spoe', 'trace'];

/**
 * `filter <name> …` (manual, section 9). The order of caches and compression is always the one that
 * makes sense, so that these lines change nothing.
 */
export function parseFilter(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems, shared } = context;
  const name = statement.word(1);
  if (name === '') {
    const message = `missing argument for 'filter' in ${describeProxy(draft)}.`;
    problems.alert(statement.position, message);
    return;
  }
  if (!FILTERS.some((known) => known === name)) {
    const message = FOREIGN_FILTERS.includes(name)
      ? `unsupported filter '${name}': HAProxy has it, this balancer does not.`
      : `'filter' : unknown keyword '${name}'${suggestion(name, FILTERS)}.`;
    problems.alert(statement.at(1), message);
    return;
  }
  const count = name === 'cache' ? 2 : 1;
  if (statement.length < count + 1) {
    problems.alert(statement.at(1), "'filter' : 'cache : expects a <name> argument'");
    return;
  }
  const extra = statement.tokens[count + 1];
  if (extra) {
    const message = `'filter ${name}' : unknown keyword '${extra.text}'.`;
    problems.alert(statement.at(count + 1), message);
    return;
  }
  if (name === 'cache') {
    const position = { ...statement.position, column: 0 };
    shared.cache(statement.word(2), { proxy: draft.name, position });
  }
}
