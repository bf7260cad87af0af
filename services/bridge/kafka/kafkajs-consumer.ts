import kafkajs, { type Consumer, type EachBatchPayload, type KafkaConfig } from 'kafkajs';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { ConsumedBatch, ConsumeOptions, RecordConsumer } from './port.ts';
import { Sockets } from './sockets.ts';

/** Milliseconds. Kafka gives a silent member's partitions away after `SESSION`. */
const SESSION = 10_000;
const HEARTBEAT = 2_000;
const REBALANCE = 20_000;
const MAX_WAIT = 500;
const BATCH_BYTES = 1 << 20;
/** Until a consumer that failed is built anew: first, and at most. */
const RETRY_FIRST = 250;
const RETRY_LAST = 5_000;
/** A consumer that fetched nothing and said nothing for so long is taken for stuck. */
const STALL = 60_000;
const STALL_LOOK = 5_000;
const CLOSE_WAIT = 5_000;

/**
 * A member of a consumer group that is built anew whenever kafkajs gives it up or gets stuck, and
 * commits only what it is told to.
 */
export class KafkaJsConsumer implements RecordConsumer {
  readonly #config: KafkaConfig;
  readonly #options: ConsumeOptions;
  readonly #log: Logger;
  readonly #assigned = new Map<string, readonly number[]>();
  #consumer: Consumer | undefined;
  #sockets = new Sockets();
  #running: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #aliveAt = 0;
  #closed = false;
  #ended: () => void = () => {};

  constructor(config: KafkaConfig, options: ConsumeOptions, log: Logger) {
    this.#config = config;
    this.#options = options;
    this.#log = log;
  }

  get assigned(): ReadonlyMap<string, readonly number[]> {
    return this.#assigned;
  }

  start(): void {
    this.#running = this.#run();
    this.#watch = setInterval(() => this.#look(), STALL_LOOK);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    this.#ended();
    await this.#running;
  }

  /** One consumer after the other. */
  async #run(): Promise<void> {
    let wait = RETRY_FIRST;
    while (!this.#closed) {
      const began = performance.now();
      try {
        await this.#live();
      } catch (error) {
        this.#log.warn({ group: this.#options.group }, `consumer: ${describeError(error)}`);
      }
      if (this.#closed) return;
      if (performance.now() - began > STALL) wait = RETRY_FIRST;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        this.#ended = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wait = Math.min(2 * wait, RETRY_LAST);
    }
  }

  /** Resolves when the consumer has ended, for whatever reason. */
  async #live(): Promise<void> {
    const { group, topics, start } = this.#options;
    const sockets = new Sockets();
    this.#sockets = sockets;
    const client = new kafkajs.Kafka({ ...this.#config, socketFactory: sockets.factory });
    const consumer = client.consumer({
      groupId: group,
      sessionTimeout: SESSION,
      heartbeatInterval: HEARTBEAT,
      rebalanceTimeout: REBALANCE,
      maxWaitTimeInMs: MAX_WAIT,
      maxBytesPerPartition: BATCH_BYTES,
      maxBytes: 4 * BATCH_BYTES,
      allowAutoTopicCreation: false,
      // A crash ends this consumer; the next one is ours to build.
      retry: { retries: 3, restartOnFailure: async () => false },
    });
    this.#consumer = consumer;
    const over = new Promise<void>((resolve) => {
      this.#ended = resolve;
      consumer.on('consumer.crash', () => resolve());
      consumer.on('consumer.stop', () => resolve());
    });
    const alive = (): void => {
      this.#aliveAt = performance.now();
    };
    consumer.on('consumer.heartbeat', alive);
    consumer.on('consumer.fetch', alive);
    consumer.on('consumer.group_join', ({ payload }) => {
      alive();
      this.#assigned.clear();
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        this.#assigned.set(topic, partitions);
      }
    });
    alive();
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: start === 'earliest' });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => this.#batch(consumer, payload),
      });
      await over;
    } finally {
      this.#assigned.clear();
      this.#consumer = undefined;
      await this.#letGo(consumer);
      sockets.sever();
    }
  }

  async #batch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, isRunning, isStale, resolveOffset } = payload;
    const { topic, partition, highWatermark } = batch;
    const records = batch.messages.map(({ key, value, headers = {}, offset, timestamp }) => ({
      key,
      value,
      headers,
      offset,
      timestamp: Number(timestamp),
    }));
    const consumed: ConsumedBatch = {
      topic,
      partition,
      highWatermark,
      records,
      heartbeat: async () => {
        this.#aliveAt = performance.now();
        await heartbeat();
      },
      isCurrent: () => isRunning() && !isStale() && !this.#closed,
      commit: async (offset) => {
        await consumer.commitOffsets([{ topic, partition, offset }]);
        resolveOffset(String(BigInt(offset) - 1n));
        this.#aliveAt = performance.now();
      },
    };
    await this.#options.onBatch(consumed);
  }

  /** kafkajs waits for answers that may never come. */
  async #letGo(consumer: Consumer): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WAIT);
    });
    await Promise.race([consumer.disconnect().catch(() => {}), late]);
    clearTimeout(timer);
  }

  #look(): void {
    if (this.#consumer === undefined || performance.now() - this.#aliveAt < STALL) return;
    this.#log.warn({ group: this.#options.group }, 'a consumer is stuck; it is built anew');
    this.#aliveAt = performance.now();
    this.#sockets.sever();
    this.#ended();
  }
}
