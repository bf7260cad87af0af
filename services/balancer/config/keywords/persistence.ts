import { compileCondition } from '../../rules/condition.ts';
import type { Persistence } from '../../rules/model.ts';
import { ExpressionError } from '../../samples/fetch.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { ruleContext } from '../rule-context.ts';

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

/** `force-persist { if | unless } <condition>`, and `ignore-persist`. */
export const parsePersistence =
  (kind: Persistence) =>
  (draft: ProxyDraft, statement: Statement, context: Context): void => {
    const { problems } = context;
    const keyword = statement.word(0);
    const polarity = statement.word(1);
    if (polarity !== 'if' && polarity !== 'unless') {
      const message = `'${keyword}' requires either 'if' or 'unless' followed by a condition.`;
      problems.alert(statement.at(1), message);
      return;
    }
    const { position } = statement;
    const words = statement.tokens.map(({ text }) => text);
    try {
      const rule = ruleContext(draft, position, context, 'request', keyword);
      const when = compileCondition(words.slice(2), polarity, rule);
      draft.rules.persistence.push({ text: words.join(' '), position, when, action: kind });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const message = `error detected while parsing a '${keyword}' rule : ${error.message.replace(/\.?$/, '.')}`;
      problems.alert(position, message);
    }
  };
