import { ASTERISK, CR, HTAB, isDigit, LF, SLASH, SP, TARGET, TOKEN } from './chars.ts';
import { FieldScanner, MAX_HEAD } from './field-scanner.ts';
import {
  BAD_REQUEST,
  BODY_CHUNKED,
  INCOMPLETE,
  type Refusal,
  type RequestHead,
  TOO_LARGE,
  UNPROCESSABLE,
} from './head.ts';

const VERSION = Buffer.from('HTTP/');
const fields = new FieldScanner();
/** Methods whose requests have no body in HTTP/1.0 (RFC 1945, 8). */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE']);
/** HAProxy's `struct htx_sl`, which its byte counts of a head include. */
export const START_LINE_OVERHEAD = 20;

/**
 * Parses one request head from `input[start..end)` (RFC 9112, sections 2 to 6). Returns the head,
 * INCOMPLETE when more bytes are needed and everything so far may become a valid head, or the
 * status that refuses it. Never throws.
 */
export function parseRequestHead(
  input: Buffer,
  start: number,
  end: number,
  lenient = false,
): RequestHead | Refusal {
  const limit = Math.min(end, start + MAX_HEAD);
  fields.lenient = lenient;
  const parsed = parse(input, start, limit);
  if (parsed === INCOMPLETE && limit - start >= MAX_HEAD) return BAD_REQUEST;
  return parsed;
}

function parse(input: Buffer, start: number, end: number): RequestHead | Refusal {
  let at = skipEmptyLines(input, start, end);
  if (at < 0) return BAD_REQUEST;

  const methodStart = at;
  while (at < end && TOKEN[input[at]!] === 1) at += 1;
  if (at === end) return INCOMPLETE;
  const methodEnd = at;
  if (methodEnd === methodStart || !isBlank(input[at]!)) return BAD_REQUEST;
  while (at < end && isBlank(input[at]!)) at += 1;
  if (at === end) return INCOMPLETE;

  const targetStart = at;
  while (
    at < end &&
    (TARGET[input[at]!] === 1 || (fields.lenient && (input[at]! >= 127 || input[at] === 35)))
  )
    at += 1;
  if (at === end) return INCOMPLETE;
  const targetEnd = at;
  if (targetEnd === targetStart || !isBlank(input[at]!)) return BAD_REQUEST;
  while (at < end && isBlank(input[at]!)) at += 1;

  const version = at;
  at = parseVersion(input, at, end);
  if (at === INCOMPLETE) return INCOMPLETE;
  if (at < 0) return BAD_REQUEST;
  if (at === end) return INCOMPLETE;
  if (input[at] === CR) at += 1;
  if (at === end) return INCOMPLETE;
  if (input[at++] !== LF) return BAD_REQUEST;

  fields.reset();
  const method = input.toString('latin1', methodStart, methodEnd);
  const target = input.toString('latin1', targetStart, targetEnd);
  const major = input[version + 5]! - 48;
  const minor = input[version + 7]! - 48;
  const http10 = major === 0 || (major === 1 && minor === 0);
  const line = `${method} ${target} HTTP/${http10 ? '1.0' : '1.1'}\r\n`;
  fields.length = fields.out.write(line, 0, 'latin1');

  at = fields.scan(input, at, end);
  if (at === INCOMPLETE) return INCOMPLETE;
  if (at < 0) return refusal(at);
  const codings = fields.codingsOk();
  if (codings < 0) return refusal(codings);

  const startLine = START_LINE_OVERHEAD + line.length - 4;
  if (!fields.fits(startLine)) return BAD_REQUEST;
  // The preface of HTTP/2, which is no method (RFC 9113, 3.4).
  if (method === 'PRI') return BAD_REQUEST;
  if (!targetFits(method, target, input[targetStart]!)) return BAD_REQUEST;

  const { chunked, contentLength } = fields;
  const upgrade = fields.hasUpgrade && fields.connectionUpgrade && !http10;
  if (upgrade && fields.websocket && !fields.websocketKey) return BAD_REQUEST;
  const passUpgrade = upgrade && !chunked && contentLength <= 0;
  if (fields.hasUpgrade && (http10 || (upgrade && !passUpgrade))) fields.drop('upgrade');

  // Old servers take such a body for the next request.
  if (http10 && (chunked || contentLength > 0) && BODILESS.has(method)) return TOO_LARGE;

  dropOverriddenLength(fields);

  const canonical = major === 1 && minor <= 1;
  return {
    method,
    target,
    requestLine: canonical ? line.slice(0, -2) : `${method} ${target} HTTP/${major}.${minor}`,
    text: fields.text(),
    lineLength: line.length - 2,
    http10,
    // Both length headers, or chunked in 1.0: the peer may see another end than we do.
    keepAlive:
      !(chunked && (http10 || contentLength >= 0)) &&
      (http10 ? fields.keepAlive && !fields.close : !fields.close),
    consumed: at - start,
    counted: startLine + fields.size + 1,
    body: chunked ? BODY_CHUNKED : Math.max(contentLength, 0),
    upgrade: passUpgrade,
  };
}

/**
 * `chunked` overrides `content-length`, which must then not go on (RFC 9112, 6.3 rule 3). Takes
 * its line out of the scanned fields.
 */
export function dropOverriddenLength(scanned: FieldScanner): void {
  if (!scanned.chunked || scanned.contentLength < 0) return;
  scanned.drop('content-length');
}

function refusal(negated: number): Refusal {
  return negated === -UNPROCESSABLE ? UNPROCESSABLE : BAD_REQUEST;
}

/** RFC 9112, 2.2: empty lines before a message are ignored. Returns -1 for a CR alone. */
export function skipEmptyLines(input: Buffer, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    if (input[at] === LF) continue;
    if (input[at] !== CR) break;
    if (at + 1 < end && input[at + 1] !== LF) return -1;
  }
  return at;
}

/** Position behind `HTTP/d.d`, INCOMPLETE, or -1. */
export function parseVersion(input: Buffer, start: number, end: number): number {
  for (let i = 0; i < 8; i++) {
    if (start + i >= end) return INCOMPLETE;
    const byte = input[start + i]!;
    const ok = i < 5 ? byte === VERSION[i] : i === 6 ? byte === 46 : isDigit(byte);
    if (!ok) return -1;
  }
  return start + 8;
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB;
}

/** RFC 9112, 3.2: origin, absolute, authority (CONNECT alone) and asterisk form; and `Host`. */
function targetFits(method: string, target: string, first: number): boolean {
  if (method === 'CONNECT') return connectFits(target);
  if (first === SLASH || first === ASTERISK) return true;
  const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?]*)/.exec(target);
  if (!absolute) return false;
  const [, scheme, authority] = absolute;
  const bare = authority!.slice(authority!.lastIndexOf('@') + 1).toLowerCase();
  const host = hostField();
  if (host === undefined || bare === '') return true;
  const port = { http: ':80', https: ':443' }[scheme!.toLowerCase()] ?? '';
  return withoutPort(bare, port) === withoutPort(host, port);
}

/** RFC 9110, 9.3.6: `host:port`, the port is required; Host may omit a default port. */
function connectFits(target: string): boolean {
  if (!/^[^/?@]+:\d{1,5}$/.test(target)) return false;
  const host = hostField();
  if (host === undefined) return true;
  const authority = target.toLowerCase();
  const spared = withoutPort(withoutPort(authority, ':80'), ':443');
  return host === authority || withoutPort(withoutPort(host, ':80'), ':443') === spared;
}

function hostField(): string | undefined {
  if (fields.hostStart < 0) return undefined;
  return fields.out.toString('latin1', fields.hostStart, fields.hostEnd).toLowerCase();
}

function withoutPort(authority: string, port: string): string {
  return port !== '' && authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}
