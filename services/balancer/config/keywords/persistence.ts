import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

/** `persist rdp-cookie[(<name>)]`: HAProxy 2.6 manual, section 4.2. */
export function parsePersist(draft: ProxyDraft, statement: Statement, context: Context): void {
  const text = statement.word(1);
  const found = /^rdp-cookie(?:\(([^)]*)\))?$/.exec(text);
  if (!found) {
    const message = text === '' ? 'missing persist method.' : 'unknown persist method.';
    context.problems.alert(statement.at(1), message);
    return;
  }
  draft.settings.persistRdpCookie = found[1] ?? 'msts';
}

/** `dynamic-cookie-key <key>`. */
export function parseDynamicCookieKey(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const key = statement.word(1);
  if (key === '') {
    const message = "'dynamic-cookie-key' expects <secret_key> as argument.";
    context.problems.alert(statement.at(1), message);
    return;
  }
  if (onlyArguments(statement, 1, context)) draft.settings.dynamicCookieKey = key;
}
