import type { ReuseMode } from '../../model.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const MODES: readonly ReuseMode[] = ['never', 'safe', 'aggressive', 'always'];

/** `http-reuse { never | safe | aggressive | always }`: HAProxy 2.6 manual, section 4.2. */
export function parseHttpReuse(draft: ProxyDraft, statement: Statement, context: Context): void {
  const mode = MODES.find((each) => each === statement.word(1));
  if (!mode) {
    const message = "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.";
    context.problems.alert(statement.position, message);
    return;
  }
  if (onlyArguments(statement, 1, context)) draft.settings.httpReuse = mode;
}
