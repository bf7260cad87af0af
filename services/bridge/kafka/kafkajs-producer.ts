import kafkajs, { type KafkaConfig, type Producer } from 'kafkajs';
import { compressorOf } from './codecs.ts';
import { produceError } from './failure.ts';
import type { Fencing } from './fencing.ts';
import type { PackedRecord } from './packed-record.ts';
import type { Compression, RecordProducer } from './port.ts';
import { PreparedBatch } from './prepared-batch.ts';
import { Sockets } from './sockets.ts';

/** Longest wait for kafkajs to let go, milliseconds: it waits for answers that may never come. */
const CLOSE_WAIT = 3_000;

/**
 * kafkajs' idempotent producer, used so that it loses nothing: one partition in each `send`, since
 * one over two leaders can resolve although half of it was not written; one `send` a partition at a
 * time, since two can take the same sequence numbers; acks from all in-sync replicas; a batch that
 * failed goes again as it was, so that its sequence numbers tell Kafka what is a copy. The last
 * producer that was opened under a name fences off those before it.
 */
export class KafkaJsProducer implements RecordProducer {
  readonly #config: KafkaConfig;
  readonly #fencing: Fencing;
  readonly #sockets = new Sockets();
  #producer: Producer | undefined;
  #opening: Promise<Producer> | undefined;
  #closed = false;
  /** Changes when connections are cut: one that was being made then does not count. */
  #generation = 0;

  constructor(config: KafkaConfig, fencing: Fencing) {
    this.#config = config;
    this.#fencing = fencing;
  }

  async produce(
    topic: string,
    partition: number,
    batch: readonly PackedRecord[],
    compression: Compression,
  ): Promise<void> {
    const prepared = new PreparedBatch(partition, batch, compressorOf(compression));
    let producer: Producer | undefined;
    try {
      producer = this.#producer ?? (await this.#open());
      await producer.send({ topic, messages: prepared.forKafkaJs, acks: -1 });
    } catch (error) {
      const failure = produceError(error);
      if (failure.failure === 'disorder' && producer === this.#producer) this.sever();
      throw failure;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const producer = this.#producer ?? (await this.#opening?.catch(() => undefined));
    this.#producer = undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WAIT);
    });
    await Promise.race([producer?.disconnect().catch(() => {}), late]);
    clearTimeout(timer);
    this.sever();
  }

  /** The next batch goes by a producer with a new identity, which cannot tell copies of old ones. */
  sever(): void {
    const old = this.#producer;
    this.#producer = undefined;
    this.#generation++;
    this.#sockets.sever();
    old?.disconnect().catch(() => {});
  }

  #open(): Promise<Producer> {
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #connect(): Promise<Producer> {
    if (this.#closed) throw new Error('the producer is closed');
    const generation = this.#generation;
    const client = new kafkajs.Kafka({ ...this.#config, socketFactory: this.#sockets.factory });
    this.#fencing.apply(client);
    const producer = client.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      // kafkajs warns of bounds; beyond them the batch goes again, as it was, from above.
      retry: { retries: 2 },
    });
    try {
      await producer.connect();
    } catch (error) {
      producer.disconnect().catch(() => {});
      throw error;
    }
    if (generation !== this.#generation) {
      producer.disconnect().catch(() => {});
      throw new Error('the producer was cut off');
    }
    this.#producer = producer;
    return producer;
  }
}
