import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { StickTableConfig } from './config.ts';

/** Room for the name of a server, bytes; one that is longer is found by its number. */
const SERVER_BYTES = 64;
const KEY_BYTES = { ip: 4, ipv6: 16, integer: 10 } as const;
const MOST_BUCKETS = 2 ** 20;
const WAIT_MS = 1;
const SPINS = 200;

/** Whole numbers of the table itself. */
export const HEAD = { lock: 0, used: 1, free: 2, fresh: 3, oldest: 4, newest: 5 } as const;
const HEAD_INTS = 6;
/** Whole numbers of an entry; behind them, for each worker, how often it tracks it. */
export const ENTRY = {
  chain: 0,
  older: 1,
  newer: 2,
  generation: 3,
  key: 4,
  server: 5,
  users: 6,
} as const;
/** Numbers of an entry in front of its data. */
export const EXPIRE = 0;
export const DATA = 1;
/** Stands for no entry; entries count from 1. */
export const NONE = 0;

/** The memory of one table, which all workers of the process see. */
export interface TableMemory {
  readonly workers: number;
  readonly size: number;
  readonly keyBytes: number;
  readonly width: number;
  readonly ints: SharedArrayBuffer;
  readonly numbers: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
}

const bucketsOf = (size: number): number =>
  Math.min(MOST_BUCKETS, 2 ** Math.ceil(Math.log2(Math.max(2, size))));

/**
 * Takes up what entries use, not more: the system gives memory when it is first written to. Throws
 * LIMIT where the table is larger than what can be addressed.
 */
export function allocateTable(
  { name, type, length, size }: StickTableConfig,
  width: number,
  workers: number,
): TableMemory {
  const keyBytes = type === 'string' || type === 'binary' ? length : KEY_BYTES[type];
  const ints = HEAD_INTS + bucketsOf(size) + size * (ENTRY.users + workers);
  try {
    return {
      workers,
      size,
      keyBytes,
      width,
      ints: new SharedArrayBuffer(4 * ints),
      numbers: new SharedArrayBuffer(8 * size * (DATA + width)),
      bytes: new SharedArrayBuffer(size * (keyBytes + SERVER_BYTES)),
    };
  } catch (cause) {
    const text = `stick-table ${name}: so many entries cannot be shared by workers (size ${size})`;
    const hint = 'give it a smaller size, or serve with nbthread 1';
    throw new BrambleError(ERROR_CODES.LIMIT, text, { hint, cause });
  }
}

/** One worker's view on the memory of a table, and the lock on it. */
export class TableView {
  readonly ints: Int32Array;
  readonly numbers: Float64Array;
  readonly size: number;
  readonly workers: number;
  readonly worker: number;
  readonly #memory: TableMemory;
  readonly #bytes: Buffer;
  readonly #buckets: number;
  readonly #entryInts: number;
  readonly #entryBytes: number;

  constructor(memory: TableMemory, worker: number) {
    this.#memory = memory;
    this.worker = worker;
    this.workers = memory.workers;
    this.size = memory.size;
    this.ints = new Int32Array(memory.ints);
    this.numbers = new Float64Array(memory.numbers);
    this.#bytes = Buffer.from(memory.bytes);
    this.#buckets = bucketsOf(memory.size);
    this.#entryInts = ENTRY.users + memory.workers;
    this.#entryBytes = memory.keyBytes + SERVER_BYTES;
  }

  /** Runs `use` while no other worker is at the table. It must not wait for anything. */
  locked<T>(use: () => T): T {
    const { ints } = this;
    for (let spins = 0; Atomics.compareExchange(ints, HEAD.lock, 0, this.worker + 1) !== 0; ) {
      spins += 1;
      // Who holds it may have been put off the processor.
      if (spins > SPINS) Atomics.wait(ints, HEAD.lock, Atomics.load(ints, HEAD.lock), WAIT_MS);
    }
    try {
      return use();
    } finally {
      Atomics.store(ints, HEAD.lock, 0);
    }
  }

  /** Whether that worker holds the lock; for one that is gone. */
  heldBy(worker: number): boolean {
    return Atomics.load(this.ints, HEAD.lock) === worker + 1;
  }

  unlock(): void {
    Atomics.store(this.ints, HEAD.lock, 0);
  }

  /** Where the first of those entries is told that have this key's hash. */
  bucketOf(key: string): number {
    let hash = 0x811c9dc5;
    for (let at = 0; at < key.length; at++) {
      hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    }
    hash ^= hash >>> 15;
    return HEAD_INTS + (hash & (this.#buckets - 1));
  }

  /** Where the entry's whole numbers begin. */
  at(entry: number): number {
    return HEAD_INTS + this.#buckets + (entry - 1) * this.#entryInts;
  }

  /** Where its other numbers begin. */
  numbersAt(entry: number): number {
    return (entry - 1) * (DATA + this.#memory.width);
  }

  dataOf(entry: number): Float64Array {
    const from = this.numbersAt(entry) + DATA;
    return this.numbers.subarray(from, from + this.#memory.width);
  }

  keyOf(entry: number): string {
    const from = (entry - 1) * this.#entryBytes;
    return this.#bytes.toString('latin1', from, from + this.ints[this.at(entry) + ENTRY.key]!);
  }

  setKey(entry: number, key: string): void {
    const from = (entry - 1) * this.#entryBytes;
    this.ints[this.at(entry) + ENTRY.key] = this.#bytes.write(
      key,
      from,
      this.#memory.keyBytes,
      'latin1',
    );
  }

  serverOf(entry: number): string {
    const from = (entry - 1) * this.#entryBytes + this.#memory.keyBytes;
    return this.#bytes.toString('utf8', from, from + this.ints[this.at(entry) + ENTRY.server]!);
  }

  setServer(entry: number, name: string): void {
    const from = (entry - 1) * this.#entryBytes + this.#memory.keyBytes;
    const fits = Buffer.byteLength(name) <= SERVER_BYTES;
    const length = fits ? this.#bytes.write(name, from, SERVER_BYTES, 'utf8') : 0;
    this.ints[this.at(entry) + ENTRY.server] = length;
  }

  /** Forgets everything. */
  clear(): void {
    this.ints.fill(0, HEAD.used, HEAD_INTS + this.#buckets);
  }
}
