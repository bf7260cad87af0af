import type net from 'node:net';
import { giveBack, isLent } from '../tcp/read-buffers.ts';
import { ChunkedReader } from './chunked.ts';
import { BODY_CHUNKED } from './head.ts';

/** Up to here a head and the first bytes of its body are copied into one write. */
const COALESCE = 16_384;

/**
 * Follows the body of one message: which bytes belong to it and when it is over. Bytes are passed
 * on as they came; chunked framing is checked on the way.
 */
export class BodyFlow {
  done: boolean;
  /** What to forward of the last `collect`, in order. */
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

/**
 * Writes a head (may be '') and what goes behind it, in one write to the kernel where possible.
 * Returns false when the socket wants no more until `drain`. `lent` is the chunk on loan that the
 * parts are of: it is given back once the last of them is written.
 */
export function writeParts(
  socket: net.Socket,
  head: string,
  parts: readonly Buffer[],
  lent?: Buffer,
): boolean {
  if (parts.length === 0) return head === '' ? true : socket.write(head, 'latin1');
  const only = parts[0]!;
  const done = lent && isLent(lent) ? returning(lent) : undefined;
  if (parts.length === 1) {
    if (head === '') return socket.write(only, done);
    if (only.length <= COALESCE) {
      const whole = Buffer.allocUnsafe(head.length + only.length);
      whole.write(head, 0, 'latin1');
      only.copy(whole, head.length);
      return socket.write(whole);
    }
  }
  socket.cork();
  if (head !== '') socket.write(head, 'latin1');
  let ready = true;
  const last = parts.length - 1;
  for (let i = 0; i <= last; i++) {
    ready = socket.write(parts[i]!, i === last ? done : undefined);
  }
  socket.uncork();
  return ready;
}

/** What a socket still holds when it fails is left alone. */
const returning =
  (lent: Buffer) =>
  (error?: Error | null): void => {
    if (!error) giveBack(lent);
  };
