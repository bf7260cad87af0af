/** Waiting times between restarts, milliseconds. */
const FIRST = 200;
const LONGEST = 10_000;
/** Ready for this long means that the trouble is over: the next wait is the first again. */
const HEALTHY_AFTER = 30_000;

/** Exponential backoff: 0.2 s, 0.4 s, … 10 s. */
export class Backoff {
  #failures = 0;

  /** Called at each end of the process; `readyFor` is how long it was ready. Milliseconds to wait. */
  next(readyFor: number): number {
    if (readyFor >= HEALTHY_AFTER) this.#failures = 0;
    const wait = Math.min(LONGEST, FIRST * 2 ** this.#failures);
    this.#failures++;
    return wait;
  }
}
