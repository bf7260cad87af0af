const PERIOD = 1000;

/** Numbers that a rate keeps: most in a second, start of the running second, its events, those of the one before. */
export const RATE_CELLS = 4;
const [MAX, START, CURRENT, PREVIOUS] = [0, 1, 2, 3] as const;

/**
 * Events per second over a sliding second: what this second has had, plus the share of the last
 * second that still lies inside the window. Four numbers, no timer. Workers that count the same
 * thing have a row of such numbers each; everyone writes its own alone.
 */
export class RateCounter {
  readonly #rows: readonly Float64Array[];
  readonly #own: Float64Array;
  readonly #at: number;

  constructor(
    rows: readonly Float64Array[] = [new Float64Array(RATE_CELLS)],
    own: Float64Array = rows[0]!,
    at = 0,
  ) {
    this.#rows = rows;
    this.#own = own;
    this.#at = at;
  }

  /** Most events seen in one whole second. */
  get max(): number {
    return this.#own[this.#at + MAX]!;
  }

  set max(max: number) {
    this.#own[this.#at + MAX] = max;
  }

  /** Counts one event. `now` is milliseconds on any clock that the reader uses too. */
  hit(now: number = Date.now()): void {
    const row = this.#own;
    const at = this.#at;
    const elapsed = now - row[at + START]!;
    if (elapsed < 0 || elapsed >= PERIOD) turn(row, at, now);
    row[at + CURRENT] = row[at + CURRENT]! + 1;
    let current = row[at + CURRENT]!;
    if (this.#rows.length > 1) current += this.#others(now);
    if (current > row[at + MAX]!) row[at + MAX] = current;
  }

  /** Events in the second that ends now. */
  read(now: number = Date.now()): number {
    return readRow(this.#own, this.#at, now);
  }

  /** The same of all workers. */
  readAll(now: number = Date.now()): number {
    let sum = 0;
    for (const row of this.#rows) sum += readRow(row, this.#at, now);
    return sum;
  }

  get maxOfAll(): number {
    let max = 0;
    for (const row of this.#rows) max = Math.max(max, row[this.#at + MAX]!);
    return max;
  }

  #others(now: number): number {
    let sum = 0;
    for (const row of this.#rows) {
      if (row !== this.#own && now - row[this.#at + START]! < PERIOD) {
        sum += row[this.#at + CURRENT]!;
      }
    }
    return sum;
  }
}

function turn(row: Float64Array, at: number, now: number): void {
  const elapsed = now - row[at + START]!;
  const next = elapsed >= PERIOD && elapsed < 2 * PERIOD;
  row[at + PREVIOUS] = next ? row[at + CURRENT]! : 0;
  row[at + CURRENT] = 0;
  row[at + START] = next ? row[at + START]! + PERIOD : now;
}

/** Changes nothing: the row may be another worker's. */
function readRow(row: Float64Array, at: number, now: number): number {
  const elapsed = now - row[at + START]!;
  if (elapsed >= 0 && elapsed < PERIOD) {
    const rest = Math.floor((row[at + PREVIOUS]! * (PERIOD - elapsed)) / PERIOD);
    return row[at + CURRENT]! + rest;
  }
  if (elapsed < PERIOD || elapsed >= 2 * PERIOD) return 0;
  return Math.floor((row[at + CURRENT]! * (2 * PERIOD - elapsed)) / PERIOD);
}

/** Numbers that an average keeps: largest value, mean, how many values. */
export const AVERAGE_CELLS = 3;
const [LARGEST, MEAN, COUNT] = [0, 1, 2] as const;
const SAMPLES = 1024;

/** Average over about the last 1024 values (HAProxy's qtime, ctime, rtime, ttime). */
export class MovingAverage {
  readonly #rows: readonly Float64Array[];
  readonly #own: Float64Array;
  readonly #at: number;

  constructor(
    rows: readonly Float64Array[] = [new Float64Array(AVERAGE_CELLS)],
    own: Float64Array = rows[0]!,
    at = 0,
  ) {
    this.#rows = rows;
    this.#own = own;
    this.#at = at;
  }

  /** Largest value ever added. */
  get max(): number {
    return this.#own[this.#at + LARGEST]!;
  }

  set max(max: number) {
    this.#own[this.#at + LARGEST] = max;
  }

  add(value: number): void {
    const row = this.#own;
    const at = this.#at;
    if (row[at + COUNT]! < SAMPLES) row[at + COUNT] = row[at + COUNT]! + 1;
    if (value > row[at + LARGEST]!) row[at + LARGEST] = value;
    row[at + MEAN] = row[at + MEAN]! + (value - row[at + MEAN]!) / row[at + COUNT]!;
  }

  /** As before the first value. */
  clear(): void {
    this.#own.fill(0, this.#at, this.#at + AVERAGE_CELLS);
  }

  /** Whole units of what was added; 0 before the first value. */
  read(): number {
    return Math.round(this.#own[this.#at + MEAN]!);
  }

  /** The same of all workers, each as heavy as what it has counted. */
  readAll(): number {
    let sum = 0;
    let count = 0;
    for (const row of this.#rows) {
      sum += row[this.#at + MEAN]! * row[this.#at + COUNT]!;
      count += row[this.#at + COUNT]!;
    }
    return count === 0 ? 0 : Math.round(sum / count);
  }

  get maxOfAll(): number {
    let max = 0;
    for (const row of this.#rows) max = Math.max(max, row[this.#at + LARGEST]!);
    return max;
  }
}
