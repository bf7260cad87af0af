import type { Arrival } from '../link/arrival.ts';

/**
 * Connections that have not sent their CONNECT yet. When there are too many, the oldest goes: a
 * client that means it has had the longest time, and newcomers still get in.
 */
export class HalfOpen {
  readonly #waiting = new Set<Arrival>();
  /** Those that had to go. */
  evicted = 0;

  get size(): number {
    return this.#waiting.size;
  }

  add(arrival: Arrival, maximum: number): void {
    while (this.#waiting.size >= maximum) {
      const oldest = this.#waiting.values().next().value!;
      this.#waiting.delete(oldest);
      this.evicted++;
      oldest.destroy();
    }
    this.#waiting.add(arrival);
  }

  /** Its CONNECT has come, or it is gone. Returns whether it was waiting. */
  delete(arrival: Arrival): boolean {
    return this.#waiting.delete(arrival);
  }
}
