import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Bus } from '../cluster/bus.ts';
import type { ShardBounds } from './log-reader.ts';
import { LOG_SHARDS, loggedSubjectOf, streamOf, subjectOf } from './shard-names.ts';

export interface ShardStreamsOptions {
  bus: Bus;
  /** Brokers that are configured; they have a nats-server each. */
  nodes: number;
  /** Whether this broker is the one that looks after the streams. */
  responsible: () => boolean;
  shardBytes: number;
  /** Milliseconds. */
  retention: number;
  /** Between two looks at replicas and leaders, milliseconds. */
  careInterval: number;
  /** Sequence up to which this node has read a shard. */
  read: (shard: number) => number;
  /** What a shard's leader said, asked when `read` was read, and when the stream was made. */
  observe: (shard: number, read: number, bounds: ShardBounds, created: string) => void;
  log: Logger;
}

/** Raft wants an odd majority, and three survive one. */
const REPLICAS_MAX = 3;
/** Waits for JetStream's answers, milliseconds: it does not answer at all without a leader. */
const PROBE_TIMEOUT = 800;
const RETRY = 200;
const TIMEOUT = 2_000;
/** After the start, milliseconds. */
const FIRST_CARE = 2_000;
/** Looks at the streams between two moves of a leader. */
const LOOKS_PER_MOVE = 3;
/** Raft entries that a replica under load is behind and still counts as whole. */
const LAG_MAX = 512;
const STREAM_NOT_FOUND = 10_059;
const NANOSECONDS = 1e6;

/** The JetStream streams behind the shards: made, grown with the cluster, leaders spread. */
export class ShardStreams {
  readonly #options: ShardStreamsOptions;
  #manager: JetStreamManager | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #caring = false;
  #movedAt = Number.NEGATIVE_INFINITY;

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
    // New streams may all have the same leader.
    this.#soon = setTimeout(() => void this.#care(), Math.min(careInterval, FIRST_CARE));
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
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
    const { nodes, shardBytes, retention } = this.#options;
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
        max_bytes: shardBytes,
        max_age: retention * NANOSECONDS,
        num_replicas: Math.min(nodes, REPLICAS_MAX),
        allow_direct: true,
        republish: { src: subjectOf(shard), dest: loggedSubjectOf(shard) },
      });
    }
  }

  /** One change at a time, and only while nothing is being recovered. */
  async #care(): Promise<void> {
    if (this.#caring || !this.#options.bus.connected) return;
    this.#caring = true;
    try {
      const shards: StreamInfo[] = [];
      for (let shard = 0; shard < LOG_SHARDS; shard++) shards.push(await this.#look(shard));
      if (!this.#options.responsible() || !shards.every(isWhole)) return;
      if (!(await this.#update(shards))) await this.#spread(shards);
    } catch (error) {
      this.#options.log.debug(`streams are looked after later: ${describeError(error)}`);
    } finally {
      this.#caring = false;
    }
  }

  /** A stream that somebody has deleted is made again. */
  async #look(shard: number): Promise<StreamInfo> {
    if (this.#options.responsible()) {
      await this.#call('not made', (manager) => this.#ensure(manager, shard));
    }
    const read = this.#options.read(shard);
    const info = await this.info(shard);
    this.#options.observe(shard, read, boundsOf(info), info.created);
    return info;
  }

  /** Gives a stream the replicas and limits that it should have. Returns whether one was changed. */
  async #update(shards: readonly StreamInfo[]): Promise<boolean> {
    const { nodes, shardBytes, retention, log } = this.#options;
    for (const { config } of shards) {
      // Never fewer: a node that was taken from the file may come back.
      const num_replicas = Math.max(config.num_replicas, Math.min(nodes, REPLICAS_MAX));
      const max_age = retention * NANOSECONDS;
      const wanted: Partial<StreamConfig> = { num_replicas, max_age, max_bytes: shardBytes };
      if (
        config.num_replicas === num_replicas &&
        config.max_age === max_age &&
        config.max_bytes === shardBytes
      ) {
        continue;
      }
      log.info({ stream: config.name, ...wanted }, 'changing a stream of the log');
      await this.#call('not changed', (manager) => manager.streams.update(config.name, wanted));
      return true;
    }
    return false;
  }

  /** A dead node should stall its share of the shards only. */
  async #spread(shards: readonly StreamInfo[]): Promise<void> {
    const now = performance.now();
    if (now - this.#movedAt < LOOKS_PER_MOVE * this.#options.careInterval) return;
    const led = new Map<string, number>();
    for (const { cluster } of shards) {
      for (const { name } of cluster?.replicas ?? []) led.set(name, led.get(name) ?? 0);
      if (cluster?.leader !== undefined) {
        led.set(cluster.leader, (led.get(cluster.leader) ?? 0) + 1);
      }
    }
    const idle = [...led.values()].includes(0);
    const crowded = shards.find(({ cluster }) => (led.get(cluster?.leader ?? '') ?? 0) > 1);
    if (!idle || crowded === undefined) return;
    this.#movedAt = now;
    const { name } = crowded.config;
    this.#options.log.info({ stream: name, from: crowded.cluster?.leader }, 'moving a leader');
    await this.#options.bus.nats.request(`$JS.API.STREAM.LEADER.STEPDOWN.${name}`, '', {
      timeout: TIMEOUT,
    });
  }
}

function boundsOf({ state }: StreamInfo): ShardBounds {
  // An empty stream counts from one, and says zero before its first record.
  return { first: Math.max(1, state.first_seq), last: state.last_seq };
}

/** It has a leader, and no replica is missing or behind. */
function isWhole({ cluster, config }: StreamInfo): boolean {
  const replicas = cluster?.replicas ?? [];
  if (config.num_replicas > 1 && cluster?.leader === undefined) return false;
  if (replicas.length !== config.num_replicas - 1) return false;
  return replicas.every(({ current, offline, lag }) => current && !offline && (lag ?? 0) < LAG_MAX);
}

/** Tries until it succeeds or `signal` ends it. */
export async function persist(
  what: string,
  signal: AbortSignal,
  log: Logger,
  attempt: () => Promise<void>,
): Promise<void> {
  for (let count = 0; ; count++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (count % 20 === 0) log.warn({ err: error }, what);
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}
