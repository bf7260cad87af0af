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
  const fail = (index: number, message: string): void =>
    context.problems.alert(statement.at(index), `errorfile : ${message}`);
  const [code, path] = [statement.word(1), statement.word(2)];
  if (code === '' || path === '') {
    fail(1, 'expects <status_code> and <file> as arguments.');
    return;
  }
  const status = parseInteger(code);
  if (status === undefined || !STATUSES.includes(status)) {
    fail(1, `status code '${code}' not handled.`);
    return;
  }
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    fail(2, `error opening file '${path}' (${systemReason(error)}).`);
    return;
  }
  if (text.length > MAX_SIZE) {
    fail(2, `'${path}' is larger than ${MAX_SIZE} bytes.`);
    return;
  }
  if (text !== '' && !RESPONSE.test(text)) {
    fail(2, `'${path}': unable to parse headers; it must hold a whole HTTP response.`);
    return;
  }
  draft.settings.errorFiles.set(status, path);
}
