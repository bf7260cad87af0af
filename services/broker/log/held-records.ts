import type { LogRecord } from './message-log.ts';
import { costOf } from './record-ring.ts';

/** Records that came too early: those before them in their lanes are still to come. */
export class HeldRecords {
  readonly #max: number;
  /** By shard, in the order of their sequences. */
  readonly #records: Set<LogRecord>[];
  #bytes = 0;
  #size = 0;

  /** `max`: bytes. */
  constructor(shards: number, max: number) {
    this.#max = max;
    this.#records = Array.from({ length: shards }, () => new Set());
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#bytes >= this.#max;
  }

  /** Of each shard they come in the order of their sequences. */
  add(record: LogRecord): void {
    this.#records[record.shard]!.add(record);
    this.#bytes += costOf(record);
    this.#size++;
  }

  delete(record: LogRecord): void {
    if (!this.#records[record.shard]!.delete(record)) return;
    this.#bytes -= costOf(record);
    this.#size--;
  }

  /** Those of a shard that was lost. */
  drop(shard: number): void {
    for (const record of [...this.#records[shard]!]) this.delete(record);
  }

  /** The first sequence of a shard that is held; undefined when none is. */
  first(shard: number): number | undefined {
    return this.#records[shard]!.values().next().value?.sequence;
  }

  /** The first that fits, of any shard. */
  find(fits: (record: LogRecord) => boolean): LogRecord | undefined {
    for (const records of this.#records) {
      for (const record of records) if (fits(record)) return record;
    }
    return undefined;
  }

  /** Of each lane the record with the lowest number. */
  foremost(): LogRecord[] {
    const lanes = new Map<string, LogRecord>();
    for (const records of this.#records) {
      for (const record of records) {
        const key = `${record.writer} ${record.lane}`;
        const known = lanes.get(key);
        if (known === undefined || record.number < known.number) lanes.set(key, record);
      }
    }
    return [...lanes.values()];
  }
}
