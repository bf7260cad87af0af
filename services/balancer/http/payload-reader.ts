import { CR, HEX, LF } from './chars.ts';
import { BODY_CHUNKED } from './head.ts';

const NOTHING: readonly Buffer[] = [];

type State = 'size' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers';

/** Takes the payload out of what a BodyFlow puts out, whose chunks are in canonical form. */
export class PayloadReader {
  /** The last chunk with its trailers, as they came; of a body without chunks, nothing. */
  readonly trailers: Buffer[] = [];
  readonly #chunked: boolean;
  #state: State = 'size';
  #remaining = 0;

  /** `body` as of heads. */
  constructor(body: number) {
    this.#chunked = body === BODY_CHUNKED;
  }

  /** The payload in `parts`. */
  read(parts: readonly Buffer[]): readonly Buffer[] {
    if (!this.#chunked) return parts;
    if (parts.length === 0) return NOTHING;
    const data: Buffer[] = [];
    for (const part of parts) this.#feed(part, data);
    return data;
  }

  #feed(part: Buffer, data: Buffer[]): void {
    for (let at = 0; at < part.length; ) {
      switch (this.#state) {
        case 'size': {
          const byte = part[at]!;
          if (byte === CR) this.#state = 'size-lf';
          else this.#remaining = this.#remaining * 16 + HEX[byte]!;
          at += 1;
          break;
        }
        case 'size-lf':
          at += 1;
          if (this.#remaining > 0) {
            this.#state = 'data';
          } else {
            this.#state = 'trailers';
            this.trailers.push(LAST_SIZE);
          }
          break;
        case 'data': {
          const take = Math.min(this.#remaining, part.length - at);
          data.push(part.subarray(at, at + take));
          this.#remaining -= take;
          at += take;
          if (this.#remaining === 0) this.#state = 'data-cr';
          break;
        }
        case 'data-cr':
          at += 1;
          this.#state = 'data-lf';
          break;
        case 'data-lf':
          at += part[at] === LF ? 1 : 0;
          this.#state = 'size';
          break;
        case 'trailers':
          this.trailers.push(Buffer.from(part.subarray(at)));
          at = part.length;
          break;
      }
    }
  }
}

const LAST_SIZE = Buffer.from('0\r\n');
