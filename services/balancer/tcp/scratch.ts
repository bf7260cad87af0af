/** Most buffers of a kind that are kept; what is beyond is left to the garbage collector. */
const KEPT = 32;

/**
 * A buffer to put together what is written next. The kernel mostly takes a write at once, and the
 * same buffer serves the next one; where it does not, the buffer belongs to that write until it is
 * given back, and another one takes its place.
 */
export class Scratch {
  readonly size: number;
  readonly #free: Buffer[] = [];
  #current: Buffer | undefined;

  constructor(size: number) {
    this.size = size;
  }

  /** Good until the next call of anybody, unless it is `lend`ed first. */
  get current(): Buffer {
    this.#current ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
    return this.#current;
  }

  /** The present one now belongs to a write. */
  lend(): void {
    this.#current = undefined;
  }

  giveBack(buffer: Buffer): void {
    if (this.#free.length < KEPT) this.#free.push(buffer);
  }
}
