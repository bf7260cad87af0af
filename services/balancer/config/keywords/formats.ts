import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import type { FormatText } from '../rules-draft.ts';

type Key = 'logFormat' | 'logFormatSd' | 'errorLogFormat' | 'uniqueIdFormat';

/** `log-format`, `log-format-sd` and `unique-id-format`; compiled once everything is read. */
export const parseFormat =
  (keyword: string, key: Key) =>
  (draft: ProxyDraft, statement: Statement, context: Context): void => {
    const text = statement.word(1);
    if (text === '') {
      context.problems.alert(statement.position, `'${keyword}' expects an argument.`);
      return;
    }
    if (!onlyArguments(statement, 1, context)) return;
    const format: FormatText = { text, position: statement.position };
    draft.settings.rules[key] = format;
    if (key === 'logFormat') {
      draft.settings.options.logFormat = undefined;
      draft.settings.logFormatPosition = statement.position;
    }
  };

/** `unique-id-header <name>`. */
export function parseUniqueIdHeader(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const name = statement.word(1);
  if (name === '') {
    context.problems.alert(statement.position, "'unique-id-header' expects an argument.");
    return;
  }
  draft.settings.rules.uniqueIdHeader = name.toLowerCase();
}

/** `monitor-uri <uri>`. */
export function parseMonitorUri(draft: ProxyDraft, statement: Statement, context: Context): void {
  const uri = statement.word(1);
  if (uri === '') {
    context.problems.alert(statement.position, "'monitor-uri' expects an URI.");
    return;
  }
  if (onlyArguments(statement, 1, context)) draft.settings.rules.monitorUri = uri;
}
