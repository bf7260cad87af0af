import { readFileSync } from 'node:fs';
import type { ProxyDraft } from '../draft.ts';
import { type Context, parseInteger } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { systemReason } from '../source.ts';

/** Statuses that HAProxy 2.6 itself may answer with: manual, section 1.3.1. */
const STATUSES: readonly number[] = [
  200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504,
];

/** Larger ones do not fit the buffer that HAProxy sends them from. */
const MAX_SIZE = 16_384;

/** Just what a peer would take for a response; the rest is the owner's text. */
const RESPONSE = /^HTTP\/1\.[01] [1-5]\d\d(?: [^\r\n]*)?\r?\n(?:[^\r\n:]+:[^\r\n]*\r?\n)*\r?\n/;

/** `errorfile <status> <file>`: HAProxy 2.6 manual, section 4.2. An empty file answers nothing. */
export function parseErrorFile(draft: ProxyDraft, statement: Statement, context: Context): void {
  const found = readErrorFile(statement, context);
  if (!found) return;
  draft.settings.errorFiles.set(found.status, found.path);
  draft.settings.errorLocations.delete(found.status);
  draft.settings.errorReplies.delete(found.status);
}

/** The arguments of `errorfile`, with the file looked at; undefined after reporting what is wrong. */
export function readErrorFile(
  statement: Statement,
  context: Context,
): { status: number; path: string } | undefined {
  const fail = (index: number, message: string): undefined => {
    context.problems.alert(statement.at(index), `errorfile : ${message}`);
    return undefined;
  };
  const [code, path] = [statement.word(1), statement.word(2)];
  if (code === '' || path === '') return fail(1, 'expects <status_code> and <file> as arguments.');
  const status = parseInteger(code);
  if (status === undefined || !STATUSES.includes(status)) {
    return fail(1, `status code '${code}' not handled.`);
  }
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    return fail(2, `error opening file '${path}' (${systemReason(error)}).`);
  }
  if (text.length > MAX_SIZE) return fail(2, `'${path}' is larger than ${MAX_SIZE} bytes.`);
  if (text !== '' && !RESPONSE.test(text)) {
    return fail(2, `'${path}': unable to parse headers; it must hold a whole HTTP response.`);
  }
  return { status, path };
}

/** `errorloc <status> <url>` and its two forms. */
export const parseErrorLocation =
  (status: 302 | 303) =>
  (draft: ProxyDraft, statement: Statement, { problems }: Context): void => {
    const [code, location] = [statement.word(1), statement.word(2)];
    if (code === '' || location === '') {
      const message = `'${statement.word(0)}' : expects <status_code> and <url> as arguments.`;
      problems.alert(statement.at(1), message);
      return;
    }
    const handled = parseInteger(code);
    if (handled === undefined || !STATUSES.includes(handled)) {
      const message = `'${statement.word(0)}' : status code '${code}' not handled.`;
      problems.alert(statement.at(1), message);
      return;
    }
    draft.settings.errorLocations.set(handled, { status, location });
    draft.settings.errorFiles.delete(handled);
    draft.settings.errorReplies.delete(handled);
  };

/** `errorfiles <section> [<status>]*`. */
export function parseErrorFiles(draft: ProxyDraft, statement: Statement, context: Context): void {
  const name = statement.word(1);
  const files = context.shared.errorSections.get(name);
  if (!files) {
    const message = `'errorfiles' : unknown http-errors section '${name}'.`;
    context.problems.alert(statement.at(1), message);
    return;
  }
  const wanted = statement.tokens.slice(2).map(({ text }) => Number(text));
  for (const [status, path] of files) {
    if (wanted.length > 0 && !wanted.includes(status)) continue;
    draft.settings.errorFiles.set(status, path);
    draft.settings.errorLocations.delete(status);
    draft.settings.errorReplies.delete(status);
  }
}
