import { CR, HEX, HTAB, LF, SEMICOLON, SP } from './chars.ts';
import { FieldScanner, MAX_HEAD } from './field-scanner.ts';
import { INCOMPLETE } from './head.ts';

/** Longest accepted line with a chunk's size and extensions, bytes. */
const MAX_SIZE_LINE = 4096;
const trailerFields = new FieldScanner();
const CRLF = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

type State = 'size' | 'size-end' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf';

/**
 * Follows a chunked body (RFC 9112, 7.1) and yields it in canonical form: the same chunks, but no
 * extensions, CRLF everywhere, trailers checked as fields are. What already is canonical comes
 * out as slices of the input, without a copy.
 */
export class ChunkedReader {
  /** What to forward of the last `feed`, in order. */
  readonly output: Buffer[] = [];
  /** Chunk data in the last `feed`, as HAProxy counts a body; trailers at the end included. */
  counted = 0;
  done = false;
  #state: State = 'size';
  #remaining = 0;
  #digits = 0;
  #lineBytes = 0;
  /** The size line needs rewriting: an extension, or parts of it in earlier input. */
  #rewrite = false;
  #trailers: Buffer | undefined;

  /**
   * Takes `input` from `offset`; returns the position behind the body's last byte (or the end of
   * the input, while `done` is false), or -1 when the framing is broken. `output` and `counted`
   * are good up to the fault.
   */
  feed(input: Buffer, offset: number): number {
    this.output.length = 0;
    this.counted = 0;
    if (this.#trailers) return this.#feedTrailers(input, offset);

    const end = input.length;
    let at = offset;
    /** Start of the input not yet in `output`. */
    let run = offset;
    let lineStart = offset;
    while (at < end) {
      switch (this.#state) {
        case 'size': {
          if (this.#digits === 0) lineStart = at;
          const digit = HEX[input[at]!]!;
          if (digit >= 0) {
            // Leading zeros are legal, and have fooled parsers.
            if (this.#digits > 0 && this.#remaining === 0) this.#rewrite = true;
            this.#remaining = this.#remaining * 16 + digit;
            if (this.#remaining > Number.MAX_SAFE_INTEGER)
              return this.#broken(input, run, lineStart);
            if (++this.#digits > MAX_SIZE_LINE) return this.#broken(input, run, lineStart);
            at += 1;
            break;
          }
          if (this.#digits === 0) return this.#broken(input, run, at);
          this.#state = 'size-end';
          break;
        }
        case 'size-end': {
          const byte = input[at]!;
          if (byte === CR) {
            this.#state = 'size-lf';
          } else if (byte === LF) {
            this.#rewrite = true;
            this.#state = 'size-lf';
            break;
          } else if (byte === SEMICOLON) {
            this.#rewrite = true;
            this.#state = 'extension';
          } else if (byte === SP || byte === HTAB) {
            this.#rewrite = true;
          } else {
            return this.#broken(input, run, lineStart);
          }
          if (++this.#lineBytes > MAX_SIZE_LINE) return this.#broken(input, run, lineStart);
          at += 1;
          break;
        }
        case 'extension': {
          const byte = input[at]!;
          if (byte === CR || byte === LF) this.#state = byte === CR ? 'size-lf' : 'size-end';
          if (byte !== LF) at += 1;
          if (++this.#lineBytes > MAX_SIZE_LINE) return this.#broken(input, run, lineStart);
          break;
        }
        case 'size-lf': {
          if (input[at] !== LF) return this.#broken(input, run, lineStart);
          at += 1;
          if (this.#remaining === 0) {
            if (!this.#rewrite && input[at] === CR && input[at + 1] === LF) {
              this.#push(input, run, at + 2);
              this.counted += 1;
              this.done = true;
              return at + 2;
            }
            this.#push(input, run, lineStart);
            this.#trailers = Buffer.alloc(0);
            return this.#feedTrailers(input, at, true);
          }
          if (this.#rewrite) {
            this.#push(input, run, lineStart);
            this.output.push(Buffer.from(`${this.#remaining.toString(16)}\r\n`, 'latin1'));
            run = at;
          }
          this.#state = 'data';
          this.#digits = 0;
          this.#lineBytes = 0;
          this.#rewrite = false;
          break;
        }
        case 'data': {
          const take = Math.min(this.#remaining, end - at);
          this.#remaining -= take;
          this.counted += take;
          at += take;
          if (this.#remaining === 0) this.#state = 'data-cr';
          break;
        }
        case 'data-cr': {
          if (input[at] === CR) {
            at += 1;
          } else {
            // A bare LF, or a fault that the next state finds.
            this.#push(input, run, at);
            this.output.push(CRLF.subarray(0, 1));
            run = at;
          }
          this.#state = 'data-lf';
          break;
        }
        case 'data-lf': {
          if (input[at] !== LF) return this.#broken(input, run, at);
          at += 1;
          this.#state = 'size';
          lineStart = at;
          break;
        }
      }
    }
    const inSizeLine = this.#digits > 0;
    this.#push(input, run, inSizeLine ? lineStart : end);
    if (inSizeLine) this.#rewrite = true;
    return end;
  }

  #push(input: Buffer, from: number, to: number): void {
    if (to > from)
      this.output.push(from === 0 && to === input.length ? input : input.subarray(from, to));
  }

  #broken(input: Buffer, run: number, upTo: number): number {
    this.#push(input, run, upTo);
    return -1;
  }

  /** Collects the trailer section until it is complete, then yields the last chunk with it. */
  #feedTrailers(input: Buffer, offset: number, keepOutput = false): number {
    if (!keepOutput) this.output.length = 0;
    const before = this.#trailers ?? CRLF;
    const room = Math.min(input.length, offset + MAX_HEAD);
    const fresh = input.subarray(offset, room);
    const all = before.length === 0 ? fresh : Buffer.concat([before, fresh]);
    // Byte by byte would otherwise cost the square of the section's length.
    if (!fresh.includes(LF) && all.length < MAX_HEAD) {
      this.#trailers = Buffer.from(all);
      return input.length;
    }
    trailerFields.reset();
    const at = trailerFields.scan(all, 0, all.length, true);
    if (at === INCOMPLETE) {
      if (all.length >= MAX_HEAD) return -1;
      this.#trailers = Buffer.from(all);
      return input.length;
    }
    if (at < 0) return -1;
    const { length, size, out } = trailerFields;
    if (length === 0) {
      this.output.push(LAST_CHUNK);
    } else {
      this.output.push(Buffer.from(`0\r\n${out.toString('latin1', 0, length)}\r\n`, 'latin1'));
    }
    this.counted += size + 1;
    this.done = true;
    return offset + at - before.length;
  }
}
