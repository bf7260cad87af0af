import type { LogRecord } from './log-record.ts';
import { costOf } from './record-ring.ts';

/** Records that came too early: those before them in their lanes are still to come. */
export class HeldRecords {
  readonly #max: number;
  /** By shard, in the order of their sequences. */
  readonly #records: Set<LogRecord>[];
  /** By writer and lane. */
  readonly #lanes = new Map<string, Set<LogRecord>>();
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
    const key = laneKey(record);
    const lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, new Set([record]));
    else lane.add(record);
    this.#bytes += costOf(record);
    this.#size++;
  }

  delete(record: LogRecord): void {
    if (!this.#records[record.shard]!.delete(record)) return;
    const key = laneKey(record);
    const lane = this.#lanes.get(key);
    lane?.delete(record);
    if (lane?.size === 0) this.#lanes.delete(key);
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

  /** The first that fits of the lane that the record is of. */
  findBeside(
    { writer, lane }: Pick<LogRecord, 'writer' | 'lane'>,
    fits: (record: LogRecord) => boolean,
  ): LogRecord | undefined {
    for (const record of this.#lanes.get(laneKey({ writer, lane })) ?? []) {
      if (fits(record)) return record;
    }
    return undefined;
  }

  /** Of each lane the record with the lowest number. */
  foremost(): LogRecord[] {
    const lanes = new Map<string, LogRecord>();
    for (const records of this.#records) {
      for (const record of records) {
        const key = laneKey(record);
        const known = lanes.get(key);
        if (known === undefined || record.number < known.number) lanes.set(key, record);
      }
    }
    return [...lanes.values()];
  }
}

export function laneKey({ writer, lane }: Pick<LogRecord, 'writer' | 'lane'>): string {
  return `${writer} ${lane}`;
}
