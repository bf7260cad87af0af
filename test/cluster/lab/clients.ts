import mqtt, { type MqttClient } from 'mqtt';
import type { PublishedTopic, TakenBy } from '../../support/accounting.ts';
import { LOGIN } from './config.ts';

/** Of an ordinary client's library, milliseconds. */
export const RECONNECT = 500;
/** Seconds: so long a client that says nothing does not notice that its server is another one. */
export const KEEPALIVE = 2;
const CONNECT = 5_000;

/** When a client lost its connection, and when it was back, milliseconds since the epoch. */
export interface Absence {
  lost: number;
  back: number;
}

/** A client of the `mqtt` package, as its users have it, that remembers its absences. */
class Client {
  readonly mqtt: MqttClient;
  readonly absences: Absence[] = [];

  constructor(host: string, clientId: string, clean: boolean) {
    this.mqtt = mqtt.connect(`mqtt://${host}:1883`, {
      ...LOGIN,
      clientId,
      clean,
      protocolVersion: 5,
      ...(clean ? {} : { properties: { sessionExpiryInterval: 3_600 } }),
      keepalive: KEEPALIVE,
      reconnectPeriod: RECONNECT,
      connectTimeout: CONNECT,
    });
    let lost: number | undefined;
    this.mqtt.on('close', () => {
      lost ??= Date.now();
    });
    this.mqtt.on('connect', () => {
      if (lost !== undefined) this.absences.push({ lost, back: Date.now() });
      lost = undefined;
    });
    this.mqtt.on('error', () => undefined);
  }

  connected(): Promise<void> {
    if (this.mqtt.connected) return Promise.resolve();
    return new Promise((resolve) => this.mqtt.once('connect', () => resolve()));
  }

  async close(): Promise<void> {
    await this.mqtt.endAsync(true);
  }
}

/** Publishes numbers, one after the other, and knows which were acknowledged. */
export class Publisher extends Client {
  readonly topic: string;
  readonly #acknowledged = new Set<number>();
  #made = 0;
  #refused = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: string, name: string) {
    super(host, name, false);
    this.topic = `house/${name}`;
  }

  /** `every`: milliseconds. */
  begin(every: number): void {
    this.#timer = setInterval(() => {
      const number = this.#made++;
      this.mqtt.publish(this.topic, String(number), { qos: 1 }, (error) => {
        if (!error) this.#acknowledged.add(number);
        // A PUBACK with a reason code; without a connection it is sent again.
        else if (typeof (error as { code?: unknown }).code === 'number') this.#refused++;
      });
    }, every);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get allAcknowledged(): boolean {
    return this.#acknowledged.size === this.#made;
  }

  /** How many were answered with a refusal. */
  get refused(): number {
    return this.#refused;
  }

  /** Every one acknowledged or refused. */
  get allAnswered(): boolean {
    return this.#acknowledged.size + this.#refused === this.#made;
  }

  get books(): PublishedTopic {
    return { topic: this.topic, qos: 1, made: this.#made, acknowledged: this.#acknowledged };
  }
}

/** Takes everything below `house/`, with a session that waits for it. */
export class Subscriber extends Client {
  readonly #name: string;
  readonly #taken = new Map<string, number[]>();

  constructor(host: string, name: string) {
    super(host, name, false);
    this.#name = name;
    this.mqtt.on('message', (topic, payload) => {
      const numbers = this.#taken.get(topic) ?? [];
      numbers.push(Number(String(payload)));
      this.#taken.set(topic, numbers);
    });
  }

  async subscribe(): Promise<void> {
    await this.connected();
    await this.mqtt.subscribeAsync('house/#', { qos: 1 });
  }

  /** How many different ones of a topic. */
  count(topic: string): number {
    return new Set(this.#taken.get(topic)).size;
  }

  get books(): TakenBy {
    return { subscriber: this.#name, qos: 1, taken: this.#taken, complete: true };
  }
}
