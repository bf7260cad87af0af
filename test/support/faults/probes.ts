import type { Endpoint } from '../cluster-lab.ts';
import { Reconnecting } from './reconnecting.ts';
import type { Rotation } from './rotation.ts';
import { Wire, type WireOptions } from './wire.ts';

const PROBE_TICK = 10;
const CONNECT_EVERY = 100;
/** Of the sessions that a newcomer leaves behind, seconds. */
const EXPIRY = 10;

/** QoS 0 from one node to another, a hundred times a second: when did nothing arrive? */
export class DeliveryProbe {
  readonly #clients: Reconnecting[];
  readonly #topic: string;
  readonly #arrivals: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(id: string, rotation: Rotation, from: Endpoint, to: Endpoint) {
    this.#topic = `probe/${id}`;
    const base = { version: 4, clean: true, rotation } as const;
    const subscriptions = [{ topic: this.#topic, qos: 0 }];
    const subscriber: Reconnecting = new Reconnecting(
      { ...base, clientId: `${id}-to`, home: to },
      {
        onConnack: () => subscriber.send({ cmd: 'subscribe', messageId: 1, subscriptions }),
        onPacket: ({ cmd }) => {
          if (cmd === 'publish') this.#arrivals.push(performance.now());
        },
      },
    );
    const publisher = new Reconnecting(
      { ...base, clientId: `${id}-from`, home: from },
      { onConnack: () => {}, onPacket: () => {} },
    );
    this.#clients = [publisher, subscriber];
  }

  start(): void {
    for (const client of this.#clients) client.start();
    const packet = { cmd: 'publish', topic: this.#topic, qos: 0, dup: false, retain: false };
    this.#timer = setInterval(() => {
      this.#clients[0]!.send({ ...packet, payload: String(this.#count++) });
    }, PROBE_TICK);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.leave();
  }

  get arrivals(): number {
    return this.#arrivals.length;
  }

  /** Longest time without an arrival between two points in time, milliseconds. */
  blackout(from: number, to: number): number {
    let last = from;
    let longest = 0;
    for (const at of this.#arrivals) {
      if (at < from || at > to) continue;
      longest = Math.max(longest, at - last);
      last = at;
    }
    return Math.max(longest, to - last);
  }
}

/**
 * New clients, ten a second: how long until one is let in, going on where a node does not? Every
 * other one has a session that outlives its connection, which the cluster must agree on.
 */
export class ConnectProbe {
  readonly #rotation: Rotation;
  readonly #id: string;
  readonly #attempts: { from: number; took: number }[] = [];
  readonly #open = new Set<Wire>();
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #closed = false;

  constructor(id: string, rotation: Rotation) {
    this.#id = id;
    this.#rotation = rotation;
  }

  start(): void {
    this.#timer = setInterval(() => {
      const attempt = { from: performance.now(), took: Number.POSITIVE_INFINITY };
      this.#attempts.push(attempt);
      const clean = ++this.#count % 2 === 0;
      const options = { clientId: `${this.#id}-${this.#count}`, version: 5, clean } as const;
      this.#try(attempt, clean ? options : { ...options, expiry: EXPIRY }, this.#rotation.pick());
    }, CONNECT_EVERY);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const wire of this.#open) wire.cut();
  }

  /** Times of those that began between two points in time, milliseconds, sorted; so far, if not in. */
  times(from: number, to: number): number[] {
    const now = performance.now();
    return this.#attempts
      .filter((one) => one.from >= from && one.from <= to)
      .map((one) => (Number.isFinite(one.took) ? one.took : now - one.from))
      .sort((a, b) => a - b);
  }

  #try(attempt: { from: number; took: number }, options: WireOptions, endpoint: Endpoint): void {
    if (this.#closed) return;
    const wire: Wire = new Wire(endpoint, options, {
      onConnack: () => {
        attempt.took = performance.now() - attempt.from;
        wire.leave();
      },
      onClose: () => {
        this.#open.delete(wire);
        this.#rotation.detach(wire);
        if (Number.isFinite(attempt.took)) return;
        setTimeout(() => this.#try(attempt, options, this.#rotation.pick(undefined, endpoint)), 20);
      },
    });
    this.#open.add(wire);
    this.#rotation.attach(wire);
  }
}
