/** How long a bucket takes to fill up again, seconds: what may come at once after a quiet time. */
export const BURST_SECONDS = 10;

/**
 * Tokens that come back at a rate, up to a burst. It has no timer: whoever asks tells the time, and
 * the rate, so that a reload needs no new buckets.
 */
export class TokenBucket {
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;

  /** Takes one token, unless there is none. `now` in milliseconds, `rate` a second. */
  take(now: number, rate: number, burst: number): boolean {
    this.#refill(now, rate, burst);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /**
   * Takes `cost` tokens in any case and returns how long to wait until there are none owed,
   * milliseconds: for what has come already and can only be slowed down.
   */
  charge(now: number, rate: number, burst: number, cost: number): number {
    this.#refill(now, rate, burst);
    this.#tokens -= cost;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / rate) * 1000;
  }

  /** Whether it has been full again: nothing is lost with it. */
  isFull(now: number, rate: number, burst: number): boolean {
    return this.#tokens + ((now - this.#at) / 1000) * rate >= burst;
  }

  #refill(now: number, rate: number, burst: number): void {
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * rate);
    this.#at = now;
  }
}
