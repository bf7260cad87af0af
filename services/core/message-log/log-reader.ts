import { BrambleError, ERROR_CODES } from '../errors.ts';
import type { Cursor } from './cursor.ts';
import { HeldRecords, laneKey } from './held-records.ts';
import type { LogReader, LogRecord, ReadResult } from './log-record.ts';
import { RecordOrder } from './order.ts';
import { costOf } from './record-ring.ts';
import type { RecordSource } from './record-source.ts';

export interface ReaderOptions {
  from: Cursor;
  head: Cursor;
  source: Pick<RecordSource, 'inMemory' | 'fetch' | 'turn'>;
  /** Whether some of what was handed over stands behind `head`. */
  holding: () => boolean;
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
/** What may be held, bytes. */
const HELD_BYTES = 1 << 20;
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
  /** By shard: the sequence that is looked at next; the cursor stays before what is held. */
  readonly #scan: number[];
  readonly #held: HeldRecords;
  /** What is held and has become the next of its lane, by writer and lane. */
  readonly #due = new Map<string, LogRecord>();
  /** The log has lost its end, so the cursor has seen what nobody will see again. */
  #shortened = false;
  #window = AHEAD_FIRST;
  #loading: Promise<void> | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.cursor = options.from.clone();
    this.#order = new RecordOrder(this.cursor.seen, true);
    this.#ahead = this.cursor.sequences.map(() => new Map());
    this.#scan = this.cursor.sequences.map((sequence) => sequence + 1);
    this.#held = new HeldRecords(this.#scan.length, HELD_BYTES);
  }

  next(): ReadResult {
    let best: LogRecord | undefined;
    // What was held takes its turn by its time as well: a client may have gone on at another node,
    // whose records are behind the fronts still.
    for (const due of this.#due.values()) best = earlier(due, best);
    const due = best;
    for (let shard = 0; shard < this.#scan.length; shard++) {
      const front = this.#front(shard);
      if (front === 'wait') return front;
      if (front !== undefined) best = earlier(front, best);
    }
    if (best !== undefined) {
      if (best !== due) this.#pass(best);
      return this.#handOver(best);
    }
    if (this.#options.holding()) return 'wait';
    // All shards are read to the head: what comes before this one is gone for good.
    const early = this.#held
      .foremost()
      .reduce<LogRecord | undefined>((first, record) => earlier(record, first), undefined);
    if (early !== undefined) return this.#handOver(early);
    return this.#caughtUp ? 'head' : 'wait';
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
    } else if (this.#scan.every((_, shard) => this.#atHead(shard))) {
      await this.#awaitHead();
    }
  }

  /** Shards whose next record is neither loaded nor in memory. */
  #absent(): number[] {
    const absent: number[] = [];
    for (const [shard, sequence] of this.#scan.entries()) {
      if (!this.#atHead(shard) && this.#at(shard, sequence) === undefined) absent.push(shard);
    }
    return absent;
  }

  async #loadShard(shard: number): Promise<void> {
    const { head, source } = this.#options;
    const first = this.#scan[shard]!;
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
    if (this.#scan[shard] !== first || end <= first) return;
    this.lost += end - first;
    this.#scan[shard] = end;
    this.#moveCursor(shard);
  }

  /** The session came from a node that had read more than this one. */
  async #awaitHead(): Promise<void> {
    const { head, advanced, bounds } = this.#options;
    const { sequences } = this.cursor;
    if (this.#caughtUp) return;
    await advanced(HEAD_WAIT);
    for (const [shard, sequence] of sequences.entries()) {
      if (sequence <= head.sequences[shard]!) continue;
      // A power cut may have taken the end of the log: what is written now comes again there.
      const { last } = await bounds(shard);
      if (last >= sequence) continue;
      this.#shortened = true;
      sequences[shard] = last;
      this.#scan[shard] = last + 1;
    }
  }

  /** Nothing is left that this node has handed over, and the cursor has not seen more than that. */
  get #caughtUp(): boolean {
    const { head, holding } = this.#options;
    const { cursor } = this;
    if (!cursor.equals(head) || holding()) return false;
    // On another node that held records back, others behind them were read already.
    return this.#shortened || !cursor.seen.isAheadOf(head.seen);
  }

  #atHead(shard: number): boolean {
    return this.#scan[shard]! > this.#options.head.sequences[shard]!;
  }

  #at(shard: number, sequence: number): LogRecord | undefined {
    return this.#options.source.inMemory(shard, sequence) ?? this.#ahead[shard]!.get(sequence);
  }

  /** Looks which of the lane's held records is the next now; copies among them are dropped. */
  #look(handed: LogRecord): void {
    const key = laneKey(handed);
    this.#due.delete(key);
    const isDue = (record: LogRecord): boolean => this.#order.judge(record) !== 'early';
    for (;;) {
      const due = this.#held.findBeside(handed, isDue);
      if (due === undefined) return;
      if (this.#order.judge(due) === 'new') {
        this.#due.set(key, due);
        return;
      }
      this.#held.delete(due);
      this.#moveCursor(due.shard);
    }
  }

  /** The shard's next record that may be handed over; undefined at the head. */
  #front(shard: number): LogRecord | 'wait' | undefined {
    for (;;) {
      if (this.#atHead(shard)) return undefined;
      const record = this.#at(shard, this.#scan[shard]!);
      if (record === undefined) return 'wait';
      const verdict = this.#order.judge(record);
      if (verdict === 'new' || (verdict === 'early' && this.#held.full)) return record;
      if (verdict === 'early') this.#held.add(record);
      this.#pass(record);
    }
  }

  #handOver(record: LogRecord): LogRecord {
    this.#held.delete(record);
    this.#order.take(record);
    this.#moveCursor(record.shard);
    this.#look(record);
    return record;
  }

  #pass({ shard, sequence }: LogRecord): void {
    this.#ahead[shard]!.delete(sequence);
    this.#scan[shard] = sequence + 1;
    this.#moveCursor(shard);
  }

  #moveCursor(shard: number): void {
    this.cursor.sequences[shard] = (this.#held.first(shard) ?? this.#scan[shard]!) - 1;
  }
}

function earlier(a: LogRecord, b: LogRecord | undefined): LogRecord {
  return b === undefined || a.time < b.time ? a : b;
}
