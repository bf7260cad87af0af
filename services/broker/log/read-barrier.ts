export interface BarrierOptions {
  /** The last position of the log, as its leader knows it. */
  last: () => Promise<number>;
  /** The position up to which this node has applied it. */
  applied: () => number;
}

/** Longest wait in all, milliseconds: a subscriber is answered even without a quorum. */
const WAIT = 500;
/** Longest wait for what the leader has and this node has not, milliseconds. */
const CATCH_UP = 200;
/** After a failure nobody asks again for so long, milliseconds. */
const PAUSE = 5_000;
const POLL = 2;

/**
 * Makes a reader see what was acknowledged before it came, on whichever node: asks for the log's
 * last position and waits until it has been applied here. Readers that come together share one
 * question.
 */
export class ReadBarrier {
  readonly #options: BarrierOptions;
  #next: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  /** A last position that does not come: its message was taken out of the log. */
  #settled = 0;
  #pausedUntil = 0;

  constructor(options: BarrierOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  pass(): Promise<void> | undefined {
    if (performance.now() < this.#pausedUntil) return undefined;
    // A question that is on its way may have been answered before this reader came.
    this.#next ??= (this.#running ?? Promise.resolve()).then(() => {
      this.#running = this.#next;
      this.#next = undefined;
      return this.#ask();
    });
    return this.#next;
  }

  async #ask(): Promise<void> {
    try {
      const last = await bounded(this.#options.last());
      const until = performance.now() + CATCH_UP;
      while (this.#options.applied() < last && this.#settled < last) {
        if (performance.now() > until) this.#settled = last;
        await new Promise((resolve) => setTimeout(resolve, POLL));
      }
    } catch {
      this.#pausedUntil = performance.now() + PAUSE;
    } finally {
      if (this.#next === undefined) this.#running = undefined;
    }
  }
}

function bounded<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), WAIT);
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
