import { isDeepStrictEqual } from 'node:util';
import type { BridgeSettings, KafkaSettings, ToKafka, ToMqtt } from '#core/config/bridge.ts';
import type { ClusterConfig } from '#core/config/cluster.ts';
import type { Logger } from '#core/log.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import type { Peers } from './cluster/peers.ts';
import type { BridgeStore } from './cluster/store.ts';
import { TopicDirectory } from './delivery/topic-directory.ts';
import { MappingToMqtt } from './inbound/mapping-to-mqtt.ts';
import type { KafkaPort } from './kafka/port.ts';
import type { MqttLink } from './mqtt/link.ts';
import { MappingToKafka } from './outbound/mapping-to-kafka.ts';
import { Roster } from './roster.ts';

export interface MappingsOptions {
  /** Node and incarnation of this bridge. */
  self: string;
  consumer: LogConsumer;
  store: BridgeStore;
  kafka: KafkaPort;
  link: MqttLink;
  peers: Peers;
  onDelivered: (took: number) => void;
  log: Logger;
}

/** The mappings that cluster.yaml names now. */
export class Mappings {
  readonly toKafka: Roster<ToKafka, MappingToKafka>;
  readonly toMqtt: Roster<ToMqtt, MappingToMqtt>;
  readonly #options: MappingsOptions;
  readonly #ending = new AbortController();
  #topics: TopicDirectory | undefined;
  /** What all mappings stand on. */
  #common: object | undefined;
  #moving = false;

  constructor(options: MappingsOptions) {
    this.#options = options;
    this.toKafka = new Roster(options.log);
    this.toMqtt = new Roster(options.log);
  }

  /** Starts, ends and restarts mappings, whatever differs from before. */
  configure({ bridge: settings, kafka, cluster: { name: cluster } }: ClusterConfig): void {
    if (settings === undefined || kafka === undefined) return;
    this.#topics ??= this.#directory(kafka);
    const topics = this.#topics;
    const { peers, ...parts } = this.#options;
    const now = { ...common(settings), kafka };
    const restart = this.#common !== undefined && !isDeepStrictEqual(now, this.#common);
    this.#common = now;
    const shared = { ...parts, settings, cluster, topics };
    const preferred = (which: string): boolean => peers.prefers(which);
    const mappings = (): number => this.toKafka.size;
    this.toKafka.set(
      settings.toKafka,
      (mapping) => new MappingToKafka({ ...shared, mapping, preferred, mappings }),
      restart,
    );
    this.toMqtt.set(
      settings.toMqtt,
      (mapping) => new MappingToMqtt({ ...shared, mapping }),
      restart,
    );
  }

  /** Gives mappings to the bridges that should have them, one at a time. */
  balance(): void {
    if (this.#moving) return;
    const { peers, log } = this.#options;
    for (const one of this.toKafka.members) {
      const { name } = one.mapping;
      const to = one.claim.held ? peers.defersTo(name) : undefined;
      if (to === undefined) continue;
      this.#moving = true;
      log.info({ mapping: name, to }, 'hands a mapping over');
      void one.handOver().finally(() => {
        this.#moving = false;
      });
      return;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.toKafka.close(), this.toMqtt.close()]);
    this.#ending.abort();
  }

  #directory({ topics: { create } }: KafkaSettings): TopicDirectory {
    const { kafka, log } = this.#options;
    return new TopicDirectory({ kafka, create, log, signal: this.#ending.signal });
  }
}

function common({ toKafka, toMqtt, ...rest }: BridgeSettings): object {
  return rest;
}
