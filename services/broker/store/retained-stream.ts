import { createHash } from 'node:crypto';
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { asBuffer, type Bus } from '#core/jetstream/bus.ts';
import { RETAINED_PROGRESS, replicasFor } from '#core/jetstream/stream-plan.ts';
import type { Logger } from '#core/log.ts';
import type { Message } from '#core/mqtt/message.ts';
import type { MessageLog } from '../log/message-log.ts';
import { encodeEnvelope, readEnvelope, readRecords } from '../router/envelope.ts';
import { Materializer } from './materializer.ts';
import type { RetainedLog } from './retained.ts';
import { StreamFollower } from './stream-follower.ts';

export const RETAINED_STREAM = 'BRAMBLE_RETAINED';
const SUBJECT = 'bramble.retained';
/** Longest wait for JetStream's acknowledgement, milliseconds. */
const APPEND_TIMEOUT = 5_000;
const RETRY = 200;
/**
 * Wait for an answer while starting, milliseconds. JetStream without a leader does not answer at
 * all, so a short question asked often finds a new leader soonest.
 */
const PROBE_TIMEOUT = 800;
/** JetStream's error code for a stream that does not exist. */
const STREAM_NOT_FOUND = 10_059;
/** A removal stays this long as an empty message, for mirrors that lag, milliseconds. */
const TOMBSTONE_KEPT = 60_000;

export interface RetainedStreamOptions {
  bus: Bus;
  node: string;
  /** Nodes of the cluster that run a broker now. */
  nodes: () => number;
  log: Logger;
  messages: () => Pick<MessageLog, 'head' | 'reader'>;
  /** Whether this broker is the one that writes the stream. */
  onDuty: () => boolean;
  /** Takes each message in the order of the stream. */
  apply: (message: Message, position: number) => void;
  /** The whole content has been applied: these topics, up to this position. */
  replayed: (topics: ReadonlySet<string>, position: number) => void;
}

/**
 * The retained messages' replicated log: one JetStream stream that keeps the last message of each
 * subject, a subject being a topic's digest, since topics outgrow what a subject may be. Each node
 * follows it.
 */
export class RetainedStream implements RetainedLog {
  readonly #options: RetainedStreamOptions;
  #jetstream: JetStreamClient | undefined;
  #manager: JetStreamManager | undefined;
  readonly #follower: StreamFollower;
  /** Topics seen in the replay that is going on. */
  #replay: Set<string> | undefined;
  readonly #materializer: Materializer;
  readonly #onUp = (): void => this.#follower.restart();
  #purges = new Map<string, { sequence: number; at: number }>();
  #purgeTimer: NodeJS.Timeout | undefined;

  constructor(options: RetainedStreamOptions) {
    this.#options = options;
    this.#materializer = new Materializer({
      log: options.log,
      messages: options.messages,
      onDuty: options.onDuty,
      write: (message) => this.#append(message),
      writeProgress: async (cursor) => {
        await this.#jetstream?.publish(RETAINED_PROGRESS, cursor, { timeout: APPEND_TIMEOUT });
      },
    });
    this.#follower = new StreamFollower({
      jetstream: () => this.#jetstream!,
      stream: RETAINED_STREAM,
      connected: () => options.bus.connected,
      log: options.log,
      onMessage: (message) => this.#take(message),
      onReplay: () => {
        this.#replay = new Set();
      },
      onReplayed: (last) => {
        const seen = this.#replay ?? new Set();
        this.#replay = undefined;
        options.replayed(seen, last);
      },
    });
  }

  /** Resolves when everything that the stream held has been applied. */
  async start(signal: AbortSignal): Promise<void> {
    const { bus, log } = this.#options;
    this.#purgeTimer = setInterval(() => void this.#purge(), TOMBSTONE_KEPT / 4);
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        await this.#ensureStream(await jetstreamManager(bus.nats, { timeout: PROBE_TIMEOUT }));
        const manager = { timeout: APPEND_TIMEOUT, checkAPI: false };
        this.#manager = await jetstreamManager(bus.nats, manager);
        this.#jetstream = jetstream(bus.nats, { timeout: APPEND_TIMEOUT });
        break;
      } catch (error) {
        if (attempt % 20 === 0) log.warn({ err: error }, 'waiting for JetStream');
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
    this.#materializer.start();
    bus.on('up', this.#onUp);
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.#follower.start(), ended]);
  }

  close(): void {
    this.#options.bus.off('up', this.#onUp);
    clearInterval(this.#purgeTimer);
    this.#materializer.close();
    this.#follower.close();
  }

  take(message: Message): void {
    this.#materializer.take(message);
  }

  /** After the log was opened: what it has and the stream has not. */
  recall(stored: (topic: string) => Message | undefined, apply: (message: Message) => void) {
    return this.#materializer.recall(stored, apply);
  }

  /** By shard of the log: the first record that is still needed here. */
  get floor(): number[] | undefined {
    return this.#materializer.floor;
  }

  async #append(message: Message): Promise<void> {
    const js = this.#jetstream;
    if (js === undefined) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'the retained store is not open');
    }
    const subject = subjectOf(message.topic);
    const bytes = encodeEnvelope(message, message.origin, 0);
    try {
      const ack = await js.publish(subject, bytes, { timeout: APPEND_TIMEOUT });
      if (message.payload.length === 0) {
        this.#purges.set(subject, { sequence: ack.seq, at: Date.now() });
      }
    } catch (cause) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'retained message not stored', {
        cause,
      });
    }
  }

  /** Every node does so: the second purge of the same message finds nothing. */
  expire(topic: string, position: number): void {
    if (position > 0) this.#purges.set(subjectOf(topic), { sequence: position, at: 0 });
  }

  async #ensureStream(manager: JetStreamManager): Promise<void> {
    const config = {
      name: RETAINED_STREAM,
      subjects: [`${SUBJECT}.*`],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      max_msgs_per_subject: 1,
      discard: DiscardPolicy.Old,
      num_replicas: replicasFor(this.#options.nodes()),
      allow_rollup_hdrs: true,
    };
    try {
      await manager.streams.info(RETAINED_STREAM);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      await manager.streams.add(config);
    }
  }

  #take({ data, seq: sequence, subject, time }: JsMsg): void {
    try {
      const bytes = asBuffer(data);
      if (subject === RETAINED_PROGRESS) {
        this.#materializer.reached(bytes);
        return;
      }
      const { origin, offset } = readEnvelope(bytes);
      readRecords(bytes, offset, origin, (message) => {
        this.#replay?.add(message.topic);
        if (this.#materializer.shown(message)) this.#options.apply(message, sequence);
        const old = Date.now() - time.getTime() > TOMBSTONE_KEPT;
        if (message.payload.length === 0 && old) this.#purges.set(subject, { sequence, at: 0 });
        if (message.payload.length > 0) this.#purges.delete(subject);
      });
    } catch (error) {
      this.#options.log.error({ err: error, sequence }, 'a retained message cannot be read');
    }
  }

  /** Takes removals out of the stream for good. */
  async #purge(): Promise<void> {
    const now = Date.now();
    for (const [subject, { sequence, at }] of this.#purges) {
      if (now - at < TOMBSTONE_KEPT || !this.#options.bus.connected) continue;
      this.#purges.delete(subject);
      try {
        await this.#manager?.streams.purge(RETAINED_STREAM, { filter: subject, seq: sequence + 1 });
      } catch (error) {
        this.#options.log.debug({ subject }, `purge later: ${describeError(error)}`);
      }
    }
  }
}

function subjectOf(topic: string): string {
  return `${SUBJECT}.${createHash('sha256').update(topic).digest('base64url')}`;
}
