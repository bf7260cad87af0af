import {
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { describeError } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { isStreamMissing } from '#core/jetstream/last-values.ts';
import { crowded, dueChange, isWhole, type StreamLimits } from '#core/jetstream/stream-plan.ts';
import type { Logger } from '#core/log.ts';

export interface StreamFamily {
  /** Streams that share their work: their leaders should stand on different servers. */
  names: readonly string[];
  /** Somebody else makes them, or nobody does: none is missing. */
  optional?: boolean;
  /** Read anew at each look. */
  limits?: () => StreamLimits;
}

export interface StreamCareOptions {
  bus: Bus;
  families: readonly StreamFamily[];
  /** Brokers that are configured now; they have a nats-server each. */
  nodes: () => number;
  /** Whether this broker is the one that looks after the streams. */
  responsible: () => boolean;
  log: Logger;
  /** Between two looks, milliseconds: while all is new, and afterwards. */
  soon?: number;
  interval?: number;
}

const TIMEOUT = 2_000;
const SOON = 700;
const INTERVAL = 10_000;
/** New streams may all have the same leader; for so long the leaders move soon, milliseconds. */
const NEW = 30_000;
/** Looks between two moves of a leader when nothing is new: a move costs a short stall. */
const LOOKS_PER_MOVE = 3;

/**
 * Looks after the cluster's streams: grows their replicas with the cluster, and spreads the leaders
 * so that a dead server stalls only its share. One change at a time, never while any stream has a
 * replica that is missing or behind: a change of membership during recovery can lose data.
 */
export class StreamCare {
  readonly #options: StreamCareOptions;
  #manager: JetStreamManager | undefined;
  #timer: NodeJS.Timeout | undefined;
  #newUntil = 0;
  #movedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: StreamCareOptions) {
    this.#options = options;
  }

  /** The streams exist. Throws when the connection is not open. */
  async start(): Promise<void> {
    const { bus } = this.#options;
    this.#manager = await jetstreamManager(bus.nats, { timeout: TIMEOUT, checkAPI: false });
    this.hurry();
  }

  /** Something is new, such as the number of nodes: looks often for a while. */
  hurry(): void {
    if (this.#closed) return;
    this.#newUntil = performance.now() + NEW;
    clearTimeout(this.#timer);
    this.#again();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #again(): void {
    const { soon = SOON, interval = INTERVAL } = this.#options;
    const wait = performance.now() < this.#newUntil ? Math.min(soon, interval) : interval;
    this.#timer = setTimeout(() => void this.#turn(), wait);
  }

  async #turn(): Promise<void> {
    const { bus, responsible, log } = this.#options;
    try {
      if (bus.connected && responsible()) await this.#look();
    } catch (error) {
      log.debug(`streams are looked after later: ${describeError(error)}`);
    }
    if (!this.#closed) this.#again();
  }

  async #look(): Promise<void> {
    const { families } = this.#options;
    const infos = await Promise.all(families.map((family) => this.#infos(family)));
    if (!infos.flat().every(isWhole)) return;
    for (const [index, { limits }] of families.entries()) {
      if (await this.#change(infos[index]!, limits?.())) return;
    }
    // The last ones first: of three streams that decide by majority, two leaders on one server stop
    // what they decide, while each shard of the log stalls alone.
    for (const family of infos.toReversed()) if (await this.#spread(family)) return;
  }

  async #infos({ names, optional = false }: StreamFamily): Promise<StreamInfo[]> {
    try {
      return await Promise.all(names.map((name) => this.#manager!.streams.info(name)));
    } catch (error) {
      if (optional && isStreamMissing(error)) return [];
      throw error;
    }
  }

  /** Returns whether one was changed. */
  async #change(streams: readonly StreamInfo[], limits: StreamLimits | undefined) {
    for (const info of streams) {
      const change: Partial<StreamConfig> | undefined = dueChange(
        info,
        this.#options.nodes(),
        limits,
      );
      if (change === undefined) continue;
      const { name } = info.config;
      this.#options.log.info({ stream: name, ...change }, 'changing a stream');
      await this.#manager!.streams.update(name, change);
      return true;
    }
    return false;
  }

  /** Returns whether a leader was asked to step down. */
  async #spread(family: readonly StreamInfo[]): Promise<boolean> {
    const { bus, log, interval = INTERVAL } = this.#options;
    const stream = crowded(family);
    if (stream === undefined) return false;
    const now = performance.now();
    if (now > this.#newUntil && now - this.#movedAt < LOOKS_PER_MOVE * interval) return false;
    this.#movedAt = now;
    const { name } = stream.config;
    log.info({ stream: name, from: stream.cluster?.leader }, 'moving a leader');
    const subject = `$JS.API.STREAM.LEADER.STEPDOWN.${name}`;
    await bus.nats.request(subject, '', { timeout: TIMEOUT });
    return true;
  }
}
