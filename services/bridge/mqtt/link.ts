import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import type { Logger } from '#core/log.ts';

export interface LinkOptions {
  /** `mqtt://host:port`, of a broker or of the balancer before them. */
  url: string;
  /** Tried in turn when that does not answer. */
  more?: readonly string[] | undefined;
  user: string;
  password: string;
  clientId: string;
  log: Logger;
}

export interface Publication {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Buffer | undefined;
  user: Record<string, string | string[]>;
}

export type Arrival = (packet: IPublishPacket) => void;

/** Milliseconds. */
const RECONNECT = 500;
const CONNECT_TIMEOUT = 5_000;
const KEEP_ALIVE = 10;
/** Reason codes (MQTT 5, 2.4) that the same message would get again. */
const HOPELESS = new Set([0x87, 0x90, 0x95, 0x99, 0x9a, 0x9b]);

export class PublishRefused extends Error {
  /** The broker will never take this message. */
  readonly hopeless: boolean;

  constructor(message: string, hopeless: boolean) {
    super(message);
    this.hopeless = hopeless;
  }
}

/** The bridge as an MQTT client: it comes back by itself, and then has no session to resume. */
export class MqttLink {
  readonly #options: LinkOptions;
  readonly #filters = new Map<string, Set<Arrival>>();
  #client: MqttClient | undefined;
  #waiting: (() => void)[] = [];
  /** Largest packet that the broker takes, bytes. */
  #packetMax = Number.POSITIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#client?.connected === true;
  }

  start(): void {
    const { url, more = [], user, password, clientId, log } = this.#options;
    const client = mqtt.connect(url, {
      servers: [url, ...more].map(serverAt),
      protocolVersion: 5,
      clientId,
      username: user,
      password,
      clean: true,
      keepalive: KEEP_ALIVE,
      reconnectPeriod: RECONNECT,
      connectTimeout: CONNECT_TIMEOUT,
      queueQoSZero: false,
      resubscribe: false,
    });
    this.#client = client;
    client.on('connect', ({ properties }) => {
      this.#packetMax = properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
      for (const filter of this.#filters.keys()) this.#subscribe(filter);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const go of waiting) go();
    });
    client.on('error', (error) => log.warn(`MQTT: ${error.message}`));
    client.on('message', (_topic, _payload, packet) => this.#arrived(packet));
  }

  async close(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
    await this.#client?.endAsync(true).catch(() => {});
  }

  /** Resolves when it is connected, or closed; undefined: it is. */
  ready(): Promise<void> | undefined {
    if (this.connected) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Resolves when the broker has acknowledged it: at QoS 1 and 2 it is in the log then. Rejects with
   * PublishRefused.
   */
  publish(publication: Publication): Promise<void> {
    const { topic, payload, qos, retain, user } = publication;
    const { contentType, responseTopic, correlationData } = publication;
    if (payload.length + Buffer.byteLength(topic) > this.#packetMax) {
      return Promise.reject(
        new PublishRefused(`${payload.length} bytes are more than the broker takes`, true),
      );
    }
    const properties = {
      userProperties: user,
      ...(contentType === undefined ? {} : { contentType }),
      ...(responseTopic === undefined ? {} : { responseTopic }),
      ...(correlationData === undefined ? {} : { correlationData }),
    };
    return new Promise((resolve, reject) => {
      this.#client!.publish(topic, payload, { qos, retain, properties }, (error) => {
        if (error === undefined || error === null) return resolve();
        const code = (error as { code?: unknown }).code;
        const hopeless = typeof code === 'number' && HOPELESS.has(code);
        reject(new PublishRefused(error.message, hopeless));
      });
    });
  }

  /** Hears what matches the filter, at most at QoS 1, until the returned function is called. */
  listen(filter: string, arrival: Arrival): () => void {
    const listeners = this.#filters.get(filter) ?? new Set();
    listeners.add(arrival);
    if (!this.#filters.has(filter)) {
      this.#filters.set(filter, listeners);
      if (this.connected) this.#subscribe(filter);
    }
    return () => {
      listeners.delete(arrival);
      if (listeners.size > 0 || this.#filters.get(filter) !== listeners) return;
      this.#filters.delete(filter);
      if (this.connected) this.#client?.unsubscribe(filter);
    };
  }

  /** At QoS 1, so that what was published at QoS 1 and 2 does not look like QoS 0. */
  #subscribe(filter: string): void {
    this.#client?.subscribe(filter, { qos: 1, rh: 2 }, (error) => {
      if (error) this.#options.log.warn({ filter }, `not subscribed: ${error.message}`);
    });
  }

  #arrived(packet: IPublishPacket): void {
    const heard = new Set<Arrival>();
    for (const listeners of this.#filters.values()) for (const one of listeners) heard.add(one);
    for (const one of heard) one(packet);
  }
}

/** As the library wants it: IPv6 addresses without brackets. */
function serverAt(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}
