import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { isWhole, replicasFor, type StreamLimits } from '#core/jetstream/stream-plan.ts';
import type { Logger } from '#core/log.ts';
import type { ShardBounds } from '#core/message-log/log-reader.ts';
import { persist } from '#core/message-log/persist.ts';
import { LOG_SHARDS, loggedSubjectOf, streamOf, subjectOf } from '#core/message-log/shard-names.ts';

export interface ShardStreamsOptions {
  bus: Bus;
  /** Brokers that are configured now; they have a nats-server each. */
  nodes: () => number;
  /** Whether this broker is the one that looks after the streams. */
  responsible: () => boolean;
  /** What new streams keep. */
  limits: () => Required<StreamLimits>;
  /** Between two looks at whether the streams are there, milliseconds. */
  careInterval: number;
  /** Sequence up to which this node has read a shard. */
  read: (shard: number) => number;
  /** What a shard's leader said, asked when `read` was read, and when the stream was made. */
  observe: (shard: number, read: number, bounds: ShardBounds, created: string) => void;
  log: Logger;
}

/** Waits for JetStream's answers, milliseconds: it does not answer at all without a leader. */
const PROBE_TIMEOUT = 800;
const TIMEOUT = 2_000;
const STREAM_NOT_FOUND = 10_059;

/** The JetStream streams behind the shards: made, looked at, trimmed. */
export class ShardStreams {
  readonly #options: ShardStreamsOptions;
  #manager: JetStreamManager | undefined;
  #timer: NodeJS.Timeout | undefined;
  #caring = false;

  constructor(options: ShardStreamsOptions) {
    this.#options = options;
  }

  /** Resolves when all streams exist, however long that takes, until `signal` ends it. */
  async start(signal: AbortSignal): Promise<void> {
    const { bus, log } = this.#options;
    await persist('waiting for JetStream', signal, log, async () => {
      const manager = await jetstreamManager(bus.nats, { timeout: PROBE_TIMEOUT });
      for (let shard = 0; shard < LOG_SHARDS; shard++) await this.#ensure(manager, shard);
      this.#manager = await jetstreamManager(bus.nats, { timeout: TIMEOUT, checkAPI: false });
    });
    const { careInterval } = this.#options;
    this.#timer = setInterval(() => void this.#care(), careInterval);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#manager = undefined;
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE when the shard has no leader now. */
  async info(shard: number): Promise<StreamInfo> {
    return this.#call('no information', (manager) => manager.streams.info(streamOf(shard)));
  }

  /** The shard's first and last sequence. Rejects like `info`. */
  async bounds(shard: number): Promise<ShardBounds> {
    return boundsOf(await this.info(shard));
  }

  /** Removes the records below `sequence`. */
  async purge(shard: number, sequence: number): Promise<void> {
    await this.#call('not trimmed', (manager) =>
      manager.streams.purge(streamOf(shard), { seq: sequence }),
    );
  }

  async #call<T>(what: string, call: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    if (this.#manager === undefined || !this.#options.bus.connected) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, `${what}: the log is not open`);
    }
    try {
      return await call(this.#manager);
    } catch (cause) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, what, { cause });
    }
  }

  async #ensure(manager: JetStreamManager, shard: number): Promise<void> {
    const { nodes, limits } = this.#options;
    try {
      await manager.streams.info(streamOf(shard));
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      await manager.streams.add({
        name: streamOf(shard),
        subjects: [subjectOf(shard)],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        ...limits(),
        num_replicas: replicasFor(nodes()),
        allow_direct: true,
        republish: { src: subjectOf(shard), dest: loggedSubjectOf(shard) },
      });
    }
  }

  async #care(): Promise<void> {
    if (this.#caring || !this.#options.bus.connected) return;
    this.#caring = true;
    try {
      for (let shard = 0; shard < LOG_SHARDS; shard++) await this.#look(shard);
    } catch (error) {
      this.#options.log.debug(`streams are looked after later: ${describeError(error)}`);
    } finally {
      this.#caring = false;
    }
  }

  /** A stream that somebody has deleted is made again. */
  async #look(shard: number): Promise<void> {
    if (this.#options.responsible()) {
      await this.#call('not made', (manager) => this.#ensure(manager, shard));
    }
    const read = this.#options.read(shard);
    const info = await this.info(shard);
    // After a partition the old leader speaks on for a while, of what it had before: it hears of no
    // replica then, and its word counts for nothing.
    if (isWhole(info)) this.#options.observe(shard, read, boundsOf(info), info.created);
  }
}

function boundsOf({ state }: StreamInfo): ShardBounds {
  // An empty stream counts from one, and says zero before its first record.
  return { first: Math.max(1, state.first_seq), last: state.last_seq };
}
