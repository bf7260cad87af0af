import type { Message } from 'kafkajs';
import Broker from 'kafkajs/src/broker/index.js';
import { ByteWriter } from './byte-writer.ts';
import type { PackedRecord } from './packed-record.ts';
import { type Compressor, encodeRecordBatch } from './record-batch.ts';

/** What kafkajs hands to a node's connection, as far as the bridge touches it. */
export interface ProduceRequest {
  transactionalId?: string;
  /** Of 64 bits, as text or as kafkajs' own kind of number. */
  producerId: { toString(): string };
  producerEpoch: number;
  acks?: number;
  timeout?: number;
  topicData: {
    topic: string;
    partitions: { partition: number; firstSequence: number; messages: unknown }[];
  }[];
}

interface Encoded {
  buf: Buffer;
  buffer: Buffer;
}

interface Exchange {
  request: { encode: () => Promise<Encoded> };
  response: unknown;
}

type SendRequest = (exchange: Exchange) => Promise<unknown>;

const ACKS_ALL = -1;
/** kafkajs' own, milliseconds. */
const TIMEOUT = 30_000;
/** What of a request is not the batch and not the topic's name, bytes. */
const AROUND = 64;

/**
 * A batch for one partition, in the place of kafkajs' list of messages. It is encoded when the
 * request leaves: kafkajs knows its producer's identity and the batch's sequence only then.
 */
export class PreparedBatch {
  readonly #partition: number;
  readonly #records: readonly PackedRecord[];
  readonly #compressor: Compressor | undefined;

  constructor(
    partition: number,
    records: readonly PackedRecord[],
    compressor: Compressor | undefined,
  ) {
    this.#partition = partition;
    this.#records = records;
    this.#compressor = compressor;
  }

  /** By which kafkajs counts sequences. */
  get length(): number {
    return this.#records.length;
  }

  /** Asked for a message without a value. */
  find(): undefined {
    return undefined;
  }

  /** Asked for the messages of each partition. */
  reduce(): Record<number, PreparedBatch> {
    return { [this.#partition]: this };
  }

  get forKafkaJs(): Message[] {
    return this as unknown as Message[];
  }

  /** The body of a Produce request, versions 3 to 8 (Kafka's protocol guide). */
  async encode(request: ProduceRequest): Promise<Buffer> {
    const { topicData, producerId, producerEpoch: epoch, timeout = TIMEOUT } = request;
    const [{ topic, partitions }] = topicData as [ProduceRequest['topicData'][number]];
    const { partition, firstSequence } = partitions[0]!;
    const identity = { producerId: BigInt(producerId.toString()), epoch, firstSequence };
    const batch = await encodeRecordBatch(this.#records, identity, this.#compressor);
    const writer = new ByteWriter(AROUND + topic.length + batch.length);
    writer.string(request.transactionalId ?? null);
    writer.int16(request.acks ?? ACKS_ALL);
    writer.int32(timeout);
    writer.int32(1);
    writer.string(topic);
    writer.int32(1);
    writer.int32(partition);
    writer.int32(batch.length);
    writer.raw(batch);
    return writer.written;
  }
}

let taught = false;

/** Teaches kafkajs' connections to send prepared batches. Throws when kafkajs is not as expected. */
export function teachBatches(): void {
  if (taught) return;
  const prototype = Broker.prototype as Broker & Record<symbol, SendRequest>;
  const name = Object.getOwnPropertySymbols(prototype).find(
    ({ description }) => description === 'private:Broker:sendRequest',
  );
  if (name === undefined) throw new Error('another kafkajs: no sending of requests');
  const produce = prototype.produce;
  prototype.produce = function (this: typeof prototype, request) {
    const batch = request.topicData[0]?.partitions[0]?.messages;
    if (!(batch instanceof PreparedBatch)) return produce.call(this, request);
    const send = (exchange: Exchange): Promise<unknown> => {
      const encode = async (): Promise<Encoded> => {
        const bytes = await batch.encode(request);
        return { buf: bytes, buffer: bytes };
      };
      return this[name]!({ ...exchange, request: { ...exchange.request, encode } });
    };
    return produce.call(Object.create(this, { [name]: { value: send } }), request);
  };
  taught = true;
}
