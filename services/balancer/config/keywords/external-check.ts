import type { ProxyDraft } from '../draft.ts';
import type { Context } from '../keyword.ts';
import { onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

/** `external-check command <command>` and `external-check path <path>`: manual, section 4.2. */
export function parseExternalCheck(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const what = statement.word(1);
  const { check } = draft.settings;
  if (what !== 'command' && what !== 'path') {
    const message = `'external-check' only supports 'command' and 'path'. but got '${what}'.`;
    context.problems.alert(statement.at(1), message);
    return;
  }
  const value = statement.word(2);
  if (value === '') {
    context.problems.alert(statement.at(1), `missing argument after '${what}'.`);
    return;
  }
  if (onlyArguments(statement, 1, context, 2)) check[what] = value;
}
