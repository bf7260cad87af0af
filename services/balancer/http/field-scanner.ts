import { COLON, COMMA, CR, HTAB, isDigit, LF, LOWER, SP, TOKEN } from './chars.ts';
import { BAD_REQUEST, INCOMPLETE, UNPROCESSABLE } from './head.ts';

/** HAProxy's default limits: `tune.http.maxhdr`, and `tune.bufsize` less `tune.maxrewrite`. */
export const MAX_FIELDS = 100;
export const MAX_COUNTED = 15_312;
/** Most raw bytes that a head may take (`tune.bufsize`). */
export const MAX_HEAD = 16_384;

const TE = Buffer.from('te');
const TRAILERS = Buffer.from('trailers');
const HOST = Buffer.from('host');
const UPGRADE = Buffer.from('upgrade');
const CONNECTION = Buffer.from('connection');
const CONTENT_LENGTH = Buffer.from('content-length');
const TRANSFER_ENCODING = Buffer.from('transfer-encoding');
const WEBSOCKET_KEY = Buffer.from('sec-websocket-key');
const CHUNKED = Buffer.from('chunked');

/** What a careless sender may write in a name: all but what ends it. */
const isLoose = (byte: number): boolean => byte > SP && byte !== COLON && byte !== 127;

/** HAProxy's bookkeeping for each part of a head, which its limits include. */
const PER_FIELD = 8;

/**
 * Reads the fields of one head (or a trailer section) and writes their canonical form into `out`,
 * in one pass. One instance serves the whole process, since a scan never outlives a call.
 *
 * What is accepted is what HAProxy 2.6 accepts: bare LF and folded lines are normalised, a space
 * before the colon, a CR alone or a character outside `token` in a name are refused. Beyond it a
 * NUL in a value is refused too (RFC 9110, 5.5).
 */
export class FieldScanner {
  /** Twice the limit, since values grow by at most the space behind the colon and a CR per line. */
  readonly out = Buffer.allocUnsafeSlow(2 * MAX_HEAD);
  /** End of what has been written. */
  length = 0;
  count = 0;
  /** Names may have any visible character (`option accept-invalid-http-request`). */
  lenient = false;
  /** Bytes of names and values. */
  size = 0;
  contentLength = -1;
  chunked = false;
  close = false;
  keepAlive = false;
  connectionUpgrade = false;
  websocket = false;
  websocketKey = false;
  /** Where `host`'s value stands in `out`; start < 0 without one. */
  hostStart = -1;
  hostEnd = -1;
  hasUpgrade = false;
  #otherCoding = false;

  reset(): void {
    this.length = 0;
    this.count = 0;
    this.size = 0;
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.connectionUpgrade = false;
    this.websocket = false;
    this.websocketKey = false;
    this.hostStart = -1;
    this.hostEnd = -1;
    this.#otherCoding = false;
    this.hasUpgrade = false;
  }

  /** Room that the head takes by HAProxy's measure, its `startLine` bytes included. */
  fits(startLine: number): boolean {
    return startLine + this.size + (this.count + 2) * PER_FIELD + 1 <= MAX_COUNTED;
  }

  /**
   * Reads from `position` up to and with the empty line. Returns the position behind it,
   * INCOMPLETE, or (negated) the status that refuses the message.
   */
  scan(input: Buffer, position: number, end: number, trailers = false): number {
    const { out } = this;
    let at = position;
    for (;;) {
      if (at >= end) return INCOMPLETE;
      let byte = input[at]!;
      if (byte === LF) return at + 1;
      if (byte === CR) {
        if (at + 1 >= end) return INCOMPLETE;
        return input[at + 1] === LF ? at + 2 : -BAD_REQUEST;
      }

      const nameStart = this.length;
      let write = nameStart;
      while (TOKEN[byte] === 1 || (this.lenient && isLoose(byte))) {
        out[write++] = LOWER[byte]!;
        if (++at >= end) return INCOMPLETE;
        byte = input[at]!;
      }
      if (byte !== COLON || write === nameStart) return -BAD_REQUEST;
      const nameEnd = write;
      out[write++] = COLON;
      out[write++] = SP;
      const valueStart = write;

      for (;;) {
        if (++at >= end) return INCOMPLETE;
        byte = input[at]!;
        if (byte > CR) {
          if (byte !== SP || write > valueStart) out[write++] = byte;
          continue;
        }
        if (byte === CR || byte === LF) {
          let folded = 1;
          if (byte === CR) {
            if (++at >= end) return INCOMPLETE;
            if (input[at] !== LF) return -BAD_REQUEST;
            folded = 2;
          }
          if (at + 1 >= end) return INCOMPLETE;
          const next = input[at + 1];
          if (next !== SP && next !== HTAB) break;
          if (write > valueStart) while (folded-- > 0) out[write++] = SP;
        } else if (byte === 0) {
          return -BAD_REQUEST;
        } else if (byte !== HTAB || write > valueStart) {
          out[write++] = byte;
        }
      }
      at += 1;
      while (write > valueStart && (out[write - 1] === SP || out[write - 1] === HTAB)) write -= 1;

      if (++this.count > MAX_FIELDS) return -BAD_REQUEST;
      this.length = write;
      const verdict = trailers
        ? this.#keepTrailer(nameStart, nameEnd)
        : this.#apply(nameStart, nameEnd, valueStart);
      if (verdict < 0) return verdict;
      if (verdict === 0) {
        this.length = nameStart;
        continue;
      }
      this.size += nameEnd - nameStart + this.length - valueStart;
      out[this.length++] = CR;
      out[this.length++] = LF;
    }
  }

  /** What is in `out`: a start line put there first, and the fields. */
  text(): string {
    return this.#text(0);
  }

  /** Takes a field out again that is there once. */
  drop(name: string): void {
    const start = this.out.subarray(0, this.length).indexOf(`\n${name}: `, 0, 'latin1') + 1;
    if (start === 0) return;
    const end = this.out.indexOf(LF, start) + 1;
    this.out.copyWithin(start, end, this.length);
    this.length -= end - start;
    this.size -= end - start - 4;
  }

  /** Whether the head may end here: no transfer coding without a final `chunked`. */
  codingsOk(): number {
    if (!this.#otherCoding) return 1;
    return this.chunked ? -UNPROCESSABLE : -BAD_REQUEST;
  }

  /** 1 = keep the field, 0 = drop it, negative = refuse the message. */
  #apply(start: number, end: number, value: number): number {
    switch (end - start) {
      case 2:
        return this.#is(TE, start) ? this.#te(value) : 1;
      case 4:
        return this.#is(HOST, start) ? this.#host(value) : 1;
      case 7:
        return this.#is(UPGRADE, start) ? this.#upgrade(value) : 1;
      case 10:
        return this.#is(CONNECTION, start) ? this.#connection(value) : 1;
      case 14:
        return this.#is(CONTENT_LENGTH, start) ? this.#contentLength(value) : 1;
      case 17:
        if (this.#is(TRANSFER_ENCODING, start)) return this.#transferEncoding(value);
        if (this.#is(WEBSOCKET_KEY, start)) this.websocketKey = true;
        return 1;
      default:
        return 1;
    }
  }

  /** Fields that frame or route a message mean nothing in trailers (RFC 9110, 6.5.1). */
  #keepTrailer(start: number, end: number): number {
    for (const name of [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING]) {
      if (name.length === end - start && this.#is(name, start)) return 0;
    }
    return 1;
  }

  #is(name: Buffer, start: number): boolean {
    for (let i = 0; i < name.length; i++) if (this.out[start + i] !== name[i]) return false;
    return true;
  }

  /** Twice the same is one; twice different is an attack (RFC 9112, 3.2). */
  #host(value: number): number {
    if (this.hostStart < 0) {
      this.hostStart = value;
      this.hostEnd = this.length;
      return 1;
    }
    const same =
      this.hostEnd - this.hostStart === this.length - value &&
      this.#sameText(this.hostStart, value);
    return same ? 0 : -BAD_REQUEST;
  }

  #sameText(one: number, other: number): boolean {
    for (let i = 0; other + i < this.length; i++) {
      if (LOWER[this.out[one + i]!] !== LOWER[this.out[other + i]!]) return false;
    }
    return true;
  }

  /** Of what a client can read, only trailers are ours to promise (RFC 9110, 10.1.4). */
  #te(value: number): number {
    const text = this.#text(value);
    const at = text.indexOf('trailers');
    const next = text[at + TRAILERS.length] ?? ',';
    if (at < 0 || next !== ',') {
      // It came, and counts.
      this.size += TE.length + text.length;
      return 0;
    }
    this.size += text.length - TRAILERS.length;
    TRAILERS.copy(this.out, value);
    this.length = value + TRAILERS.length;
    return 1;
  }

  #upgrade(value: number): number {
    if (this.hasUpgrade) return 0;
    this.hasUpgrade = true;
    this.websocket = /(^|[ \t,])websocket([ \t,]|$)/i.test(this.#text(value));
    return 1;
  }

  /** `close` and `keep-alive` speak to us alone; what else is named goes on. */
  #connection(value: number): number {
    const tokens = this.#text(value).split(',');
    const rest: string[] = [];
    for (const each of tokens) {
      const token = trimBlank(each);
      const lower = token.toLowerCase();
      if (lower === 'close') this.close = true;
      else if (lower === 'keep-alive') this.keepAlive = true;
      else if (token !== '') {
        if (lower === 'upgrade') this.connectionUpgrade = true;
        rest.push(token);
      }
    }
    if (rest.length === 0) return 0;
    if (rest.length < tokens.length) {
      this.length = value + this.out.write(rest.join(', '), value, 'latin1');
    }
    return 1;
  }

  /** RFC 9112, 6.3 rule 5: a list or repetition of one and the same number is that number. */
  #contentLength(value: number): number {
    const { out, length } = this;
    const first = this.contentLength < 0;
    let firstEnd = -1;
    let at = value;
    for (;;) {
      while (at < length && (out[at] === SP || out[at] === HTAB)) at += 1;
      let number = 0;
      const digits = at;
      for (; at < length && isDigit(out[at]); at++) {
        number = number * 10 + out[at]! - 48;
        if (number > Number.MAX_SAFE_INTEGER) return -BAD_REQUEST;
      }
      if (at === digits) return -BAD_REQUEST;
      if (firstEnd < 0) firstEnd = at;
      if (this.contentLength >= 0 && this.contentLength !== number) return -BAD_REQUEST;
      this.contentLength = number;
      while (at < length && (out[at] === SP || out[at] === HTAB)) at += 1;
      if (at === length) break;
      if (out[at++] !== COMMA) return -BAD_REQUEST;
    }
    this.length = firstEnd;
    return first ? 1 : 0;
  }

  /** RFC 9112, 6.1 and 6.3: `chunked` once, last, and alone, since we undo no other coding. */
  #transferEncoding(value: number): number {
    const codings = this.#text(value).split(',');
    if (codings.length > 1 && trimBlank(codings.at(-1)!) === '') codings.pop();
    for (const each of codings) {
      if (this.chunked) return -BAD_REQUEST;
      if (trimBlank(each).toLowerCase() === 'chunked') this.chunked = true;
      else this.#otherCoding = true;
    }
    if (this.length - value !== CHUNKED.length) {
      CHUNKED.copy(this.out, value);
      this.length = value + CHUNKED.length;
    }
    return 1;
  }

  #text(from: number): string {
    return this.out.toString('latin1', from, this.length);
  }
}

/** Not String.trim, which takes away bytes that are no blanks in HTTP. */
function trimBlank(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}
