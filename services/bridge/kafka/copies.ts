const COPIES_MAX = 3;
/** So long, in milliseconds, a new topic waits for a node of ours that is to have a copy of it. */
const LATE = 60_000;
/** Who has not asked for so long waits anew. */
const FORGOTTEN = 30_000;

export interface CopiesWanted {
  /** As the settings say. */
  replicas?: number | undefined;
  /** Kafka nodes of the cluster itself; undefined: Kafka is somebody else's. */
  own?: number | undefined;
}

/**
 * How many copies a new topic gets. One that is made while a node of ours only starts late would
 * lack its copies for good; one that waits for a node that is dead would hold its messages up.
 */
export class Copies {
  readonly #now: () => number;
  #since = 0;
  #asked = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Undefined: not yet. `brokers`: so many are there. */
  of({ replicas, own }: CopiesWanted, brokers: number): number | undefined {
    const wanted = Math.min(COPIES_MAX, own ?? brokers);
    if (replicas !== undefined || brokers >= wanted) {
      this.#asked = Number.NEGATIVE_INFINITY;
      return replicas ?? wanted;
    }
    const now = this.#now();
    if (now - this.#asked > FORGOTTEN) this.#since = now;
    this.#asked = now;
    return now - this.#since > LATE ? brokers : undefined;
  }
}
