import { isErrorStatus } from '../../http/errors.ts';
import { parseReply } from '../../rules/reply.ts';
import { Words } from '../../rules/words.ts';
import { ExpressionError } from '../../samples/fetch.ts';
import { describeProxy, type ProxyDraft } from '../draft.ts';
import type { Context } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { ruleContext } from '../rule-context.ts';

export const HTTP_ERROR_USAGE =
  'status <code> [ content-type <type> ] [ <content> ] [ hdr <name> <fmt> ]*';

/** `http-error`: an answer of one's own in place of an error page (HAProxy 2.6 manual, section 4.2). */
export function parseHttpError(draft: ProxyDraft, statement: Statement, context: Context): void {
  const words = new Words(
    statement.tokens.map((token) => token.text),
    1,
  );
  const position = { ...statement.position, column: 0 };
  const rule = ruleContext(draft, position, context, 'error-page', 'http-error');
  try {
    const at = statement.tokens.findIndex(({ text }) => text === 'status');
    const status = Number(statement.word(at + 1));
    if (at < 0) throw new ExpressionError("'http-error' expects at least a status code");
    if (!isErrorStatus(status)) throw new ExpressionError(`unhandled status code '${status}'`);
    const reply = parseReply(words, rule, status, false);
    if (!words.done) throw new ExpressionError(`unexpected argument '${words.take()}'`);
    const { errorReplies, errorFiles, errorLocations } = draft.settings;
    const page = statement.tokens.some(({ text }) => text === 'default-errorfiles');
    if (page) errorReplies.delete(status);
    else errorReplies.set(status, reply);
    errorFiles.delete(status);
    errorLocations.delete(status);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const message = `error detected in ${describeProxy(draft)} while parsing 'http-error' : ${error.message.replace(/\.?$/, '.')}`;
    context.problems.alert(statement.position, message);
  }
}
