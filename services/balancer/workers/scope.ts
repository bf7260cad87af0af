import { COUNTER_CELLS, GAUGES } from '../servers/counter-cells.ts';
import { Counters } from '../servers/counters.ts';
import type { Places } from '../servers/sharing.ts';

const TAKEN = 0;
const ERRORS = 1;
/** Whole numbers in front, which more than one worker writes. */
const INTS = 2;
const INT_BYTES = INTS * Int32Array.BYTES_PER_ELEMENT;
const ROW_BYTES = COUNTER_CELLS * Float64Array.BYTES_PER_ELEMENT;

/** Memory for what is counted of one thing by so many workers. */
export const allocateScope = (workers: number): SharedArrayBuffer =>
  new SharedArrayBuffer(INT_BYTES + workers * ROW_BYTES);

/** One worker's view on it. */
export class Scope implements Places {
  readonly counters: Counters;
  /** One number: consecutive errors. */
  readonly errors: Int32Array;
  readonly #ints: Int32Array;
  readonly #rows: readonly Float64Array[];

  /** `worker` counts from 0. */
  constructor(memory: SharedArrayBuffer, worker: number) {
    const workers = (memory.byteLength - INT_BYTES) / ROW_BYTES;
    this.#ints = new Int32Array(memory, 0, INTS);
    this.errors = this.#ints.subarray(ERRORS, ERRORS + 1);
    this.#rows = Array.from(
      { length: workers },
      (_, index) => new Float64Array(memory, INT_BYTES + index * ROW_BYTES, COUNTER_CELLS),
    );
    this.counters = new Counters(this.#rows, this.#rows[worker]!);
  }

  get taken(): number {
    return Atomics.load(this.#ints, TAKEN);
  }

  take(limit: number | undefined): boolean {
    const ints = this.#ints;
    if (limit === undefined) {
      Atomics.add(ints, TAKEN, 1);
      return true;
    }
    for (;;) {
      const taken = Atomics.load(ints, TAKEN);
      if (taken >= limit) return false;
      if (Atomics.compareExchange(ints, TAKEN, taken, taken + 1) === taken) return true;
    }
  }

  give(): void {
    Atomics.sub(this.#ints, TAKEN, 1);
  }

  /** A worker is gone: nobody is present or waits there any more, and its places are free. */
  forget(worker: number): void {
    const lost = new Counters(this.#rows, this.#rows[worker]!);
    Atomics.sub(this.#ints, TAKEN, Math.min(lost.scur, this.taken));
    for (const gauge of GAUGES) lost[gauge] = 0;
    lost.longestWait = 0;
  }
}
