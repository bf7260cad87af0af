import { isDeepStrictEqual } from 'node:util';
import type { BridgeSettings, KafkaSettings } from '#core/config/bridge.ts';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { LogConsumer } from '../broker/log/consumer.ts';
import type { Peers } from './cluster/peers.ts';
import type { BridgeStore } from './cluster/store.ts';
import { TopicDirectory } from './delivery/topic-directory.ts';
import type { KafkaPort } from './kafka/port.ts';
import { MappingToKafka } from './outbound/mapping-to-kafka.ts';

export interface MappingsOptions {
  /** Node and incarnation of this bridge. */
  self: string;
  consumer: LogConsumer;
  store: BridgeStore;
  kafka: KafkaPort;
  peers: Peers;
  onDelivered: (took: number) => void;
  log: Logger;
}

/** The mappings that cluster.yaml names now. */
export class Mappings {
  readonly toKafka = new Map<string, MappingToKafka>();
  readonly #options: MappingsOptions;
  readonly #ending = new AbortController();
  #topics: TopicDirectory | undefined;
  #settings: BridgeSettings | undefined;
  /** Mappings that end; the same name begins again when that is done. */
  readonly #closing = new Map<string, Promise<void>>();
  #moving = false;

  constructor(options: MappingsOptions) {
    this.#options = options;
  }

  /** Starts, ends and restarts mappings, whatever differs from before. */
  configure(cluster: ClusterConfig): void {
    const { bridge, kafka } = cluster;
    if (bridge === undefined || kafka === undefined) return;
    this.#topics ??= this.#directory(kafka);
    const { toKafka, toMqtt, ...common } = bridge;
    const before = this.#settings;
    const same = before !== undefined && isDeepStrictEqual(common, commonOf(before));
    this.#settings = bridge;
    for (const [name, one] of this.toKafka) {
      const now = toKafka.find((mapping) => mapping.name === name);
      if (!same || !isDeepStrictEqual(now, one.mapping)) this.#end(name, one);
    }
    for (const mapping of toKafka) {
      if (!this.toKafka.has(mapping.name)) this.#begin(cluster, mapping.name);
    }
  }

  /** Gives mappings to the bridges that should have them, one at a time. */
  balance(): void {
    if (this.#moving) return;
    for (const [name, one] of this.toKafka) {
      if (!one.claim.held) continue;
      const to = this.#options.peers.defersTo(name);
      if (to === undefined) continue;
      this.#moving = true;
      this.#options.log.info({ mapping: name, to }, 'hands a mapping over');
      void one.handOver().finally(() => {
        this.#moving = false;
      });
      return;
    }
  }

  async close(): Promise<void> {
    for (const [name, one] of this.toKafka) this.#end(name, one);
    await Promise.all(this.#closing.values());
    this.#ending.abort();
  }

  #directory(kafka: KafkaSettings): TopicDirectory {
    const { create } = kafka.topics;
    const { log } = this.#options;
    return new TopicDirectory({
      kafka: this.#options.kafka,
      create,
      log,
      signal: this.#ending.signal,
    });
  }

  #begin(cluster: ClusterConfig, name: string): void {
    const settings = cluster.bridge!;
    const mapping = settings.toKafka.find((one) => one.name === name);
    if (mapping === undefined) return;
    const closing = this.#closing.get(name);
    if (closing !== undefined) {
      void closing.then(() => {
        const now = this.#settings;
        if (now !== undefined && !this.toKafka.has(name)) {
          this.#begin({ ...cluster, bridge: now }, name);
        }
      });
      return;
    }
    const { peers, ...rest } = this.#options;
    const one = new MappingToKafka({
      ...rest,
      mapping,
      settings,
      cluster: cluster.cluster.name,
      topics: this.#topics!,
      preferred: (which) => peers.prefers(which),
    });
    this.toKafka.set(name, one);
    one.start();
  }

  #end(name: string, one: MappingToKafka): void {
    this.toKafka.delete(name);
    const closed = one
      .close()
      .catch((error: unknown) => {
        this.#options.log.warn({ mapping: name }, `while ending: ${describeError(error)}`);
      })
      .finally(() => this.#closing.delete(name));
    this.#closing.set(name, closed);
  }
}

function commonOf({ toKafka, toMqtt, ...common }: BridgeSettings): object {
  return common;
}
