import type { LogRecord } from './log-record.ts';

/** What a record costs beside its messages. */
const RECORD_OVERHEAD = 256;

/** The last records of a shard, as many as fit: most readers find there what they need. */
export class RecordRing {
  readonly #max: number;
  readonly #records = new Map<number, LogRecord>();
  #first = 1;
  #next = 1;
  #bytes = 0;

  /** `max`: bytes. */
  constructor(max: number) {
    this.#max = max;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(sequence: number): LogRecord | undefined {
    return this.#records.get(sequence);
  }

  clear(): void {
    this.#records.clear();
    this.#bytes = 0;
    this.#next = 0;
  }

  /** Records come in the order of their sequences; a leap empties the ring. */
  add(record: LogRecord): void {
    const { sequence } = record;
    if (sequence !== this.#next) {
      this.clear();
      this.#first = sequence;
    }
    this.#next = sequence + 1;
    this.#records.set(sequence, record);
    this.#bytes += costOf(record);
    while (this.#bytes > this.#max && this.#first < sequence) {
      this.#bytes -= costOf(this.#records.get(this.#first)!);
      this.#records.delete(this.#first++);
    }
  }
}

/** Memory that a record takes, bytes, roughly. */
export function costOf(record: LogRecord): number {
  if (record.size !== undefined) return RECORD_OVERHEAD + record.size;
  let bytes = RECORD_OVERHEAD;
  for (const message of record.messages) bytes += message.size;
  return bytes;
}
