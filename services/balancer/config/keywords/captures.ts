import type { ProxyDraft } from '../draft.ts';
import { type Context, parseInteger } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

/** `capture request header`, `capture response header` and `capture cookie`: manual, section 4.2. */
export function parseCapture(draft: ProxyDraft, statement: Statement, { problems }: Context): void {
  const [kind, what] = [statement.word(1), statement.word(2)];
  const cookie = kind === 'cookie';
  if (!cookie && !(/^(request|response)$/.test(kind) && what === 'header')) {
    const message = "'capture' expects 'cookie' or 'request header' or 'response header'.";
    problems.alert(statement.at(1), message);
    return;
  }
  const at = cookie ? 2 : 3;
  const name = statement.word(at);
  if (name === '' || !/^len(gth)?$/.test(statement.word(at + 1))) {
    const subject = cookie ? 'capture cookie' : `capture ${kind} header`;
    problems.alert(statement.at(at), `'${subject}' expects '<name>' 'len' <length>.`);
    return;
  }
  const length = parseInteger(statement.word(at + 2)) ?? 0;
  if (length < 1 || length > 65_535) {
    const message = `invalid capture length '${statement.word(at + 2)}'.`;
    problems.alert(statement.at(at + 2), message);
    return;
  }
  const extra = statement.tokens[at + 3];
  if (extra) {
    problems.alert(
      statement.at(at + 3),
      `'capture' cannot handle unexpected argument '${extra.text}'.`,
    );
    return;
  }
  if (cookie) {
    const prefix = name.endsWith('*');
    draft.rules.cookieCapture = { name: prefix ? name.slice(0, -1) : name, length, prefix };
    return;
  }
  const list = kind === 'request' ? draft.rules.requestCaptures : draft.rules.responseCaptures;
  list.push({ name: name.toLowerCase(), length });
}
