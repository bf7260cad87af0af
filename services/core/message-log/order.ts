import type { LogRecord } from './log-record.ts';
import type { SeenRecords } from './seen-records.ts';

/** A record that its writer does not count: it only tries whether a shard works. */
export const PROBE = 0;
/**
 * Numbers below the first one of a lane that may still come late. A writer has fewer records on
 * their way than this.
 */
const LATE_MAX = 16;
/** A writer that wrote nothing for so long is forgotten, milliseconds. */
const SILENCE = 15 * 60_000;
/** A record that did not come for so long after those behind it does not come, milliseconds. */
const GAP_KEPT = 5 * 60_000;
/** Records between two looks at what may be forgotten. */
const FORGET_EVERY = 256;

/** Records of a lane below `number` had not come at `time`. */
interface Gap {
  writer: string;
  lane: number;
  number: number;
  time: number;
}

/**
 * `new`: to be handed over; `copy`: it was, or there is nothing in it; `early`: records of its lane
 * that come before it have not been read.
 */
export type Verdict = 'new' | 'copy' | 'early';

/**
 * Puts the shards' records into one order and lets each pass once: a writer that does not hear from
 * a shard writes the same records into another one, so they may come twice, and late.
 */
export class RecordOrder {
  readonly seen: SeenRecords;
  readonly #fromFirst: boolean;
  /** Time of each writer's last record. */
  readonly #times = new Map<string, number>();
  /** The oldest first. */
  #gaps: Gap[] = [];
  #taken = 0;

  /**
   * `fromFirst`: a lane that was never heard of begins with its first record, which may stand
   * further on. Only for who reads what is stored: live, it may be a lane that was forgotten.
   */
  constructor(seen: SeenRecords, fromFirst = false) {
    this.seen = seen;
    this.#fromFirst = fromFirst;
  }

  judge({ writer, lane, number }: LogRecord): Verdict {
    if (number === PROBE) return 'copy';
    const expected = this.seen.expected(writer, lane);
    if (expected === undefined) {
      return this.#fromFirst && number > 1 && number <= LATE_MAX ? 'early' : 'new';
    }
    if (number === expected) return 'new';
    if (number > expected) return 'early';
    return this.seen.has(writer, lane, number) ? 'copy' : 'new';
  }

  /** Counts the record as read. */
  take({ writer, lane, number, time }: LogRecord): void {
    if (number === PROBE) return;
    const { seen } = this;
    const expected = seen.expected(writer, lane);
    if (expected === undefined ? number > 1 : number > expected) {
      if (expected === undefined) seen.add(writer, lane, Math.max(0, number - LATE_MAX - 1));
      this.#gaps.push({ writer, lane, number, time });
    }
    seen.add(writer, lane, number);
    this.#times.set(writer, time);
    if (++this.#taken % FORGET_EVERY === 0) this.#forget(time);
  }

  #forget(now: number): void {
    while (this.#gaps.length > 0 && now - this.#gaps[0]!.time > GAP_KEPT) {
      const { writer, lane, number } = this.#gaps.shift()!;
      this.seen.forgive(writer, lane, number);
    }
    for (const writer of this.seen.writers) {
      // Of one that a cursor brought along, the time is not known.
      if (!this.#times.has(writer)) this.#times.set(writer, now);
    }
    for (const [writer, time] of this.#times) {
      if (now - time > SILENCE) this.#times.delete(writer);
    }
    this.seen.retain((writer) => this.#times.has(writer));
  }
}
