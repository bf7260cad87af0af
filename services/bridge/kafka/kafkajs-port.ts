import path from 'node:path';
import kafkajs, { type Admin, type KafkaConfig } from 'kafkajs';
import type { KafkaSettings } from '#core/config/bridge.ts';
import { quietTimers } from '#core/kafka/quiet-timers.ts';
import type { Logger } from '#core/log.ts';
import { installCodecs } from './codecs.ts';
import { Copies } from './copies.ts';
import { produceError } from './failure.ts';
import { Fencing } from './fencing.ts';
import { KafkaJsConsumer } from './kafkajs-consumer.ts';
import { KafkaJsProducer } from './kafkajs-producer.ts';
import type {
  ConsumeOptions,
  KafkaHealth,
  KafkaPort,
  RecordConsumer,
  RecordProducer,
} from './port.ts';
import { teachBatches } from './prepared-batch.ts';
import { clientConfig } from './settings.ts';
import { Sockets } from './sockets.ts';

export interface KafkaJsOptions {
  settings: KafkaSettings;
  /** cluster.yaml, to which paths in it are relative. */
  clusterFile: string;
  /** Tells the bridges apart in Kafka's own logs. */
  clientId: string;
  /** What all bridges of a cluster, and no others, call it: the prefix of transactional ids. */
  owner: string;
  log: Logger;
}

/** UNKNOWN_TOPIC_OR_PARTITION. */
const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';
const EXISTS = 'TOPIC_ALREADY_EXISTS';

/** Kafka by kafkajs. */
export class KafkaJsPort implements KafkaPort {
  #config: KafkaConfig;
  #settings: KafkaSettings;
  readonly #options: KafkaJsOptions;
  readonly #copies = new Copies();
  #sockets = new Sockets();
  #admin: Admin | undefined;
  #opening: Promise<Admin> | undefined;
  #closed = false;

  /** Throws CONFIG_INVALID for a TLS file that cannot be read. */
  constructor(options: KafkaJsOptions) {
    this.#options = options;
    quietTimers();
    installCodecs();
    teachBatches();
    this.#settings = options.settings;
    this.#config = this.#configFor(options.settings);
  }

  /**
   * Calls Kafka somewhere else, or in another way, from now on; who has a producer or a consumer
   * gets a new one. Throws CONFIG_INVALID; all stays as it was then.
   */
  configure(settings: KafkaSettings): void {
    this.#config = this.#configFor(settings);
    this.#settings = settings;
    this.#forget();
  }

  producer(name: string): RecordProducer {
    const { owner, log } = this.#options;
    return new KafkaJsProducer(
      { ...this.#config, clientId: `${this.#config.clientId}.${name}` },
      new Fencing(`${owner}.${name}`, log),
    );
  }

  consume(options: ConsumeOptions): RecordConsumer {
    return new KafkaJsConsumer(this.#config, options, this.#options.log);
  }

  async partitions(topic: string): Promise<number | undefined> {
    const admin = await this.#open();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length;
    } catch (error) {
      const { reason, message } = produceError(error);
      if (reason === UNKNOWN_TOPIC) return undefined;
      throw new Error(message, { cause: error });
    }
  }

  async createTopic(topic: string): Promise<void> {
    const { own, topics } = this.#settings;
    const { partitions: numPartitions, replicas } = topics;
    const admin = await this.#open();
    try {
      const { brokers } = await admin.describeCluster();
      const replicationFactor = this.#copies.of({ replicas, own }, brokers.length);
      if (replicationFactor === undefined) {
        throw new Error(`only ${brokers.length} of ${own} Kafka nodes are there to have a copy`);
      }
      await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor }] });
    } catch (error) {
      const { reason, message } = produceError(error);
      if (reason !== EXISTS) throw new Error(message, { cause: error });
    }
  }

  async health(): Promise<KafkaHealth> {
    try {
      const admin = await this.#open();
      const { brokers } = await admin.describeCluster();
      return { reachable: brokers.length > 0, brokers: brokers.length, reason: undefined };
    } catch (error) {
      return { reachable: false, brokers: 0, reason: produceError(error).message };
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#forget();
  }

  #forget(): void {
    const admin = this.#admin;
    this.#admin = undefined;
    this.#opening = undefined;
    admin?.disconnect().catch(() => {});
    this.#sockets.sever();
    this.#sockets = new Sockets();
  }

  #configFor(settings: KafkaSettings): KafkaConfig {
    const { clusterFile, clientId, log } = this.#options;
    return clientConfig(settings, path.dirname(clusterFile), clientId, log);
  }

  #open(): Promise<Admin> {
    if (this.#admin !== undefined) return Promise.resolve(this.#admin);
    if (this.#opening === undefined) {
      const opening = this.#connect().finally(() => {
        if (this.#opening === opening) this.#opening = undefined;
      });
      this.#opening = opening;
    }
    return this.#opening;
  }

  async #connect(): Promise<Admin> {
    if (this.#closed) throw new Error('closed');
    const sockets = this.#sockets;
    const client = new kafkajs.Kafka({ ...this.#config, socketFactory: sockets.factory });
    const admin = client.admin();
    try {
      await admin.connect();
    } catch (error) {
      admin.disconnect().catch(() => {});
      throw error;
    }
    if (sockets !== this.#sockets) {
      admin.disconnect().catch(() => {});
      throw new Error('Kafka is called in another way now');
    }
    this.#admin = admin;
    return admin;
  }
}
