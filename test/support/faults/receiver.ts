import type { Endpoint } from '../cluster-lab.ts';
import { Reconnecting } from './reconnecting.ts';
import type { Rotation } from './rotation.ts';
import type { AnyPacket } from './wire.ts';

export interface ReceiverOptions {
  id: string;
  filter: string;
  qos: 0 | 1 | 2;
  version: 4 | 5;
  /** Without a session that outlives the connection. */
  clean: boolean;
  rotation: Rotation;
  home: Endpoint;
}

const SESSION_EXPIRY = 3_600;
const SUBSCRIBE_ID = 1;
const SUBSCRIBE_TIMEOUT = 20_000;

/**
 * A correct subscriber: it answers every PUBLISH, and one of QoS 2 whose packet identifier it still
 * holds is the same message, not another one ([MQTT-4.3.3-2]).
 */
export class Receiver {
  readonly options: ReceiverOptions;
  /** By topic: message numbers in the order in which they were taken, with every repetition. */
  readonly taken = new Map<string, number[]>();
  /** When each of them was. */
  readonly takenAt = new Map<string, number[]>();
  /** Subscribed, then a reconnect that found no session. */
  sessionsLost = 0;
  /** When the last PUBLISH came. */
  lastAt = 0;
  /** Of those taken again at QoS 1, how many said so with DUP. */
  redelivered = 0;
  readonly #client: Reconnecting;
  readonly #held = new Set<number>();
  #subscribed = false;
  #onSubscribed: (() => void) | undefined;

  constructor(options: ReceiverOptions) {
    this.options = options;
    const { id: clientId, version, clean, rotation, home } = options;
    const expiry = clean ? 0 : SESSION_EXPIRY;
    this.#client = new Reconnecting(
      { clientId, version, clean, expiry, rotation, home },
      {
        onConnack: (present) => this.#onConnack(present),
        onPacket: (packet) => this.#onPacket(packet),
      },
    );
  }

  get connection(): Reconnecting {
    return this.#client;
  }

  get count(): number {
    let sum = 0;
    for (const numbers of this.taken.values()) sum += numbers.length;
    return sum;
  }

  /** Connects and subscribes; resolves after SUBACK. */
  async subscribe(): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no SUBACK for ${this.options.id}`)),
        SUBSCRIBE_TIMEOUT,
      );
      this.#onSubscribed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#client.start();
    await done;
  }

  /** Comes back, at `home` when given. */
  return(home?: Endpoint): void {
    this.#client.start(home);
  }

  leave(): void {
    this.#client.leave();
  }

  #onConnack(present: boolean): void {
    if (!present) {
      this.#held.clear();
      if (this.#subscribed && !this.options.clean) this.sessionsLost++;
      const { filter, qos } = this.options;
      const extra = this.options.version === 5 ? { nl: false, rap: false, rh: 0 } : {};
      const subscriptions = [{ topic: filter, qos, ...extra }];
      this.#client.send({ cmd: 'subscribe', messageId: SUBSCRIBE_ID, subscriptions });
    }
  }

  #onPacket(packet: AnyPacket): void {
    const { cmd, messageId } = packet;
    if (cmd === 'suback') {
      this.#subscribed = true;
      this.#onSubscribed?.();
    } else if (cmd === 'pubrel') {
      this.#held.delete(messageId);
      this.#client.send({ cmd: 'pubcomp', messageId });
    } else if (cmd === 'publish') {
      const { qos, topic, payload, dup } = packet as unknown as {
        qos: number;
        topic: string;
        payload: Buffer;
        dup: boolean;
      };
      this.lastAt = performance.now();
      if (qos === 2) {
        if (!this.#held.has(messageId)) this.#take(topic, payload);
        this.#held.add(messageId);
        this.#client.send({ cmd: 'pubrec', messageId });
        return;
      }
      if (dup) this.redelivered++;
      this.#take(topic, payload);
      if (qos === 1) this.#client.send({ cmd: 'puback', messageId });
    }
  }

  #take(topic: string, payload: Buffer): void {
    const number = Number.parseInt(payload.toString('latin1', 0, 16), 10);
    const numbers = this.taken.get(topic);
    if (numbers === undefined) {
      this.taken.set(topic, [number]);
      this.takenAt.set(topic, [performance.now()]);
      return;
    }
    numbers.push(number);
    this.takenAt.get(topic)!.push(performance.now());
  }
}
