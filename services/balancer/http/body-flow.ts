import { ChunkedReader } from './chunked.ts';
import { BODY_CHUNKED } from './head.ts';

/**
 * Follows the body of one message: which bytes belong to it and when it is over. Bytes are passed
 * on as they came; chunked framing is checked on the way.
 */
export class BodyFlow {
  done: boolean;
  /** What to forward of the last `collect`, in order; parts of its input, good as long as that is. */
  output: readonly Buffer[] = NOTHING;
  /** Bytes of the last `collect`, as HAProxy counts a body. */
  counted = 0;
  #remaining: number;
  readonly #chunked: ChunkedReader | undefined;

  /** `body`: a length or one of the BODY_ constants of head.ts. */
  constructor(body: number) {
    this.done = body === 0;
    this.#chunked = body === BODY_CHUNKED ? new ChunkedReader() : undefined;
    this.#remaining = body < 0 ? Number.POSITIVE_INFINITY : body;
  }

  /**
   * Takes `input` from `offset`. Returns the position behind the last byte that belongs to the
   * body, or -1 when its framing is broken.
   */
  collect(input: Buffer, offset: number): number {
    if (this.#chunked) {
      const at = this.#chunked.feed(input, offset);
      this.output = this.#chunked.output;
      this.counted = this.#chunked.counted;
      this.done = this.#chunked.done;
      return at;
    }
    const take = Math.min(this.#remaining, input.length - offset);
    this.#remaining -= take;
    if (this.#remaining === 0) this.done = true;
    this.counted = take;
    this.output =
      take === 0
        ? NOTHING
        : [take === input.length ? input : input.subarray(offset, offset + take)];
    return offset + take;
  }
}

const NOTHING: readonly Buffer[] = [];
