import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Cursor } from './cursor.ts';
import type { LogReader, LogRecord, ReadResult } from './message-log.ts';
import { RecordOrder } from './order.ts';
import { costOf } from './record-ring.ts';
import type { RecordSource } from './record-source.ts';

export interface ReaderOptions {
  from: Cursor;
  head: Cursor;
  source: Pick<RecordSource, 'inMemory' | 'fetch' | 'turn'>;
  /** Resolves when `head` has moved, or after so many milliseconds. */
  advanced: (timeout: number) => Promise<void>;
  /** A shard's first and last sequence, as its leader knows them. */
  bounds: (shard: number) => Promise<ShardBounds>;
}

export interface ShardBounds {
  /** One more than `last` in an empty shard. */
  first: number;
  last: number;
}

/** Records of a shard that are loaded at once, and their bytes over all shards. */
const AHEAD_MAX = 32;
const AHEAD_FIRST = 4;
const AHEAD_BYTES = 512 << 10;
/** Longest wait for `head` to move, milliseconds. */
const HEAD_WAIT = 1_000;

/**
 * Reads the shards from a cursor up to `head` and merges them by their records' times. Numbers
 * come first: a record whose forerunners in its lane stand in another shard waits for these.
 */
export class JetStreamLogReader implements LogReader {
  readonly cursor: Cursor;
  lost = 0;
  readonly #options: ReaderOptions;
  readonly #order: RecordOrder;
  /** Loaded records by shard and sequence. */
  readonly #ahead: Map<number, LogRecord>[];
  #window = AHEAD_FIRST;
  #loading: Promise<void> | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.cursor = options.from.clone();
    this.#order = new RecordOrder(this.cursor.seen);
    this.#ahead = this.cursor.sequences.map(() => new Map());
  }

  next(): ReadResult {
    const { cursor } = this;
    let best: LogRecord | undefined;
    let early: LogRecord | undefined;
    for (let shard = 0; shard < cursor.sequences.length; shard++) {
      this.#skipCopies(shard);
      if (this.#atHead(shard)) continue;
      const front = this.#at(shard, cursor.sequences[shard]! + 1);
      if (front === undefined) return 'wait';
      if (this.#order.judge(front) === 'early') early = earlier(front, early);
      else best = earlier(front, best);
    }
    // Only when all shards are read to the head are an early record's forerunners gone for good.
    const record = best ?? early;
    if (record === undefined) return cursor.equals(this.#options.head) ? 'head' : 'wait';
    this.#pass(record.shard, record.sequence);
    this.#order.take(record);
    return record;
  }

  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const absent = this.#absent();
    if (absent.length > 0) {
      const { source } = this.#options;
      await source.turn(() => Promise.all(absent.map((shard) => this.#loadShard(shard))));
    } else if (this.cursor.sequences.every((_, shard) => this.#atHead(shard))) {
      await this.#awaitHead();
    }
  }

  /** Shards whose next record is neither loaded nor in memory. */
  #absent(): number[] {
    const absent: number[] = [];
    for (const [shard, sequence] of this.cursor.sequences.entries()) {
      if (!this.#atHead(shard) && this.#at(shard, sequence + 1) === undefined) absent.push(shard);
    }
    return absent;
  }

  async #loadShard(shard: number): Promise<void> {
    const { head, source } = this.#options;
    const first = this.cursor.sequences[shard]! + 1;
    const last = Math.min(head.sequences[shard]!, first + this.#window - 1);
    const fetches: Promise<LogRecord | undefined>[] = [];
    for (let sequence = first; sequence <= last; sequence++) {
      if (this.#at(shard, sequence) === undefined) fetches.push(source.fetch(shard, sequence));
    }
    const records = await Promise.all(fetches);
    const found = records[0];
    let bytes = 0;
    for (const record of records) {
      if (record === undefined || record.sequence > last) continue;
      this.#ahead[shard]!.set(record.sequence, record);
      bytes += costOf(record);
    }
    const share = AHEAD_BYTES / this.cursor.sequences.length;
    const fit = Math.floor((share * records.length) / Math.max(bytes, 1));
    this.#window = Math.max(1, Math.min(AHEAD_MAX, 2 * this.#window, fit));
    if (found === undefined) await this.#lookForEnd(shard, first);
    else if (found.sequence > first) this.#leap(shard, first, found.sequence);
  }

  /** Nobody has the record: it was removed, or those that have it do not say so yet. */
  async #lookForEnd(shard: number, sequence: number): Promise<void> {
    const { first } = await this.#options.bounds(shard);
    if (first <= sequence) {
      const text = `record ${sequence} of shard ${shard} cannot be read now`;
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text);
    }
    this.#leap(shard, sequence, first);
  }

  /** Retention has removed the records from `first` up to `found`. */
  #leap(shard: number, first: number, found: number): void {
    const end = Math.min(found, this.#options.head.sequences[shard]! + 1);
    if (this.cursor.sequences[shard] !== first - 1 || end <= first) return;
    this.lost += end - first;
    this.cursor.sequences[shard] = end - 1;
  }

  /** The session came from a node that had read more than this one. */
  async #awaitHead(): Promise<void> {
    const { head, advanced, bounds } = this.#options;
    const { sequences } = this.cursor;
    if (this.cursor.equals(head)) return;
    await advanced(HEAD_WAIT);
    for (const [shard, sequence] of sequences.entries()) {
      if (sequence <= head.sequences[shard]!) continue;
      // A power cut may have taken the end of the log: what is written now comes again there.
      const { last } = await bounds(shard);
      if (last < sequence) sequences[shard] = last;
    }
  }

  #atHead(shard: number): boolean {
    return this.cursor.sequences[shard]! >= this.#options.head.sequences[shard]!;
  }

  #at(shard: number, sequence: number): LogRecord | undefined {
    return this.#options.source.inMemory(shard, sequence) ?? this.#ahead[shard]!.get(sequence);
  }

  #skipCopies(shard: number): void {
    for (;;) {
      if (this.#atHead(shard)) return;
      const record = this.#at(shard, this.cursor.sequences[shard]! + 1);
      if (record === undefined || this.#order.judge(record) !== 'copy') return;
      this.#pass(shard, record.sequence);
    }
  }

  #pass(shard: number, sequence: number): void {
    this.#ahead[shard]!.delete(sequence);
    this.cursor.sequences[shard] = sequence;
  }
}

function earlier(a: LogRecord, b: LogRecord | undefined): LogRecord {
  return b === undefined || a.time < b.time ? a : b;
}
