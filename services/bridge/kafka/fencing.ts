import type { Kafka } from 'kafkajs';
import type { Logger } from '#core/log.ts';
import { produceError } from './failure.ts';

/** FindCoordinator's kind of coordinator for transactional ids (Kafka's protocol guide). */
const TRANSACTION = 1;
/** Kafka has no transactional ids for this user, or at all. */
const NEVER = new Set(['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'UNSUPPORTED_VERSION']);
/** It may have: their coordinator is being elected, or its topic cannot be made. */
const NOT_NOW = new Set([
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'KafkaJSGroupCoordinatorNotFound',
]);
/** After so long without a coordinator it goes without one, milliseconds. */
const PATIENCE = 10_000;

interface InitProducerId {
  transactionalId?: string;
  transactionTimeout?: number;
}

interface Broker {
  initProducerId(request: InitProducerId): Promise<unknown>;
}

/** kafkajs' view of Kafka's nodes, as far as the bridge touches it. */
interface Cluster {
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(wanted: { groupId: string; coordinatorType: number }): Promise<Broker>;
}

type CreateCluster = (options: unknown) => Cluster;

/**
 * Gives producers the identity that Kafka keeps for a transactional id, without transactions: each
 * new holder has a higher epoch, and in a partition that it has written to Kafka refuses what one
 * before it sends late (INVALID_PRODUCER_EPOCH), be it from the buffer of a socket. kafkajs' own
 * producers have such an identity only inside of transactions, which cost round trips a batch.
 */
export class Fencing {
  readonly #id: string;
  readonly #log: Logger;
  #failingSince: number | undefined;
  #told = false;

  constructor(transactionalId: string, log: Logger) {
    this.#id = transactionalId;
    this.#log = log;
  }

  /** Producers of the client that are made from now on. Throws when kafkajs is not as expected. */
  apply(client: Kafka): void {
    const factories = client as unknown as Record<symbol, CreateCluster>;
    const name = Object.getOwnPropertySymbols(client).find(
      ({ description }) => description === 'private:Kafka:createCluster',
    );
    const create = name === undefined ? undefined : factories[name];
    if (name === undefined || create === undefined) throw new Error('another kafkajs: no cluster');
    factories[name] = (options) => {
      const cluster = create(options);
      const find = cluster.findControllerBroker.bind(cluster);
      // kafkajs asks for the controller only to get a producer's identity from it.
      cluster.findControllerBroker = async () => ({
        initProducerId: (request) => this.#identity(cluster, find, request),
      });
      return cluster;
    };
  }

  async #identity(
    cluster: Cluster,
    find: () => Promise<Broker>,
    request: InitProducerId,
  ): Promise<unknown> {
    const transactionalId = this.#id;
    try {
      const wanted = { groupId: transactionalId, coordinatorType: TRANSACTION };
      const coordinator = await cluster.findGroupCoordinator(wanted);
      const identity = await coordinator.initProducerId({ ...request, transactionalId });
      this.#failingSince = undefined;
      return identity;
    } catch (error) {
      const { reason, message } = produceError(error);
      if (!NEVER.has(reason) && !NOT_NOW.has(reason)) throw error;
      const controller = await this.#controller(find);
      if (!NEVER.has(reason) && !this.#impatient) throw error;
      this.#tell(message);
      return controller.initProducerId(request);
    }
  }

  /** While Kafka is away as a whole, nothing is known about its transactional ids. */
  async #controller(find: () => Promise<Broker>): Promise<Broker> {
    try {
      return await find();
    } catch (error) {
      this.#failingSince = undefined;
      throw error;
    }
  }

  get #impatient(): boolean {
    this.#failingSince ??= performance.now();
    return performance.now() - this.#failingSince > PATIENCE;
  }

  #tell(problem: string): void {
    if (this.#told) return;
    this.#told = true;
    const transactionalId = this.#id;
    this.#log.warn({ transactionalId }, `Kafka fences no late writer off: ${problem}`);
  }
}
