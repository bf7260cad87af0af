/** Shortest and longest wait for a shard that still confirms now and then, milliseconds. */
const WAIT_MIN = 500;
const WAIT_MAX = 2_000;
/** When every shard was tried in vain the waits double, up to this, milliseconds. */
const WAIT_LAST = 4_000;
/** Shards that are tried at the first pace. */
export const QUICK_TURNS = 3;
/** Weights of a new sample (RFC 6298, section 2). */
const MEAN_WEIGHT = 1 / 8;
const DEVIATION_WEIGHT = 1 / 4;
const DEVIATIONS = 4;

/**
 * How long to wait for a confirmation, from those that came: as TCP does (RFC 6298), so that a slow
 * disk under load does not make the writer write everything twice.
 */
export class TurnTimer {
  /** Turns since the last confirmation. */
  turns = 0;
  #mean = 0;
  #deviation = 0;

  confirmed(took: number): void {
    this.#deviation += (Math.abs(took - this.#mean) - this.#deviation) * DEVIATION_WEIGHT;
    this.#mean += (took - this.#mean) * MEAN_WEIGHT;
  }

  /** Milliseconds. */
  get wait(): number {
    const usual = this.#mean + DEVIATIONS * this.#deviation;
    const first = Math.min(Math.max(usual, WAIT_MIN), WAIT_MAX);
    return Math.min(first * 2 ** Math.max(0, this.turns - QUICK_TURNS), WAIT_LAST);
  }
}
