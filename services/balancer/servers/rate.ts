const PERIOD = 1000;

/**
 * Events per second over a sliding second: what this second has had, plus the share of the last
 * second that still lies inside the window. Two numbers, no timer.
 */
export class RateCounter {
  /** Most events seen in one whole second. */
  max = 0;
  #start = 0;
  #current = 0;
  #previous = 0;

  /** Counts one event. `now` is milliseconds on any clock that the reader uses too. */
  hit(now: number = Date.now()): void {
    this.#turn(now);
    this.#current += 1;
    if (this.#current > this.max) this.max = this.#current;
  }

  /** Events in the second that ends now. */
  read(now: number = Date.now()): number {
    this.#turn(now);
    const left = PERIOD - (now - this.#start);
    return this.#current + Math.floor((this.#previous * left) / PERIOD);
  }

  #turn(now: number): void {
    const elapsed = now - this.#start;
    if (elapsed >= 0 && elapsed < PERIOD) return;
    const next = elapsed >= PERIOD && elapsed < 2 * PERIOD;
    this.#previous = next ? this.#current : 0;
    this.#current = 0;
    this.#start = next ? this.#start + PERIOD : now;
  }
}

const SAMPLES = 1024;

/** Average over about the last 1024 values (HAProxy's qtime, ctime, rtime, ttime). */
export class MovingAverage {
  /** Largest value ever added. */
  max = 0;
  #mean = 0;
  #count = 0;

  add(value: number): void {
    if (this.#count < SAMPLES) this.#count += 1;
    if (value > this.max) this.max = value;
    this.#mean += (value - this.#mean) / this.#count;
  }

  /** As before the first value. */
  clear(): void {
    this.max = 0;
    this.#mean = 0;
    this.#count = 0;
  }

  /** Whole units of what was added; 0 before the first value. */
  read(): number {
    return Math.round(this.#mean);
  }
}
