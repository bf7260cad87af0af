/** A token bucket that holds one second's worth. */
export class RateLimit {
  readonly #rate: number;
  #tokens: number;
  #at = 0;

  /** `rate`: a second. */
  constructor(rate: number) {
    this.#rate = rate;
    this.#tokens = rate;
  }

  /** Takes `count` tokens; how long to wait until they were there, milliseconds, if at all. */
  spend(count: number, now: number): number | undefined {
    const since = this.#at === 0 ? 0 : now - this.#at;
    this.#at = now;
    this.#tokens = Math.min(this.#rate, this.#tokens + (since / 1000) * this.#rate) - count;
    return this.#tokens >= 0 ? undefined : (-this.#tokens / this.#rate) * 1000;
  }
}
