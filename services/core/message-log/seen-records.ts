import { BrambleError, ERROR_CODES } from '../errors.ts';

/** What was seen of one writer's lane: every number up to `last` but those in `missing`. */
interface Lane {
  last: number;
  missing: Set<number> | undefined;
}

/** Numbers below the last one that are remembered as missing, a lane. */
const MISSING_MAX = 1_024;

/**
 * Which records were read, by their writers' own numbers. Writers count without gaps in each lane,
 * so one number a lane says it all, but for the few that come late through another shard.
 */
export class SeenRecords {
  readonly #writers = new Map<string, Map<number, Lane>>();

  has(writer: string, lane: number, number: number): boolean {
    const known = this.#writers.get(writer)?.get(lane);
    return known !== undefined && number <= known.last && known.missing?.has(number) !== true;
  }

  /** The number that follows on what was seen; undefined for a lane that was never heard of. */
  expected(writer: string, lane: number): number | undefined {
    const known = this.#writers.get(writer)?.get(lane);
    return known === undefined ? undefined : known.last + 1;
  }

  /** Whether a lane that both know was read further here than in `other`. */
  isAheadOf(other: SeenRecords): boolean {
    for (const [writer, lanes] of this.#writers) {
      const theirs = other.#writers.get(writer);
      for (const [lane, { last }] of lanes) {
        if (last > (theirs?.get(lane)?.last ?? Number.POSITIVE_INFINITY)) return true;
      }
    }
    return false;
  }

  /** Remembers the record; those that it leaps over count as missing. Returns whether it was new. */
  add(writer: string, lane: number, number: number): boolean {
    let lanes = this.#writers.get(writer);
    if (lanes === undefined) {
      lanes = new Map();
      this.#writers.set(writer, lanes);
    }
    const known = lanes.get(lane);
    if (known === undefined) {
      lanes.set(lane, { last: number, missing: undefined });
      return true;
    }
    if (number === known.last + 1) {
      known.last = number;
      return true;
    }
    if (number <= known.last) {
      if (known.missing?.delete(number) !== true) return false;
      if (known.missing.size === 0) known.missing = undefined;
      return true;
    }
    known.missing ??= new Set();
    const from = Math.max(known.last + 1, number - MISSING_MAX);
    for (let missed = from; missed < number; missed++) known.missing.add(missed);
    for (const oldest of known.missing) {
      if (known.missing.size <= MISSING_MAX) break;
      known.missing.delete(oldest);
    }
    known.last = number;
    return true;
  }

  /** Counts what is missing below `number` as seen: it does not come any more. */
  forgive(writer: string, lane: number, number: number): void {
    const known = this.#writers.get(writer)?.get(lane);
    if (known?.missing === undefined) return;
    for (const missed of known.missing) if (missed < number) known.missing.delete(missed);
    if (known.missing.size === 0) known.missing = undefined;
  }

  /** Forgets writers that have ended long ago. */
  retain(keep: (writer: string) => boolean): void {
    for (const writer of this.#writers.keys()) if (!keep(writer)) this.#writers.delete(writer);
  }

  get writers(): Iterable<string> {
    return this.#writers.keys();
  }

  clone(): SeenRecords {
    const copy = new SeenRecords();
    for (const [writer, lanes] of this.#writers) {
      const copied = new Map<number, Lane>();
      for (const [lane, { last, missing }] of lanes) {
        copied.set(lane, { last, missing: missing === undefined ? undefined : new Set(missing) });
      }
      copy.#writers.set(writer, copied);
    }
    return copy;
  }

  /** Writers (2) · each: name length (1) · name · lanes (1) · each: lane (1) · last (8) · missing (2) · numbers (8 each). */
  encode(): Buffer {
    const parts: Buffer[] = [];
    const put = (length: number, write: (bytes: Buffer) => void): void => {
      const bytes = Buffer.allocUnsafe(length);
      write(bytes);
      parts.push(bytes);
    };
    put(2, (bytes) => bytes.writeUInt16BE(this.#writers.size));
    for (const [writer, lanes] of this.#writers) {
      const name = Buffer.from(writer);
      parts.push(Buffer.from([name.length]), name, Buffer.from([lanes.size]));
      for (const [lane, { last, missing }] of lanes) {
        const numbers = [...(missing ?? [])];
        put(11 + 8 * numbers.length, (bytes) => {
          bytes[0] = lane;
          bytes.writeDoubleBE(last, 1);
          bytes.writeUInt16BE(numbers.length, 9);
          for (const [i, number] of numbers.entries()) bytes.writeDoubleBE(number, 11 + 8 * i);
        });
      }
    }
    return Buffer.concat(parts);
  }

  /** Throws BRAMBLE_PROTOCOL. */
  static decode(bytes: Buffer): SeenRecords {
    const seen = new SeenRecords();
    try {
      let at = 2;
      for (let writers = bytes.readUInt16BE(0); writers > 0; writers--) {
        const nameEnd = at + 1 + bytes.readUInt8(at);
        const writer = bytes.toString('utf8', at + 1, nameEnd);
        const lanes = new Map<number, Lane>();
        at = nameEnd + 1;
        for (let count = bytes.readUInt8(nameEnd); count > 0; count--) {
          const lane = bytes.readUInt8(at);
          const last = bytes.readDoubleBE(at + 1);
          const missing = new Set<number>();
          const numbers = bytes.readUInt16BE(at + 9);
          for (let i = 0; i < numbers; i++) missing.add(bytes.readDoubleBE(at + 11 + 8 * i));
          at += 11 + 8 * numbers;
          lanes.set(lane, { last, missing: missing.size > 0 ? missing : undefined });
        }
        seen.#writers.set(writer, lanes);
      }
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new BrambleError(ERROR_CODES.PROTOCOL, 'a list of records ends too early', { cause });
    }
    return seen;
  }
}
