import type { IPublishPacket } from 'mqtt';
import type { DeliveryCounters } from '../delivery/counters.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Mark } from '../delivery/ledger.ts';
import type { MqttLink } from '../mqtt/link.ts';
import type { PublishedProperties } from './properties.ts';
import type { Translator } from './translator.ts';

export interface LiveSourceOptions {
  link: MqttLink;
  filters: readonly string[];
  translator: Translator;
  delivery: Delivery;
  counters: DeliveryCounters;
}

/**
 * QoS 0, which is in no log: as the brokers hand it out, for as long as there is room. Whoever
 * published it is not known any more then.
 */
export class LiveSource {
  readonly #options: LiveSourceOptions;
  readonly #mark: Mark = { pending: 0 };
  #stops: (() => void)[] = [];

  constructor(options: LiveSourceOptions) {
    this.#options = options;
  }

  start(): void {
    const { link, filters } = this.#options;
    const take = (packet: IPublishPacket): void => this.#take(packet);
    this.#stops = filters.map((filter) => link.listen(filter, take));
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  #take({ topic, qos, retain, payload, properties }: IPublishPacket): void {
    const { translator, delivery, counters } = this.#options;
    if (qos !== 0) return;
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
    const source = {
      topic,
      qos: 0 as const,
      retain,
      payload: bytes,
      properties: propertiesOf(properties),
      publisher: '',
      origin: '',
      sequence: 0,
      position: undefined,
    };
    const translation = translator.translate(source, Date.now());
    if (translation === undefined) return;
    if (delivery.full) counters.dropped++;
    else if (translation.topic === undefined) {
      delivery.reject(translation.record, translation.reason, this.#mark);
    } else delivery.offer(translation.topic, translation.record, this.#mark);
  }
}

function propertiesOf(given: IPublishPacket['properties']): PublishedProperties {
  const { contentType, responseTopic, correlationData, userProperties = {} } = given ?? {};
  const user = Object.entries(userProperties).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, one] as const),
  );
  return { contentType, responseTopic, correlationData, user };
}
