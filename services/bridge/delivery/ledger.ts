/** Messages that were read together; `pending` of them are not delivered. */
export interface Mark {
  pending: number;
}

interface Entry<T> extends Mark {
  /** What is reached when this one and all before it are delivered; undefined while it is open. */
  value: T | undefined;
}

/**
 * What was read, in its order, and how far all of it is delivered: partitions deliver at their own
 * pace, and the place in the source moves only over what has no gap before it.
 */
export class Ledger<T> {
  readonly #onAdvance: (value: T) => void;
  readonly #entries: Entry<T>[] = [];
  #first = 0;

  constructor(onAdvance: (value: T) => void) {
    this.#onAdvance = onAdvance;
  }

  /** Marks that are not behind the place. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** The next messages belong to it, until `close`. */
  open(): Mark {
    const entry: Entry<T> = { pending: 0, value: undefined };
    this.#entries.push(entry);
    return entry;
  }

  /** Nothing more belongs to the last mark; with all of it delivered, `value` is reached. */
  close(value: T): void {
    const last = this.#entries.at(-1);
    if (last === undefined) return;
    last.value = value;
    if (last.pending === 0) this.#advance();
  }

  /** One of the mark's messages is delivered. */
  settle(mark: Mark): void {
    if (--mark.pending === 0) this.#advance();
  }

  #advance(): void {
    let reached: T | undefined;
    for (; this.#first < this.#entries.length; this.#first++) {
      const { pending, value } = this.#entries[this.#first]!;
      if (pending > 0 || value === undefined) break;
      reached = value;
    }
    if (this.#first > 64) this.#entries.splice(0, this.#first);
    if (this.#first > 64) this.#first = 0;
    if (reached !== undefined) this.#onAdvance(reached);
  }
}
