import type { BridgeSettings, ToMqtt } from '#core/config/bridge.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { Backoff, sleep } from '../delivery/backoff.ts';
import { createDeliveryCounters } from '../delivery/counters.ts';
import { Delivery } from '../delivery/delivery.ts';
import type { TopicDirectory } from '../delivery/topic-directory.ts';
import type { ConsumedBatch, ConsumedRecord, KafkaPort, RecordConsumer } from '../kafka/port.ts';
import { type MqttLink, type Publication, PublishRefused } from '../mqtt/link.ts';
import { RecordTranslator } from './record-translator.ts';

export interface ToMqttOptions {
  mapping: ToMqtt;
  settings: BridgeSettings;
  cluster: string;
  kafka: KafkaPort;
  topics: TopicDirectory;
  link: MqttLink;
  log: Logger;
}

/** Records that are on their way to the broker at once; their offset is committed together. */
const WINDOW = 256;
/** While the broker or the dead-letter topic is waited for, the group hears so often, ms. */
const HEARTBEAT = 1_000;
/** At the end, longest wait for what is on its way, milliseconds. */
const DRAIN = 3_000;

/**
 * One mapping from Kafka to MQTT. The group's members share the partitions; an offset is committed
 * only when the broker has acknowledged every message before it, so what is on its way when a
 * bridge dies comes again.
 */
export class MappingToMqtt {
  readonly mapping: ToMqtt;
  readonly counters = createDeliveryCounters();
  looped = 0;
  problem: string | undefined;
  /** Records that Kafka holds beyond what is committed, by topic and partition. */
  readonly behind = new Map<string, number>();
  readonly #options: ToMqttOptions;
  readonly #translator: RecordTranslator;
  readonly #ending = new AbortController();
  #stopping = false;
  /** What is on its way; never rejects. */
  #window: Promise<void> = Promise.resolve();
  readonly #consumer: RecordConsumer;
  readonly #producer: ReturnType<KafkaPort['producer']>;
  readonly #dead: Delivery;
  readonly #log: Logger;

  constructor(options: ToMqttOptions) {
    const { mapping, settings, cluster, kafka, topics } = options;
    this.#options = options;
    this.mapping = mapping;
    this.#log = options.log.child({ mapping: mapping.name });
    this.#translator = new RecordTranslator(mapping, cluster);
    this.#consumer = kafka.consume({
      group: mapping.group ?? `bramble.${cluster}.${mapping.name}`,
      topics: mapping.topics,
      start: mapping.start,
      onBatch: (batch) => this.#take(batch),
    });
    this.#producer = kafka.producer(`${mapping.name}.dead-letter`);
    this.#dead = new Delivery({
      producer: this.#producer,
      topics,
      compression: 'none',
      partition: 'round-robin',
      batch: settings.batch,
      buffer: settings.buffer,
      deadLetter: settings.deadLetter,
      counters: this.counters,
      admission: () => undefined,
      onSettled: (mark) => {
        mark.pending--;
      },
      onDelivered: () => {},
      log: this.#log,
      signal: this.#ending.signal,
    });
  }

  get assigned(): ReadonlyMap<string, readonly number[]> {
    return this.#consumer.assigned;
  }

  start(): void {
    this.#consumer.start();
  }

  /** Finishes and commits what is on its way, so that it does not come again. */
  async close(): Promise<void> {
    this.#stopping = true;
    await Promise.race([this.#window, sleep(DRAIN, this.#ending.signal)]);
    this.#ending.abort();
    this.#dead.close();
    await this.#consumer.close();
    await this.#producer.close();
  }

  async #take(batch: ConsumedBatch): Promise<void> {
    const { records } = batch;
    for (let at = 0; at < records.length && !this.#stopping; at += WINDOW) {
      const window = this.#takeWindow(batch, records.slice(at, at + WINDOW));
      this.#window = window.then(
        () => {},
        () => {},
      );
      if (!(await window)) return;
    }
    if (records.length === 0) await batch.heartbeat();
  }

  /** Returns whether the partition is still this member's. */
  async #takeWindow(batch: ConsumedBatch, window: readonly ConsumedRecord[]): Promise<boolean> {
    const { topic, partition, highWatermark } = batch;
    await this.#alive(batch, this.#carry(topic, partition, window));
    if (this.#ending.signal.aborted || !batch.isCurrent()) return false;
    const next = BigInt(window.at(-1)!.offset) + 1n;
    await batch.commit(String(next));
    this.behind.set(`${topic} ${partition}`, Number(BigInt(highWatermark) - next));
    await batch.heartbeat();
    return true;
  }

  /** The group hears of this member while it waits; rejects when it is no member any more. */
  async #alive(batch: ConsumedBatch, work: Promise<void>): Promise<void> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => {});
    while (!done) {
      const timer = sleep(HEARTBEAT, this.#ending.signal);
      await Promise.race([ended, timer]);
      if (this.#ending.signal.aborted) return;
      if (!done) await batch.heartbeat();
    }
    await ended;
  }

  /** Resolves when all of the window is with the broker or in the dead-letter topic. */
  async #carry(topic: string, partition: number, window: readonly ConsumedRecord[]): Promise<void> {
    await this.#options.link.ready();
    const work: Promise<void>[] = [];
    for (const record of window) {
      const translation = this.#translator.translate(topic, partition, record);
      if ('looped' in translation) this.looped++;
      else if ('reason' in translation) this.#bury(topic, partition, record, translation.reason);
      else work.push(this.#publish(topic, partition, record, translation.publication));
    }
    await Promise.all(work);
    await this.#dead.drained();
  }

  async #publish(
    topic: string,
    partition: number,
    record: ConsumedRecord,
    publication: Publication,
  ): Promise<void> {
    const { signal } = this.#ending;
    const backoff = new Backoff(signal);
    while (!signal.aborted) {
      try {
        await this.#options.link.publish(publication);
        this.counters.delivered++;
        this.counters.bytes += publication.payload.length;
        this.problem = undefined;
        return;
      } catch (error) {
        if (error instanceof PublishRefused && error.hopeless) {
          this.#bury(topic, partition, record, error.message);
          return;
        }
        this.problem = describeError(error);
        this.counters.retries++;
        await backoff.wait();
        await this.#options.link.ready();
      }
    }
  }

  #bury(topic: string, partition: number, record: ConsumedRecord, reason: string): void {
    const headers = Object.fromEntries(
      Object.entries(record.headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    );
    this.#dead.reject(
      {
        key: record.key,
        value: record.value,
        headers: { ...headers, 'bramble.from': `${topic}/${partition}/${record.offset}` },
        timestamp: record.timestamp,
      },
      reason,
      { pending: 0 },
    );
  }
}
