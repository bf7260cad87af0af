import { type PackedRecord, RecordPacker } from '../kafka/packed-record.ts';
import type { Mark } from './ledger.ts';

/** One record on its way. */
export interface Parcel extends PackedRecord {
  /** Whose delivery it is. */
  readonly mark: Mark;
  /** Of its key, not negative, by murmur2; -1 without a key. */
  readonly hash: number;
}

export interface QueueOptions {
  /** A batch has so many bytes at most, or one record. */
  batchBytes: number;
  /** Longest wait of a batch that is not full, milliseconds. */
  wait: number;
  /** Delivers one batch, however often it takes; never rejects. */
  deliver: (batch: readonly Parcel[]) => Promise<void>;
}

/** What a record has in a batch before its key, bytes at most in one that is not huge. */
const BEFORE = 16;
/**
 * Records in a batch at most. Partitions that are apart by a batch are what comes again after a
 * crash, and larger batches cost as much for each record.
 */
const RECORDS_MAX = 512;

/**
 * What waits for one partition, in order. One batch is on its way at a time; what comes meanwhile
 * makes up the next one.
 */
export class PartitionQueue {
  readonly packer = new RecordPacker();
  readonly #options: QueueOptions;
  #parcels: Parcel[] = [];
  #bytes = 0;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return !this.#busy && this.#parcels.length === 0;
  }

  add(parcel: Parcel): void {
    this.#parcels.push(parcel);
    this.#bytes += weightOf(parcel);
    if (this.#busy || this.#closed) return;
    if (this.#bytes >= this.#options.batchBytes) this.#go();
    else this.#timer ??= setTimeout(() => this.#go(), this.#options.wait);
  }

  /** Begins no further batch. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #go(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#busy || this.#closed) return;
    if (this.#parcels.length === 0) {
      this.packer.release();
      return;
    }
    this.#busy = true;
    void this.#options.deliver(this.#take()).finally(() => {
      this.#busy = false;
      this.#go();
    });
  }

  #take(): Parcel[] {
    let bytes = 0;
    let count = 0;
    for (const parcel of this.#parcels) {
      const weight = weightOf(parcel);
      if (count > 0 && bytes + weight > this.#options.batchBytes) break;
      bytes += weight;
      if (++count === RECORDS_MAX) break;
    }
    this.#bytes -= bytes;
    if (count === this.#parcels.length) {
      const all = this.#parcels;
      this.#parcels = [];
      return all;
    }
    return this.#parcels.splice(0, count);
  }
}

/** What it weighs in a batch, bytes. */
export function weightOf({ start, end }: Parcel): number {
  return BEFORE + end - start;
}
