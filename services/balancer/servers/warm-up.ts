/** HAProxy's scale of weights: sixteenths. */
const SCALE = 16;
const MIN_STEP = 1000;

/**
 * `slowstart` (manual, section 5.2): after a server has come up its weight and its limit of
 * sessions rise in steps over this time. It counts in whole seconds, as HAProxy does. Nothing is
 * slow at the start of the process.
 */
export class WarmUp {
  /** Seconds; 0 = at once. */
  readonly #duration: number;
  readonly #step: number;
  /** Whether the balancing algorithm takes weights that change. */
  readonly #weights: boolean;
  #began: number | undefined;
  /** Sixteenths of the weight that count now. */
  #share = SCALE;
  #timer: NodeJS.Timeout | undefined;

  /** `slowstart` in milliseconds. */
  constructor(slowstart: number | undefined, weights: boolean) {
    this.#duration = Math.ceil((slowstart ?? 0) / 1000);
    this.#step = Math.max(MIN_STEP, (slowstart ?? 0) / 20);
    this.#weights = weights;
  }

  /** Whether it is under way. */
  get active(): boolean {
    return this.#began !== undefined;
  }

  /** Begins; `step` is told of every change. */
  start(step: () => void): void {
    this.stop();
    if (this.#duration === 0) return;
    this.#began = seconds();
    this.#advance();
    this.#timer = setInterval(() => {
      this.#advance();
      if (!this.active) this.stop();
      step();
    }, this.#step).unref();
  }

  /** Ends it, at full weight. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#began = undefined;
    this.#share = SCALE;
  }

  /** The weight that counts now, in sixteenths. */
  weight(weight: number): number {
    return weight * this.#share;
  }

  /** The limit of sessions that counts now, 1 at least. */
  limit(limit: number): number {
    if (this.#began === undefined) return limit;
    const percent = Math.floor((100 * (seconds() - this.#began)) / this.#duration);
    return percent >= 100 ? limit : Math.max(1, Math.floor((limit * percent) / 100));
  }

  #advance(): void {
    const elapsed = seconds() - this.#began!;
    if (elapsed < 0 || elapsed >= this.#duration) {
      this.#began = undefined;
      this.#share = SCALE;
    } else if (this.#weights) {
      this.#share = Math.floor((SCALE * elapsed + this.#duration) / this.#duration);
    }
  }
}

const seconds = (): number => Math.floor(Date.now() / 1000);
