import { createHash } from 'node:crypto';
import type { Subscription } from '@nats-io/transport-node';
import { describeError } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';

export interface PeersOptions {
  bus: Bus;
  /** Node and incarnation of this bridge. */
  self: string;
  log: Logger;
}

const HELLO = 'bramble.bridges';
const INTERVAL = 500;
/** A bridge that was not heard for so long is gone, milliseconds. */
const SILENCE = 2_000;
/** One that is new gets nothing from the others before that: it may not stay. */
const SETTLED = 3_000;

/** The other bridges that are alive, as their heartbeats tell, and who should have which mapping. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #heard = new Map<string, { since: number; at: number }>();
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Bridges that are alive, this one included. */
  get alive(): string[] {
    return [this.#options.self, ...this.#heard.keys()].sort();
  }

  start(): void {
    const { bus } = this.#options;
    this.#subscription = bus.subscribe(HELLO, (data) => this.#hear(data.toString()));
    this.#timer = setInterval(() => this.#tick(), INTERVAL);
    this.#say();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#say('-');
    this.#subscription?.unsubscribe();
  }

  /**
   * Whether this bridge is the one that should have the mapping: the highest of the hashes of each
   * bridge with the mapping's name (Thaler, Ravishankar: rendezvous hashing).
   */
  prefers(mapping: string): boolean {
    return this.#first(mapping, 0) === this.#options.self;
  }

  /** Whether another bridge, that has been there for a while, should have it. */
  defersTo(mapping: string): string | undefined {
    const first = this.#first(mapping, SETTLED);
    return first === this.#options.self ? undefined : first;
  }

  #first(mapping: string, age: number): string {
    const { self } = this.#options;
    const now = performance.now();
    let best = self;
    for (const [peer, { since }] of this.#heard) {
      if (now - since >= age && rank(peer, mapping) > rank(best, mapping)) best = peer;
    }
    return best;
  }

  #hear(text: string): void {
    const now = performance.now();
    if (text.startsWith('-')) {
      this.#heard.delete(text.slice(1));
      return;
    }
    const known = this.#heard.get(text);
    if (known === undefined) this.#heard.set(text, { since: now, at: now });
    else known.at = now;
  }

  #tick(): void {
    const now = performance.now();
    for (const [peer, { at }] of this.#heard) if (now - at > SILENCE) this.#heard.delete(peer);
    this.#say();
  }

  #say(sign = ''): void {
    const { bus, self, log } = this.#options;
    if (!bus.connected) return;
    try {
      bus.nats.publish(HELLO, sign + self);
    } catch (error) {
      log.debug(`a heartbeat: ${describeError(error)}`);
    }
  }
}

/** By node alone, so that a bridge that starts again gets its mappings back. */
function rank(bridge: string, mapping: string): string {
  const node = bridge.slice(0, bridge.lastIndexOf('#'));
  return createHash('sha1').update(`${node} ${mapping}`).digest('hex') + bridge;
}
