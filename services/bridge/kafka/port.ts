import type { PackedRecord } from './packed-record.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** A header that is there more than once has a list. */
export type HeaderValue = Buffer | string | (Buffer | string)[];

/** A record to be written. Not changed once it was handed over. */
export interface KafkaRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, HeaderValue>>;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

/** What a failed `produce` means for the batch. */
export type Failure =
  /** It may or may not be written: the identical batch has to be sent again. */
  | 'again'
  /** The same, and sequences are in disorder: copies cannot be told from new records any more. */
  | 'disorder'
  /** Kafka will never take it; nothing of it is written. */
  | 'rejected'
  /** As `rejected`, for its size: parts of it may be taken. */
  | 'too-large';

export class ProduceError extends Error {
  readonly failure: Failure;
  /** Kafka's own name of the error, such as NOT_ENOUGH_REPLICAS; or the client's. */
  readonly reason: string;

  constructor(failure: Failure, reason: string, message: string, cause: unknown) {
    super(message, { cause });
    this.failure = failure;
    this.reason = reason;
  }
}

/** Writes to Kafka, for one mapping. */
export interface RecordProducer {
  /**
   * Writes a batch to one partition; resolves when all in-sync replicas have it (acks=all). One
   * batch a partition at a time. Rejects with ProduceError.
   */
  produce(
    topic: string,
    partition: number,
    batch: readonly PackedRecord[],
    compression: Compression,
  ): Promise<void>;
  /** Finishes what is on its way; at most a few seconds. */
  close(): Promise<void>;
  /**
   * Cuts its connections: what is still in a socket's buffer does not leave any more. It can be used
   * again; what was on its way may then be written twice.
   */
  sever(): void;
}

/** What is known of Kafka as a whole. */
export interface KafkaHealth {
  reachable: boolean;
  brokers: number;
  /** Why it is not reachable, in words. */
  reason: string | undefined;
}

/** One batch that was read, of one partition. */
export interface ConsumedBatch {
  topic: string;
  partition: number;
  /** Offset behind the partition's last record. */
  highWatermark: string;
  records: readonly ConsumedRecord[];
  /** Tells the group that this member is alive; rejects when it is no member any more. */
  heartbeat(): Promise<void>;
  /** False when the partition went to another member. */
  isCurrent(): boolean;
  /** Everything before `offset` is done. Rejects when the group does not take it. */
  commit(offset: string): Promise<void>;
}

export interface ConsumedRecord {
  key: Buffer | null;
  value: Buffer | null;
  headers: Readonly<Record<string, HeaderValue | undefined>>;
  offset: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

export interface ConsumeOptions {
  group: string;
  topics: readonly string[];
  start: 'latest' | 'earliest';
  /** Handles one batch; when it rejects, the batch is read again. */
  onBatch: (batch: ConsumedBatch) => Promise<void>;
}

export interface RecordConsumer {
  /** Assigned partitions, by topic. */
  readonly assigned: ReadonlyMap<string, readonly number[]>;
  start(): void;
  close(): Promise<void>;
}

/** Kafka as the bridge uses it, so that another client library can take the place of this one. */
export interface KafkaPort {
  /**
   * Of all bridges' producers with the same name Kafka listens to the one that was opened last, as
   * far as it can fence: to the others `produce` rejects with `disorder`.
   */
  producer(name: string): RecordProducer;
  consume(options: ConsumeOptions): RecordConsumer;
  /** Partitions of a topic; undefined when there is no such topic. Rejects when nobody answers. */
  partitions(topic: string): Promise<number | undefined>;
  /** Makes a topic if it is not there. Rejects with Kafka's reason. */
  createTopic(topic: string): Promise<void>;
  health(): Promise<KafkaHealth>;
  close(): Promise<void>;
}
