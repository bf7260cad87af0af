import { BrambleError, ERROR_CODES } from '../errors.ts';
import { SeenRecords } from './seen-records.ts';

const VERSION = 1;

/**
 * A point in the log: for each shard the last record that is wholly behind it, and which records
 * of each writer those were. A record may be in two shards (its writer did not hear from the
 * first), so the sequences alone would not tell whether it was read.
 */
export class Cursor {
  /** By shard: JetStream sequence of the last record behind the cursor; 0 = none. */
  readonly sequences: number[];
  readonly seen: SeenRecords;

  constructor(sequences: number[], seen: SeenRecords) {
    this.sequences = sequences;
    this.seen = seen;
  }

  static start(shards: number): Cursor {
    return new Cursor(new Array<number>(shards).fill(0), new SeenRecords());
  }

  clone(): Cursor {
    return new Cursor([...this.sequences], this.seen.clone());
  }

  /** Same records behind both. */
  equals(other: Cursor): boolean {
    const { sequences } = this;
    for (let i = 0; i < sequences.length; i++) {
      if (sequences[i] !== other.sequences[i]) return false;
    }
    return true;
  }

  /** Version (1) · shards (1) · sequence (8 each) · seen records. */
  encode(): Buffer {
    const { sequences } = this;
    const head = Buffer.allocUnsafe(2 + 8 * sequences.length);
    head[0] = VERSION;
    head[1] = sequences.length;
    for (const [i, sequence] of sequences.entries()) head.writeDoubleBE(sequence, 2 + 8 * i);
    return Buffer.concat([head, this.seen.encode()]);
  }

  /** Throws BRAMBLE_PROTOCOL. */
  static decode(bytes: Buffer): Cursor {
    const shards = bytes[1] ?? 0;
    const end = 2 + 8 * shards;
    if (bytes[0] !== VERSION || bytes.length < end) {
      throw new BrambleError(ERROR_CODES.PROTOCOL, 'a cursor that cannot be read');
    }
    const sequences: number[] = [];
    for (let at = 2; at < end; at += 8) sequences.push(bytes.readDoubleBE(at));
    return new Cursor(sequences, SeenRecords.decode(bytes.subarray(end)));
  }
}
