import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { BrambleError, describeError, ERROR_CODES } from '../errors.ts';
import type { Bus } from '../jetstream/bus.ts';
import { isWhole } from '../jetstream/stream-plan.ts';
import type { Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { Cursor } from './cursor.ts';
import { DirectGets } from './direct-gets.ts';
import { LogFollower } from './follower.ts';
import { createLogCounters, type LogCounters } from './log-counters.ts';
import { JetStreamLogReader } from './log-reader.ts';
import type { LogReader } from './log-record.ts';
import { PROBE } from './order.ts';
import { persist } from './persist.ts';
import { RecordSource } from './record-source.ts';
import { LOG_SHARDS, streamOf } from './shard-names.ts';

export interface LogConsumerOptions {
  bus: Bus;
  log: Logger;
  /** What of each shard stays in memory for readers, bytes. */
  ringBytes?: number;
  /** Longest wait for a record that others of its lane have overtaken, milliseconds. */
  reorderWait?: number;
  /** Between two looks at what the shards' leaders have, milliseconds. */
  careInterval?: number;
}

/** A shard as its leader sees it. */
export interface ShardState {
  /** One more than `last` in an empty shard. */
  first: number;
  last: number;
  messages: number;
  bytes: number;
  /** What it keeps at most, bytes; 0 = no bound. */
  maxBytes: number;
  /** How long it keeps at most, milliseconds; 0 = no bound. */
  maxAge: number;
}

/** Less than a broker's: few read here, and all at about the same place. */
const RING_BYTES = 1 << 20;
const CACHE_BYTES = 2 << 20;
const REORDER_WAIT = 10_000;
const CARE_INTERVAL = 5_000;
const TIMEOUT = 2_000;
const NANOSECONDS = 1e6;
/** Records that a power cut may have taken, a shard. */
const REWIND_MAX = 2_000;

/**
 * The cluster's log for those who only read it, by the same codec, order and merge by which sessions
 * do: it makes no stream and writes nothing.
 */
export class LogConsumer implements Service {
  readonly head = Cursor.start(LOG_SHARDS);
  readonly counters: LogCounters = createLogCounters();
  readonly #options: LogConsumerOptions;
  readonly #follower: LogFollower;
  readonly #source: RecordSource;
  #manager: JetStreamManager | undefined;
  #timer: NodeJS.Timeout | undefined;
  #caring = false;

  constructor(options: LogConsumerOptions) {
    this.#options = options;
    const { bus, log, ringBytes = RING_BYTES, reorderWait = REORDER_WAIT } = options;
    const gets = new DirectGets(bus);
    this.#follower = new LogFollower({
      bus,
      gets,
      head: this.head,
      ringBytes,
      reorderWait,
      counters: this.counters,
      log,
      onMessage: () => {},
      onReset: () => this.#source.clear(),
    });
    this.#source = new RecordSource({
      rings: this.#follower.rings,
      gets,
      log,
      cacheBytes: CACHE_BYTES,
      lazy: true,
    });
  }

  /** Waits for the streams, which the brokers make; resolves when `head` stands at their ends. */
  async start(signal: AbortSignal): Promise<void> {
    const { bus, log, careInterval = CARE_INTERVAL } = this.#options;
    await persist('waiting for the log', signal, log, async () => {
      this.#manager = await jetstreamManager(bus.nats, { timeout: TIMEOUT, checkAPI: false });
      for (let shard = 0; shard < LOG_SHARDS; shard++) await this.shard(shard);
    });
    this.#follower.listen();
    await persist('waiting for the log', signal, log, async () => {
      const last: number[] = [];
      for (let shard = 0; shard < LOG_SHARDS; shard++) last.push((await this.shard(shard)).last);
      await this.#follower.begin(last);
    });
    this.#timer = setInterval(() => void this.#care(), careInterval);
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    this.#follower.close();
    return Promise.resolve();
  }

  /** Reads on from a cursor. Throws BRAMBLE_PROTOCOL for one that is none of this log. */
  reader(from: Cursor): LogReader {
    const possible = (sequence: number): boolean => Number.isSafeInteger(sequence) && sequence >= 0;
    if (from.sequences.length !== LOG_SHARDS || !from.sequences.every(possible)) {
      throw new BrambleError(ERROR_CODES.PROTOCOL, `no cursor of this log: ${from.sequences}`);
    }
    return new JetStreamLogReader({
      from,
      head: this.head,
      source: this.#source,
      holding: () => this.#follower.holding,
      advanced: (timeout) => this.#follower.advanced(timeout),
      bounds: (shard) => this.shard(shard),
    });
  }

  /** Resolves when `head` has moved, or after so many milliseconds. */
  advanced(timeout: number): Promise<void> {
    return this.#follower.advanced(timeout);
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE when the shard has no leader now. */
  async shard(shard: number): Promise<ShardState> {
    const { state, config } = await this.#info(shard);
    return {
      // An empty stream counts from one, and says zero before its first record.
      first: Math.max(1, state.first_seq),
      last: state.last_seq,
      messages: state.messages,
      bytes: state.bytes,
      maxBytes: Math.max(0, config.max_bytes),
      maxAge: config.max_age / NANOSECONDS,
    };
  }

  /** When the first record from `sequence` on was written, ms since the epoch; undefined: none. */
  async timeOf(shard: number, sequence: number): Promise<number | undefined> {
    return (await this.#source.fetch(shard, sequence))?.time;
  }

  /**
   * Takes a cursor that was stored at `savedAt` (milliseconds since the epoch) back to where the log
   * still agrees with it: a power cut may have taken the end of a shard that the cursor had passed.
   */
  async rewind({ sequences, seen }: Cursor, savedAt: number): Promise<void> {
    for (const [shard, sequence] of sequences.entries()) {
      for (let at = sequence; at > Math.max(0, sequence - REWIND_MAX); at--) {
        if (at > this.head.sequences[shard]!) continue;
        const record = await this.#source.fetch(shard, at);
        if (record?.sequence !== at || record.time <= savedAt) break;
        if (record.number !== PROBE && seen.has(record.writer, record.lane, record.number)) break;
        sequences[shard] = at - 1;
      }
    }
  }

  async #info(shard: number) {
    if (this.#manager === undefined || !this.#options.bus.connected) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'the log is not open');
    }
    try {
      return await this.#manager.streams.info(streamOf(shard));
    } catch (cause) {
      const text = `shard ${shard} of the log does not answer`;
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text, { cause });
    }
  }

  /** Whether a shard has lost its end, or is another one than before. */
  async #care(): Promise<void> {
    if (this.#caring || !this.#options.bus.connected) return;
    this.#caring = true;
    try {
      for (let shard = 0; shard < LOG_SHARDS; shard++) {
        const read = this.head.sequences[shard]!;
        const info = await this.#info(shard);
        if (!isWhole(info)) continue;
        const { first_seq, last_seq } = info.state;
        const bounds = { first: Math.max(1, first_seq), last: last_seq };
        this.#follower.observe(shard, read, bounds, info.created);
      }
    } catch (error) {
      this.#options.log.debug(`the log is looked at later: ${describeError(error)}`);
    } finally {
      this.#caring = false;
    }
  }
}
