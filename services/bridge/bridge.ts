import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { BRIDGE_USER, bridgeOwner, bridgePassword } from '#core/config/bridge-user.ts';
import { type ClusterConfig, loadCluster } from '#core/config/cluster.ts';
import type { BridgeStatus } from '#core/contracts/bridge.ts';
import type { BridgeConfig } from '#core/contracts/service-config.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { HealthServer, type Unreadiness } from '#core/health.ts';
import { Bus } from '#core/jetstream/bus.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { LogConsumer } from '#core/message-log/consumer.ts';
import { createRegistry } from '#core/metrics.ts';
import { processPart } from '#core/process-part.ts';
import { Peers } from './cluster/peers.ts';
import { BridgeStore } from './cluster/store.ts';
import { KafkaJsPort } from './kafka/kafkajs-port.ts';
import { Mappings } from './mappings.ts';
import { MqttLink } from './mqtt/link.ts';
import { Admin } from './ops/admin.ts';
import { DryRun } from './ops/dry-run.ts';
import { registerMetrics } from './ops/metrics.ts';
import { toKafkaRow, toMqttRow } from './ops/rows.ts';
import { Watch } from './ops/watch.ts';

export interface BridgeOptions {
  config: BridgeConfig;
  cluster: ClusterConfig;
  log: Logger;
}

/** Between two looks at whether a mapping is another bridge's, milliseconds. */
const BALANCE = 1_000;

/** One node's bridge: it owns the parts, starts them in order and closes them in the other. */
export class Bridge implements Service {
  readonly node: string;
  readonly bus: Bus;
  readonly consumer: LogConsumer;
  readonly peers: Peers;
  readonly kafka: KafkaJsPort;
  readonly watch: Watch;
  readonly #options: BridgeOptions;
  readonly #self: string;
  readonly #store: BridgeStore;
  readonly #health: HealthServer;
  readonly #mappings: Mappings;
  readonly #link: MqttLink;
  #cluster: ClusterConfig;
  #timer: NodeJS.Timeout | undefined;
  #started = false;
  #closing: Promise<void> | undefined;

  /** Throws CONFIG_INVALID where cluster.yaml has no bridge, or names a file that is not there. */
  constructor(options: BridgeOptions) {
    const { config, cluster, log } = options;
    if (cluster.bridge === undefined || cluster.kafka === undefined) {
      throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `${config.cluster}: no bridge, no kafka`);
    }
    this.#options = options;
    this.#cluster = cluster;
    this.node = config.node;
    this.#self = `${config.node}#${randomUUID().slice(0, 8)}`;
    this.bus = new Bus({ ...config.nats, name: `bridge-${config.node}`, log });
    this.consumer = new LogConsumer({ bus: this.bus, log });
    this.#store = new BridgeStore({
      bus: this.bus,
      nodes: () => this.#cluster.nodes.filter(({ roles }) => roles.includes('broker')).length,
      log,
    });
    this.peers = new Peers({ bus: this.bus, self: this.#self, log });
    this.kafka = new KafkaJsPort({
      settings: cluster.kafka,
      clusterFile: config.cluster,
      clientId: `bramble.${cluster.cluster.name}.${config.node}`,
      owner: bridgeOwner(cluster.cluster),
      log,
    });
    this.#link = new MqttLink({
      ...config.mqtt,
      user: BRIDGE_USER,
      password: bridgePassword(cluster.cluster.secret),
      clientId: `$bridge-${config.node}`,
      log,
    });
    const registry = createRegistry({ service: 'bridge', node: config.node });
    const times = registerMetrics(registry, this);
    this.#mappings = new Mappings({
      self: this.#self,
      consumer: this.consumer,
      store: this.#store,
      kafka: this.kafka,
      link: this.#link,
      peers: this.peers,
      onDelivered: (took) => times.observe(took / 1000),
      log,
    });
    this.watch = new Watch({
      consumer: this.consumer,
      kafka: this.kafka,
      mappings: () => this.#mappings.toKafka.members,
      alert: () => this.#cluster.bridge?.alert ?? 1,
      log,
    });
    const admin = new Admin({
      mappings: this.#mappings,
      dryRun: new DryRun({
        consumer: this.consumer,
        kafka: this.kafka,
        cluster: () => this.#cluster.cluster.name,
      }),
      token: config.admin?.token,
      log,
    });
    this.#health = new HealthServer({
      ...config.health,
      unready: () => this.unready(),
      registry,
      status: () => this.status(),
      admin: (request, response) => admin.handle(request, response),
    });
  }

  /** Kafka away is no reason: the log keeps what comes. */
  unready(): Unreadiness {
    if (this.#closing !== undefined) return ['shutting down'];
    if (!this.#started) return ['starting'];
    return this.bus.connected ? [] : ['the nats-server of this node does not answer'];
  }

  status(): BridgeStatus {
    const { reachable, brokers, reason } = this.watch.health;
    return {
      service: 'bridge',
      node: this.node,
      ...processPart(this.unready()),
      kafka: {
        asked: this.watch.asked,
        reachable,
        brokers,
        ...(reason === undefined ? {} : { reason }),
      },
      bridges: this.peers.alive,
      toKafka: [...this.#mappings.toKafka.members].map((one) =>
        toKafkaRow(one, this.watch.lags.get(one.mapping.name), this.watch.health),
      ),
      toMqtt: [...this.#mappings.toMqtt.members].map(toMqttRow),
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#health.start();
    await this.bus.start(signal);
    await this.#store.start(signal);
    await this.consumer.start(signal);
    this.peers.start();
    this.#link.start();
    this.#mappings.configure(this.#cluster);
    this.watch.start();
    this.#timer = setInterval(() => this.#mappings.balance(), BALANCE);
    this.#started = true;
  }

  /**
   * Takes changed mappings over; those that are as before go on. Throws CONFIG_INVALID; all stays
   * as it was then.
   */
  reload(): Promise<void> {
    const { config, log } = this.#options;
    const cluster = loadCluster(config.cluster);
    const { bridge, kafka } = cluster;
    if (bridge === undefined || kafka === undefined) {
      throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `${config.cluster}: no bridge, no kafka`);
    }
    if (!isDeepStrictEqual(kafka, this.#cluster.kafka)) this.kafka.configure(kafka);
    this.#cluster = cluster;
    this.#mappings.configure(this.#cluster);
    log.info('mappings reloaded');
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.watch.close();
    await this.#mappings.close();
    await this.#link.close();
    this.peers.close();
    await this.consumer.close();
    await this.kafka.close();
    await this.bus.close();
    await this.#health.close();
  }
}
