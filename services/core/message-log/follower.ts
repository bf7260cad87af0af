import type { Msg, Subscription } from '@nats-io/transport-node';
import type { Bus } from '../jetstream/bus.ts';
import type { Logger } from '../log.ts';
import type { Message } from '../mqtt/message.ts';
import type { Cursor } from './cursor.ts';
import { type DirectGets, sequenceOf } from './direct-gets.ts';
import { HeldRecords, laneKey } from './held-records.ts';
import type { LogCounters } from './log-counters.ts';
import type { ShardBounds } from './log-reader.ts';
import type { LogRecord } from './log-record.ts';
import { RecordOrder } from './order.ts';
import { readRecord } from './record.ts';
import { RecordRing } from './record-ring.ts';
import { ShardFeed } from './shard-feed.ts';
import { loggedSubjectOf } from './shard-names.ts';

export interface LogFollowerOptions {
  bus: Bus;
  gets: DirectGets;
  head: Cursor;
  ringBytes: number;
  /** Longest wait for a record that later ones of its lane have overtaken, milliseconds. */
  reorderWait: number;
  counters: LogCounters;
  log: Logger;
  onMessage: (message: Message) => void;
  /** A shard has lost its end, or all: what was read of it is not what it holds now. */
  onReset: () => void;
}

interface Waiting {
  since: number;
  /** Since when every shard has a leader, and nothing that this node knows of and has not read. */
  quietSince: number;
}

const TICK = 100;
/** What may be held; beyond, its shard waits as a whole. */
const HELD_BYTES = 16 << 20;
/** A leader that was just elected may not have all its records at hand when it is asked first. */
const SHRUNK_MIN = 2;
/** Longest wait for others, in `reorderWait`s, also while they cannot be read. */
const WAIT_FACTOR_MAX = 6;
/** Records of each shard that are read at the start to know the writers. */
const RECALLED = 128;
const ASKED_AT_ONCE = 32;

/**
 * Reads the whole log live and keeps `head`. A record that came too early, since earlier ones of its
 * lane are still to come through another shard, is held while the other lanes go on. Holding the
 * whole shard instead would let two shards wait for what stands behind each other's front.
 *
 * `head.sequences` stays before the first record that is held; what was handed over behind it is
 * in `head.seen`, and while there is such, readers do not count as having caught up (`holding`).
 */
export class LogFollower {
  readonly rings: readonly RecordRing[];
  readonly #options: LogFollowerOptions;
  readonly #feeds: readonly ShardFeed[];
  readonly #order: RecordOrder;
  readonly #held: HeldRecords;
  /** By writer and lane whose records are held. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #observed: { created: string; shrunk: number }[];
  #subscriptions: Subscription[] = [];
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  /** When records were found to be gone: others of their lanes need not wait for them. */
  #leapt = Number.NEGATIVE_INFINITY;
  #closed = false;
  readonly #advanced = new Set<() => void>();
  readonly #onUp = (): void => {
    for (const feed of this.#feeds) feed.resume();
  };

  constructor(options: LogFollowerOptions) {
    const { bus, gets, head, counters, log } = options;
    this.#options = options;
    this.#order = new RecordOrder(head.seen);
    this.#held = new HeldRecords(head.sequences.length, HELD_BYTES);
    this.#observed = head.sequences.map(() => ({ created: '', shrunk: 0 }));
    this.rings = head.sequences.map(() => new RecordRing(options.ringBytes));
    this.#feeds = head.sequences.map(
      (_, shard) =>
        new ShardFeed({
          shard,
          gets,
          connected: () => bus.connected,
          counters,
          log,
          onReady: () => this.#read(),
          onLeap: () => {
            this.#leapt = performance.now();
          },
        }),
    );
  }

  /** From now on everything that is committed comes in, and waits for `begin`. */
  listen(): void {
    const { bus } = this.#options;
    this.#subscriptions = this.#feeds.map((feed, shard) =>
      bus.subscribe(loggedSubjectOf(shard), (data: Buffer, message: Msg) => {
        const sequence = sequenceOf(message);
        if (sequence > 0) feed.arrived(sequence, data);
      }),
    );
    bus.on('up', this.#onUp);
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK);
  }

  /** Reads on behind these sequences. Throws when what stands before them cannot be read now. */
  async begin(sequences: readonly number[]): Promise<void> {
    await this.#recall(sequences);
    for (const [shard, sequence] of sequences.entries()) {
      this.#options.head.sequences[shard] = sequence;
    }
    for (const [shard, feed] of this.#feeds.entries()) feed.begin(sequences[shard]! + 1);
  }

  /**
   * What a shard's leader says that it holds, asked when `read` was read. Twice less than that
   * means that the shard has lost its end (a power cut), or was made anew when `created` differs.
   */
  observe(shard: number, read: number, { first, last }: ShardBounds, created: string): void {
    const state = this.#observed[shard]!;
    state.shrunk = last < read ? state.shrunk + 1 : 0;
    if (state.shrunk === 0) state.created = created;
    if (state.shrunk < SHRUNK_MIN) return;
    const next = created === state.created ? last + 1 : first;
    this.#options.log.error({ shard, read, last, next }, 'a shard of the log has lost records');
    state.shrunk = 0;
    state.created = created;
    this.#held.drop(shard);
    this.#leapt = performance.now();
    this.#options.onReset();
    this.rings[shard]!.clear();
    this.#options.head.sequences[shard] = next - 1;
    this.#feeds[shard]!.begin(next);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#options.bus.off('up', this.#onUp);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
    this.#tellAdvanced();
  }

  /** Some of what was handed over stands behind `head`, since a record before it is held. */
  get holding(): boolean {
    return this.#held.size > 0;
  }

  /** Resolves when `head` has moved, or after `timeout` milliseconds. */
  advanced(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#advanced.delete(end);
        resolve();
      };
      const timer = setTimeout(end, timeout);
      this.#advanced.add(end);
    });
  }

  #tick(now: number): void {
    for (const feed of this.#feeds) feed.tick(now);
    if (this.#held.size > 0) this.#giveUp(now);
  }

  /** Hands over all that is here and in order. */
  #read(): void {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    try {
      for (const [shard, feed] of this.#feeds.entries()) {
        for (let record = feed.peek(); record !== undefined; record = feed.peek()) {
          if (this.#order.judge(record) !== 'early') this.#take(record);
          else if (this.#held.full) break;
          else this.#hold(record);
          this.rings[shard]!.add(record);
          feed.shift();
          this.#moveHead(shard);
          if (this.#held.size > 0) this.#release();
        }
      }
    } finally {
      this.#reading = false;
    }
    if (this.#advanced.size > 0) this.#tellAdvanced();
  }

  #hold(record: LogRecord): void {
    const now = performance.now();
    const key = laneKey(record);
    this.#held.add(record);
    if (!this.#waiting.has(key)) this.#waiting.set(key, { since: now, quietSince: now });
  }

  /** Hands over what was held and has become the next of its lane, or a copy. */
  #release(): void {
    const isDue = (record: LogRecord): boolean => this.#order.judge(record) !== 'early';
    for (let due = this.#held.find(isDue); due !== undefined; due = this.#held.find(isDue)) {
      this.#take(due);
      this.#held.delete(due);
      this.#waiting.delete(laneKey(due));
      this.#moveHead(due.shard);
    }
  }

  /** Goes on without records that do not come. */
  #giveUp(now: number): void {
    const { reorderWait, log } = this.#options;
    // All are asked whether they have a leader.
    const leaderless = this.#feeds.filter((feed) => !feed.led(now)).length > 0;
    const behind = leaderless || this.#feeds.some((feed) => feed.behind);
    for (const record of this.#held.foremost()) {
      const key = laneKey(record);
      const wait = this.#waiting.get(key) ?? { since: now, quietSince: now };
      this.#waiting.set(key, wait);
      // What comes before it may well be in a shard that this node has still to read.
      if (behind && !this.#held.full) wait.quietSince = now;
      const patient = now - wait.quietSince < reorderWait && now - this.#leapt > reorderWait;
      if (patient && now - wait.since < WAIT_FACTOR_MAX * reorderWait) continue;
      const { shard, writer, lane, number } = record;
      log.warn({ shard, writer, lane, number }, 'records before this one are gone');
      this.#waiting.delete(key);
      this.#take(record);
      this.#held.delete(record);
      this.#moveHead(shard);
      this.#release();
    }
    this.#read();
  }

  #moveHead(shard: number): void {
    const held = this.#held.first(shard);
    const { sequences } = this.#options.head;
    sequences[shard] = (held ?? this.#feeds[shard]!.next) - 1;
  }

  #take(record: LogRecord): void {
    const { counters, log } = this.#options;
    counters.read++;
    if (this.#order.judge(record) === 'copy') {
      if (record.number > 0) counters.secondCopies++;
      return;
    }
    for (const message of record.messages) {
      try {
        this.#options.onMessage(message);
      } catch (error) {
        log.error({ err: error, topic: message.topic }, 'a message could not be delivered');
      }
    }
    counters.delivered += record.messages.length;
    this.#order.take(record);
  }

  #tellAdvanced(): void {
    for (const end of [...this.#advanced]) end();
  }

  /**
   * Which records of each writer came last, from the records before the start. Only times that the
   * windows of all shards reach back to count: a lane may have gone on in another shard.
   */
  async #recall(sequences: readonly number[]): Promise<void> {
    const { gets, log } = this.#options;
    const recalled: LogRecord[] = [];
    let horizon = Number.NEGATIVE_INFINITY;
    for (const [shard, last] of sequences.entries()) {
      const records = await recall(gets, shard, last, log);
      for (const record of records) this.rings[shard]!.add(record);
      recalled.push(...records);
      const oldest = records[0];
      if (oldest !== undefined && oldest.sequence > 1) horizon = Math.max(horizon, oldest.time);
    }
    for (const record of recalled) if (record.time >= horizon) this.#order.take(record);
  }
}

/** The last records of a shard up to `last`, as far as they can be read. */
async function recall(
  gets: DirectGets,
  shard: number,
  last: number,
  log: Logger,
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let from = Math.max(1, last - RECALLED + 1); from <= last; from += ASKED_AT_ONCE) {
    const count = Math.min(ASKED_AT_ONCE, last - from + 1);
    const asked = Array.from({ length: count }, (_, i) => gets.from(shard, from + i));
    for (const [i, stored] of (await Promise.all(asked)).entries()) {
      if (stored?.sequence !== from + i) continue;
      try {
        records.push(readRecord(stored.bytes, shard, stored.sequence));
      } catch (error) {
        log.error({ err: error, shard, sequence: stored.sequence }, 'a record cannot be read');
      }
    }
  }
  return records;
}
