import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { murmur2 } from '../kafka/murmur2.ts';
import { RecordPacker, unpackRecord } from '../kafka/packed-record.ts';
import {
  type Compression,
  type KafkaRecord,
  ProduceError,
  type RecordProducer,
} from '../kafka/port.ts';
import { HEADERS } from '../loop-guard.ts';
import { Backoff } from './backoff.ts';
import type { DeliveryCounters } from './counters.ts';
import { deadLetter } from './dead-letter.ts';
import type { Mark } from './ledger.ts';
import { type Parcel, PartitionQueue, weightOf } from './partition-queue.ts';
import type { TopicDirectory } from './topic-directory.ts';

export interface DeliveryOptions {
  producer: RecordProducer;
  topics: TopicDirectory;
  compression: Compression;
  partition: 'key' | 'round-robin';
  /** Bytes of a batch at most, and the longest wait of one that is not full, milliseconds. */
  batch: { bytes: number; wait: number };
  /** Bytes that may wait; beyond, `relief` holds whoever reads. */
  buffer: number;
  deadLetter: string;
  counters: DeliveryCounters;
  /** Resolves when this bridge may write; undefined: it may now. */
  admission: () => Promise<void> | undefined;
  /** One message of the mark is in Kafka, or in the dead-letter topic. */
  onSettled: (mark: Mark) => void;
  /** Milliseconds from `offer` to Kafka's acknowledgement of a batch. */
  onDelivered: (took: number) => void;
  log: Logger;
  signal: AbortSignal;
}

/** Kafka topics that one mapping may write to at a time. */
const TOPICS_MAX = 1_000;
/** What a record that waits costs in memory beside its bytes in a batch, bytes. */
const OBJECT_OVERHEAD = 160;
const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

interface TopicState {
  queues: (PartitionQueue | undefined)[];
  /** Records of a topic whose partitions are not known yet. */
  waiting: Parcel[];
  next: number;
}

/**
 * Brings records to Kafka: per partition in order and one batch at a time, again and again until
 * Kafka has them. What Kafka will never take goes to the dead-letter topic.
 */
export class Delivery {
  /** Memory of what waits or is on its way, bytes. */
  pendingBytes = 0;
  pending = 0;
  /** Why the last attempt failed; undefined while all is well. */
  problem: string | undefined;
  readonly #options: DeliveryOptions;
  readonly #topics = new Map<string, TopicState>();
  readonly #packer = new RecordPacker();
  #relief: (() => void)[] = [];
  #idle: (() => void)[] = [];

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.pendingBytes >= this.#options.buffer;
  }

  /** Takes a record; `mark` hears of it when it is delivered. */
  offer(topic: string, record: KafkaRecord, mark: Mark): void {
    mark.pending++;
    this.#put(topic, record, mark);
  }

  /** Takes what can never become a record. */
  reject(record: KafkaRecord, reason: string, mark: Mark): void {
    mark.pending++;
    this.#options.counters.deadLetters++;
    this.#bury(record, '', reason, mark);
  }

  /** Why a topic that records wait for cannot be had; undefined while all is well. */
  get topicProblem(): string | undefined {
    for (const [topic, { waiting }] of this.#topics) {
      const problem = waiting.length === 0 ? undefined : this.#options.topics.problems.get(topic);
      if (problem !== undefined) return `${topic}: ${problem}`;
    }
    return undefined;
  }

  /** Resolves when there is room again, at half of what may wait; undefined: there is. */
  relief(): Promise<void> | undefined {
    if (!this.full) return undefined;
    return new Promise((resolve) => this.#relief.push(resolve));
  }

  /** Resolves when all is delivered. */
  drained(): Promise<void> | undefined {
    if (this.pending === 0) return undefined;
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Begins nothing more; who waits for room or for the end hears of it. */
  close(): void {
    for (const { queues } of this.#topics.values()) for (const queue of queues) queue?.close();
    this.#tell(true);
  }

  #put(topic: string, record: KafkaRecord, mark: Mark): void {
    let state = this.#topics.get(topic);
    if (state === undefined) {
      if (this.#topics.size >= TOPICS_MAX && !this.#makeRoom()) {
        this.#options.counters.deadLetters++;
        this.#bury(record, topic, `more than ${TOPICS_MAX} topics`, mark);
        return;
      }
      state = { queues: [], waiting: [], next: 0 };
      this.#topics.set(topic, state);
    }
    const hash = record.key === null ? -1 : murmur2(record.key) & 0x7fffffff;
    const partitions = this.#options.topics.get(topic);
    const known = partitions !== undefined && state.waiting.length === 0;
    const queue = known ? this.#queueFor(topic, state, hash, partitions) : undefined;
    const { timestamp, slab, start, end } = (queue?.packer ?? this.#packer).pack(record);
    const parcel: Parcel = { timestamp, slab, start, end, hash, mark };
    this.pendingBytes += weightOf(parcel) + OBJECT_OVERHEAD;
    this.pending++;
    if (queue !== undefined) queue.add(parcel);
    else if (state.waiting.push(parcel) === 1) void this.#await(topic, state);
  }

  async #await(topic: string, state: TopicState): Promise<void> {
    const { topics, signal } = this.#options;
    await topics.load(topic);
    const partitions = topics.get(topic);
    if (signal.aborted || partitions === undefined) return;
    const { waiting } = state;
    state.waiting = [];
    this.#packer.release();
    for (const parcel of waiting) this.#queueFor(topic, state, parcel.hash, partitions).add(parcel);
  }

  #queueFor(topic: string, state: TopicState, hash: number, partitions: number): PartitionQueue {
    const byKey = hash >= 0 && this.#options.partition === 'key';
    const partition = (byKey ? hash : state.next++) % partitions;
    let queue = state.queues[partition];
    if (queue === undefined) {
      const { bytes, wait } = this.#options.batch;
      queue = new PartitionQueue({
        batchBytes: bytes,
        wait,
        deliver: (batch) => this.#deliver(topic, partition, batch),
      });
      state.queues[partition] = queue;
    }
    return queue;
  }

  /** Until Kafka has the batch, or the end. Never rejects. */
  async #deliver(topic: string, partition: number, batch: readonly Parcel[]): Promise<void> {
    const { producer, compression, counters, admission, signal, topics } = this.#options;
    const backoff = new Backoff(signal);
    const began = performance.now();
    for (let attempt = 0; ; attempt++) {
      await admission();
      if (signal.aborted) return;
      try {
        if (attempt === 0) counters.batches++;
        else counters.retries++;
        await producer.produce(topic, partition, batch, compression);
        this.problem = undefined;
        this.#options.onDelivered(performance.now() - began);
        this.#delivered(batch);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const { failure, reason } =
          error instanceof ProduceError ? error : { failure: 'again', reason: '' };
        if (failure === 'rejected' || failure === 'too-large') {
          await this.#refused(topic, partition, batch, describeError(error));
          return;
        }
        this.problem = describeError(error);
        if (failure === 'disorder') counters.renewals++;
        if (reason === UNKNOWN_TOPIC) topics.doubt(topic);
        if (attempt % 20 === 1) {
          this.#options.log.warn({ topic, partition, attempt }, `not written: ${this.problem}`);
        }
        await backoff.wait();
      }
    }
  }

  /** Nothing of it was written: its halves may be, down to the record that Kafka does not take. */
  async #refused(
    topic: string,
    partition: number,
    batch: readonly Parcel[],
    reason: string,
  ): Promise<void> {
    if (batch.length > 1) {
      const middle = batch.length >> 1;
      await this.#deliver(topic, partition, batch.slice(0, middle));
      await this.#deliver(topic, partition, batch.slice(middle));
      return;
    }
    const parcel = batch[0]!;
    const { mark } = parcel;
    const record = unpackRecord(parcel);
    const { counters, log } = this.#options;
    if (topic === this.#options.deadLetter) {
      counters.refused++;
      const id = String(record.headers[HEADERS.id] ?? '');
      log.error({ topic, id, reason }, 'a record is given up');
      this.#free(parcel);
      this.#options.onSettled(mark);
    } else {
      counters.deadLetters++;
      this.#free(parcel);
      this.#bury(record, topic, reason, mark);
    }
    this.#tell(false);
  }

  #bury(record: KafkaRecord, topic: string, reason: string, mark: Mark): void {
    this.#options.log.warn({ topic, reason }, 'a record goes to the dead-letter topic');
    const buried = deadLetter(record, topic, reason);
    const { deadLetter: cemetery } = this.#options;
    this.#put(cemetery, buried, mark);
  }

  #delivered(batch: readonly Parcel[]): void {
    const { counters, onSettled } = this.#options;
    counters.delivered += batch.length;
    for (const parcel of batch) {
      counters.bytes += weightOf(parcel);
      this.#free(parcel);
      onSettled(parcel.mark);
    }
    this.#tell(false);
  }

  #free(parcel: Parcel): void {
    this.pendingBytes -= weightOf(parcel) + OBJECT_OVERHEAD;
    this.pending--;
  }

  #tell(closing: boolean): void {
    if (this.#relief.length > 0 && (closing || this.pendingBytes <= this.#options.buffer / 2)) {
      const waiting = this.#relief;
      this.#relief = [];
      for (const go of waiting) go();
    }
    if (this.#idle.length > 0 && (closing || this.pending === 0)) {
      const waiting = this.#idle;
      this.#idle = [];
      for (const go of waiting) go();
    }
  }

  /** Forgets topics for which nothing waits. */
  #makeRoom(): boolean {
    for (const [topic, { queues, waiting }] of this.#topics) {
      const idle = queues.every((queue) => queue === undefined || queue.idle);
      if (idle && waiting.length === 0) this.#topics.delete(topic);
    }
    return this.#topics.size < TOPICS_MAX;
  }
}
