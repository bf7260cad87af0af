import type { Arrival } from '../link/arrival.ts';

/**
 * The system hands us thousands of connections before it hands us what they have sent: within this
 * time none of them counts as waiting, milliseconds.
 */
const GRACE = 1_000;

/**
 * Connections that have not sent their CONNECT yet. When there are too many, the oldest go: those
 * that mean it have had the longest time, and newcomers still get in. A crowd that comes at once
 * has its moment, up to a second bound that holds in any case.
 */
export class HalfOpen {
  /** With the time of their coming, the oldest first. */
  readonly #waiting = new Map<Arrival, number>();
  /** Those that had to go. */
  evicted = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** `maximum`: beyond it those older than the grace go; `bound`: beyond it anybody. */
  add(arrival: Arrival, maximum: number, bound: number, now: number): void {
    this.#waiting.set(arrival, now);
    this.evict(maximum, bound, now);
  }

  /** Lets go of those who must. Called with each newcomer and every few seconds. */
  evict(maximum: number, bound: number, now: number): void {
    while (this.#waiting.size > maximum) {
      const [oldest, since] = this.#waiting.entries().next().value!;
      if (now - since < GRACE && this.#waiting.size <= bound) return;
      this.#waiting.delete(oldest);
      this.evicted++;
      oldest.destroy();
    }
  }

  /** Its CONNECT has come, or it is gone. Returns whether it was waiting. */
  delete(arrival: Arrival): boolean {
    return this.#waiting.delete(arrival);
  }
}
