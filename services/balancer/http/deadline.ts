import { eventNow } from '../tcp/event-clock.ts';

/**
 * An inactivity limit that moves with every byte and costs nothing for it: the timer behind it is
 * set again only when it fires early or is needed earlier.
 */
export class Deadline {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** On the clock of performance.now(). */
  #due = Number.POSITIVE_INFINITY;
  #fires = Number.POSITIVE_INFINITY;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** Expires `limit` milliseconds from now; undefined = never. */
  set(limit: number | undefined): void {
    if (limit === undefined) {
      this.#due = Number.POSITIVE_INFINITY;
      return;
    }
    const now = eventNow();
    this.#due = now + limit;
    if (this.#due < this.#fires) this.#arm(now);
  }

  /** No limit for now. */
  clear(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Frees the timer. */
  close(): void {
    this.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#fires = Number.POSITIVE_INFINITY;
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    this.#fires = this.#due;
    this.#timer = setTimeout(() => this.#fired(), Math.ceil(this.#due - now));
  }

  #fired(): void {
    this.#fires = Number.POSITIVE_INFINITY;
    if (this.#due === Number.POSITIVE_INFINITY) return;
    const now = performance.now();
    if (this.#due > now) {
      this.#arm(now);
      return;
    }
    this.clear();
    this.#expired();
  }
}
