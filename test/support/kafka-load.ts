import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import mqtt, { type MqttClient } from 'mqtt';
import { type Audit, audit, type PublishedTopic, type TakenBy } from './accounting.ts';
import { eventually } from './broker.ts';
import { readTopic } from './kafka/read.ts';
import { RollingLoad, type RollingLoadOptions } from './rolling-load.ts';

export interface KafkaLoadOptions extends RollingLoadOptions {
  /** First level of the MQTT topics; one load must not have that of another. */
  prefix: string;
  /** How Kafka is reached. */
  kafka: Pick<kafkajs.KafkaConfig, 'ssl' | 'sasl'> & { brokers: string[] };
  /** Where the bridge carries the publishers' topics, with those as keys. */
  toKafka: string;
  /** What it carries to the MQTT topic `TOPIC/KEY`. */
  toMqtt: string;
}

/** All counts of one direction; gaps in milliseconds. */
export interface KafkaBooks {
  /** What MQTT subscribers took of what MQTT publishers published. */
  rolling: Awaited<ReturnType<RollingLoad['finish']>>;
  /** What is in Kafka of it, each partition in its order. */
  inKafka: Audit;
  /** What a consumer of a group was given of it. */
  consumed: Audit;
  /** What an MQTT subscriber took of what Kafka acknowledged to its producers. */
  fromKafka: Audit;
  /** Sends that Kafka did not acknowledge, and that were made again. */
  resent: number;
  /** Longest time in which nothing of one key came to the consumer, and to the MQTT subscriber. */
  gaps: { toKafka: number; fromKafka: number };
}

const KEYS = 3;
const FLOWING = 20;
const EVERY = 50;
const SESSION_S = 3_600;
const SESSION = 10_000;
const HEARTBEAT = 2_000;
const REQUEST_TIMEOUT = 10_000;
const RETRY = 250;
const PATIENCE = 180_000;

/** A RollingLoad, and clients of Kafka on the other side of the bridge in both directions. */
export class KafkaLoad {
  readonly #options: KafkaLoadOptions;
  readonly #rolling: RollingLoad;
  readonly #client: kafkajs.Kafka;
  readonly #consumer: kafkajs.Consumer;
  readonly #producer: kafkajs.Producer;
  readonly #consumed = new Map<string, number[]>();
  readonly #taken = new Map<string, number[]>();
  readonly #records: (PublishedTopic & { acknowledged: Set<number> })[] = [];
  /** When the last one of each topic came. */
  readonly #since = new Map<string, number>();
  readonly #gaps = { toKafka: 0, fromKafka: 0 };
  #subscriber: MqttClient | undefined;
  #sending: Promise<unknown> = Promise.resolve();
  #resent = 0;
  #stopped = false;

  constructor(options: KafkaLoadOptions) {
    this.#options = options;
    this.#rolling = new RollingLoad(options);
    this.#client = new kafkajs.Kafka({
      ...options.kafka,
      clientId: 'load',
      logLevel: kafkajs.logLevel.NOTHING,
      requestTimeout: REQUEST_TIMEOUT,
      retry: { retries: 20 },
    });
    this.#consumer = this.#client.consumer({
      groupId: `counter-${randomUUID()}`,
      sessionTimeout: SESSION,
      heartbeatInterval: HEARTBEAT,
      retry: { retries: 20, restartOnFailure: async () => true },
    });
    // What Kafka's own client has by default; one send on its way for each partition.
    this.#producer = this.#client.producer({ idempotent: true, maxInFlightRequests: KEYS });
  }

  /** Resolves when each of the two directions carries. */
  async start(): Promise<void> {
    await this.#rolling.start();
    await this.#subscribe();
    await this.#consume();
    await this.#producer.connect();
    this.#sending = Promise.all(Array.from({ length: KEYS }, (_, key) => this.#send(key)));
    const flows = () => Object.values(this.progress()).every((count) => count > FLOWING);
    await eventually('both directions carry', flows, PATIENCE);
  }

  /** What is on each side by now. */
  progress(): { inKafka: number; fromKafka: number } {
    const sum = (books: ReadonlyMap<string, readonly number[]>) =>
      [...books.values()].reduce((total, { length }) => total + length, 0);
    return { inKafka: sum(this.#consumed), fromKafka: sum(this.#taken) };
  }

  /** Ends what is sent, waits until what was acknowledged has come, and gives the books. */
  async finish(): Promise<KafkaBooks> {
    this.#stopped = true;
    await this.#sending;
    const rolling = await this.#rolling.finish();
    const { topics } = this.#rolling;
    const [given, taken] = [this.#consumed, this.#taken];
    const came = (books: Map<string, number[]>, of: readonly PublishedTopic[]) => () =>
      of.every(({ topic, acknowledged }) =>
        acknowledged.isSubsetOf(new Set(books.get(topic) ?? [])),
      );
    // What does not come any more is told by the books, with numbers.
    await eventually('all is consumed', came(given, topics), PATIENCE).catch(() => undefined);
    const there = came(taken, this.#records);
    await eventually('all came from Kafka', there, PATIENCE).catch(() => undefined);
    const taker = (subscriber: string, books: Map<string, number[]>): TakenBy[] => [
      { subscriber, qos: 1, taken: books, complete: true },
    ];
    return {
      rolling,
      inKafka: audit(topics, taker('Kafka', await this.#read())),
      consumed: audit(topics, taker('consumer', given)),
      fromKafka: audit(this.#records, taker('MQTT', taken)),
      resent: this.#resent,
      gaps: this.#gaps,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#sending;
    await this.#rolling[Symbol.asyncDispose]();
    await this.#subscriber?.endAsync(true);
    await this.#producer.disconnect().catch(() => undefined);
    await this.#consumer.disconnect().catch(() => undefined);
  }

  #note(books: Map<string, number[]>, topic: string, number: number): void {
    const way = books === this.#taken ? 'fromKafka' : 'toKafka';
    const now = performance.now();
    const gap = now - (this.#since.get(topic) ?? now);
    this.#gaps[way] = Math.max(this.#gaps[way], gap);
    this.#since.set(topic, now);
    const numbers = books.get(topic);
    if (numbers === undefined) books.set(topic, [number]);
    else numbers.push(number);
  }

  async #subscribe(): Promise<void> {
    const { host, login, prefix, toMqtt } = this.#options;
    const client = mqtt.connect(`mqtt://${host}:1883`, {
      ...login,
      clientId: `${prefix}-of-kafka`,
      clean: false,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: SESSION_S },
      keepalive: 5,
      reconnectPeriod: 200,
    });
    this.#subscriber = client;
    client.on('error', () => undefined);
    client.on('message', (topic, payload) => this.#note(this.#taken, topic, Number(`${payload}`)));
    await new Promise<void>((resolve) => client.once('connect', () => resolve()));
    await client.subscribeAsync(`${toMqtt}/+`, { qos: 1 });
  }

  async #consume(): Promise<void> {
    const { prefix, toKafka } = this.#options;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: toKafka, fromBeginning: true });
    await this.#consumer.run({
      eachMessage: async ({ message }) => {
        const topic = String(message.key);
        if (!topic.startsWith(`${prefix}/`)) return;
        this.#note(this.#consumed, topic, Number(String(message.value)));
      },
    });
  }

  /** One record after the other, of one key in one partition. */
  async #send(partition: number): Promise<void> {
    const { prefix, toMqtt } = this.#options;
    const key = `${prefix}-${partition}`;
    const books = { topic: `${toMqtt}/${key}`, qos: 1 as const, made: 0 };
    const acknowledged = new Set<number>();
    const record = Object.assign(books, { acknowledged });
    this.#records.push(record);
    while (!this.#stopped) {
      const number = record.made++;
      const messages = [{ key, value: String(number), partition }];
      while (!acknowledged.has(number)) {
        try {
          await this.#producer.send({ topic: toMqtt, acks: -1, messages });
          acknowledged.add(number);
        } catch {
          this.#resent++;
          await new Promise((resolve) => setTimeout(resolve, RETRY));
          if (this.#stopped) break;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  }

  async #read(): Promise<Map<string, number[]>> {
    const { kafka, toKafka } = this.#options;
    const { brokers, ...rest } = kafka;
    const found = new Map<string, number[]>();
    for (const { key, value } of await readTopic(brokers, toKafka, rest)) {
      const numbers = found.get(key ?? '') ?? [];
      numbers.push(Number(value));
      found.set(key ?? '', numbers);
    }
    return found;
  }
}
