import { CR, HTAB, isDigit, LF, SP } from './chars.ts';
import { FieldScanner, MAX_HEAD } from './field-scanner.ts';
import {
  BAD_REQUEST,
  BODY_CHUNKED,
  BODY_TUNNEL,
  BODY_UNTIL_CLOSE,
  INCOMPLETE,
  type ResponseHead,
} from './head.ts';
import {
  dropOverriddenLength,
  parseVersion,
  START_LINE_OVERHEAD,
  skipEmptyLines,
} from './request-head.ts';

const fields = new FieldScanner();

export type ResponseRefusal = typeof INCOMPLETE | typeof BAD_REQUEST;

/**
 * Parses one response head to a request with `method` (its framing depends on it; RFC 9112, 6.3).
 * Returns the head, INCOMPLETE, or BAD_REQUEST for what no client must see. Never throws.
 */
export function parseResponseHead(
  input: Buffer,
  start: number,
  end: number,
  method: string,
  lenient = false,
): ResponseHead | ResponseRefusal {
  fields.lenient = lenient;
  const limit = Math.min(end, start + MAX_HEAD);
  const parsed = parse(input, start, limit, method);
  if (parsed === INCOMPLETE && limit - start >= MAX_HEAD) return BAD_REQUEST;
  return parsed;
}

function parse(
  input: Buffer,
  start: number,
  end: number,
  method: string,
): ResponseHead | ResponseRefusal {
  let at = skipEmptyLines(input, start, end);
  if (at < 0) return BAD_REQUEST;
  const version = at;
  at = parseVersion(input, at, end);
  if (at === INCOMPLETE) return INCOMPLETE;
  if (at < 0) return BAD_REQUEST;
  const blank = at;
  while (at < end && (input[at] === SP || input[at] === HTAB)) at += 1;
  if (at === end) return INCOMPLETE;
  if (at === blank) return BAD_REQUEST;

  let status = 0;
  for (let digits = 0; digits < 3; digits++, at++) {
    if (at === end) return INCOMPLETE;
    if (!isDigit(input[at])) return BAD_REQUEST;
    status = status * 10 + input[at]! - 48;
  }
  if (status < 100) return BAD_REQUEST;
  if (at === end) return INCOMPLETE;
  if (input[at] === SP || input[at] === HTAB) at += 1;
  else if (input[at] !== CR && input[at] !== LF) return BAD_REQUEST;
  const reason = at;
  while (at < end && input[at] !== CR && input[at] !== LF && input[at] !== 0) at += 1;
  if (at === end) return INCOMPLETE;
  const reasonEnd = at;
  if (input[at] === CR && ++at === end) return INCOMPLETE;
  if (input[at++] !== LF) return BAD_REQUEST;

  const http10 =
    input[version + 5] === 48 || (input[version + 5] === 49 && input[version + 7] === 48);
  fields.reset();
  const words = input.toString('latin1', reason, reasonEnd);
  const line = `HTTP/${http10 ? '1.0' : '1.1'} ${status} ${words}\r\n`;
  fields.length = fields.out.write(line, 0, 'latin1');

  at = fields.scan(input, at, end);
  if (at === INCOMPLETE) return INCOMPLETE;
  if (at < 0 || fields.codingsOk() < 0) return BAD_REQUEST;
  const startLine = START_LINE_OVERHEAD + line.length - 4;
  if (!fields.fits(startLine)) return BAD_REQUEST;

  const { chunked, contentLength } = fields;
  dropOverriddenLength(fields);
  const counted = startLine + fields.size + 1;
  const bodiless = status < 200 || status === 204;
  return {
    status,
    text: bodiless ? withoutLengths() : fields.text(),
    lineLength: line.length - 2,
    http10,
    keepAlive:
      !(chunked && contentLength >= 0) &&
      (http10 ? fields.keepAlive && !fields.close : !fields.close),
    consumed: at - start,
    counted,
    body: bodyOf(method, status, chunked, contentLength),
  };
}

/** RFC 9110, 8.6, and RFC 9112, 6.1: no length fields in 1xx and 204. */
function withoutLengths(): string {
  fields.drop('content-length');
  fields.drop('transfer-encoding');
  return fields.text();
}

function bodyOf(method: string, status: number, chunked: boolean, length: number): number {
  if (status === 101 || (method === 'CONNECT' && status >= 200 && status < 300)) return BODY_TUNNEL;
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  if (chunked) return BODY_CHUNKED;
  return length >= 0 ? length : BODY_UNTIL_CLOSE;
}
