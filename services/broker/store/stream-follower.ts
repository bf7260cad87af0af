import {
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JsMsg,
} from '@nats-io/jetstream';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

export interface FollowerOptions {
  jetstream: () => JetStreamClient;
  stream: string;
  /** Only these subjects; default all. */
  filter?: string;
  /** Whether nats-server answers at all; without it nothing is tried. */
  connected: () => boolean;
  log: Logger;
  onMessage: (message: JsMsg) => void;
  /** A replay begins: what follows is the whole content. */
  onReplay: () => void;
  /** Everything up to this sequence has been seen. */
  onReplayed: (last: number) => void;
}

/** Between two attempts, milliseconds. */
const RETRY = 500;
/** Heartbeats of the consumer that may be missed before it is made anew. */
const MISSED_MAX = 2;
/** Sign of life of the consumer, milliseconds. */
const HEARTBEAT = 1_000;

const ignore = (): void => {};

/**
 * Follows a stream of last values for good, with an ephemeral ordered consumer. Such a consumer
 * dies with its server; each new one begins with the whole content, since removals may have been
 * purged meanwhile.
 */
export class StreamFollower {
  readonly #options: FollowerOptions;
  #messages: ConsumerMessages | undefined;
  #closed = false;
  #first: (() => void) | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Resolves when the whole content has been seen once. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#first = resolve;
      void this.#loop();
    });
  }

  /** Begins anew: the connection has been away. */
  restart(): void {
    this.#messages?.stop();
  }

  close(): void {
    this.#closed = true;
    this.#messages?.stop();
  }

  async #loop(): Promise<void> {
    for (let failures = 0; !this.#closed; ) {
      try {
        if (this.#options.connected()) {
          await this.#follow();
          failures = 0;
        }
      } catch (error) {
        if (failures++ % 20 === 0) {
          this.#options.log.warn(`following ${this.#options.stream}: ${describeError(error)}`);
        }
      }
      if (!this.#closed) await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  /** One consumer's life. */
  async #follow(): Promise<void> {
    const { jetstream, stream, filter, onMessage, onReplay, onReplayed } = this.#options;
    const consumer = await jetstream().consumers.get(stream, {
      deliver_policy: DeliverPolicy.LastPerSubject,
      ...(filter === undefined ? {} : { filter_subjects: filter }),
    });
    const empty = (await consumer.info(true)).num_pending === 0;
    let last = 0;
    let replaying = true;
    const replayed = (): void => {
      if (!replaying) return;
      replaying = false;
      onReplayed(last);
      this.#first?.();
      this.#first = undefined;
    };
    onReplay();
    if (empty) replayed();
    const messages = await consumer.consume({
      idle_heartbeat: HEARTBEAT,
      callback: (message) => {
        last = message.seq;
        onMessage(message);
        if (replaying && message.info.pending === 0) replayed();
      },
    });
    this.#messages = messages;
    if (this.#closed) messages.stop();
    void this.#watch(messages);
    // What was counted as pending may be purged before it is delivered.
    const check = setInterval(() => {
      if (!replaying) return clearInterval(check);
      consumer.info().then(({ num_pending }) => num_pending === 0 && replayed(), ignore);
    }, HEARTBEAT);
    const ended = await messages.closed();
    clearInterval(check);
    if (ended instanceof Error) throw ended;
  }

  async #watch(messages: ConsumerMessages): Promise<void> {
    for await (const status of messages.status()) {
      const gone = status.type === 'consumer_not_found' || status.type === 'stream_not_found';
      const silent = status.type === 'heartbeats_missed' && status.count >= MISSED_MAX;
      if (gone || silent || status.type === 'consumer_deleted') messages.stop();
    }
  }
}
