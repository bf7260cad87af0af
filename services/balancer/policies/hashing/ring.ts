import type { Server } from '../../servers/server.ts';
import type { Policy } from '../policy.ts';
import { avalanche } from './functions.ts';
import { NO_HASH } from './subject.ts';

/** Places on the ring for each unit of weight, and what two ids are apart before they are mixed. */
const SCALE = 16;
const RANGE = 256 * SCALE;

interface Place {
  readonly key: number;
  readonly server: Server;
  /** Counts from 0 in its server: it is taken while the server's weight is above. */
  readonly index: number;
}

/**
 * `hash-type consistent`: servers stand on a ring at places that follow from their ids alone, as
 * many as their weight says, and a key belongs to the nearest one. Only the keys of a server that
 * comes or goes move. With `hash-balance-factor` a server with more than its share is passed over
 * for the next. Sessions without a key take turns round the ring. A choice costs one binary search;
 * nothing is allocated.
 */
export class HashRing implements Policy {
  readonly #servers: readonly Server[];
  /** Percent; 0 = unbounded. */
  readonly #factor: number;
  /** All places that the servers may come to take, in order of their keys. */
  #all: Place[] = [];
  #capacity = new Map<Server, number>();
  /** The places taken now, and their keys. */
  #places: Place[] = [];
  #keys = new Uint32Array(0);
  /** Sum of the weights before a server's, and in all. */
  readonly #before = new Map<Server, number>();
  #weight = 0;
  /** The place last given to a session without a key. */
  #last: Place | undefined;

  constructor(servers: readonly Server[], factor: number) {
    this.#servers = servers;
    this.#factor = factor;
    this.#draw();
  }

  pick(avoid: Server | undefined, hash: number = NO_HASH): Server | undefined {
    return hash === NO_HASH ? this.#next(avoid) : this.#nearest(hash, avoid);
  }

  changed(): void {
    this.#draw();
  }

  loaded(): void {}

  #nearest(hash: number, avoid: Server | undefined): Server | undefined {
    const { length } = this.#keys;
    if (length === 0) return undefined;
    let next = this.#from(hash);
    if (next === length) next = 0;
    const previous = next === 0 ? length - 1 : next - 1;
    const behind = (hash - this.#keys[previous]!) >>> 0;
    const ahead = (this.#keys[next]! - hash) >>> 0;
    let at = behind <= ahead ? previous : next;
    let server = this.#places[at]!.server;
    const slots = this.#slots(server);
    for (let turns = 0; server === avoid || this.#overloaded(server, slots); ) {
      at += 1;
      if (at === length) {
        at = 0;
        turns += 1;
        if (turns > 1) break;
      }
      server = this.#places[at]!.server;
    }
    return server;
  }

  /** Sessions on the backend, the one to come included, times the factor; 0 without a factor. */
  #slots({ backend }: Server): number {
    if (this.#factor === 0) return 0;
    let served = 0;
    for (const server of backend.servers) served += server.cur;
    return Math.floor(((served + 1) * this.#factor + 99) / 100);
  }

  /** Whether it has its share of the slots; what does not divide goes to servers by weight. */
  #overloaded(server: Server, slots: number): boolean {
    if (slots === 0) return false;
    const weight = server.effectiveWeight;
    const before = this.#before.get(server)!;
    const rest = slots % this.#weight;
    const share =
      weight * Math.floor(slots / this.#weight) +
      Math.floor(((before + weight) * rest) / this.#weight) -
      Math.floor((before * rest) / this.#weight);
    return server.cur >= Math.max(share, 1);
  }

  #next(avoid: Server | undefined): Server | undefined {
    const places = this.#places;
    const { length } = places;
    const start = this.#last ? this.#behind(this.#last) : 0;
    let avoided: Place | undefined;
    for (let step = 0; step < length; step++) {
      const place = places[(start + step) % length]!;
      if (place.server.full) continue;
      if (place.server !== avoid) {
        this.#last = place;
        return place.server;
      }
      avoided = place;
    }
    if (avoided) this.#last = avoided;
    return avoided?.server;
  }

  /** Position of the first taken place whose key is `key` or more. */
  #from(key: number): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Position of the first taken place behind this one, which need not be taken any more. */
  #behind(place: Place): number {
    let at = this.#from(place.key);
    while (at < this.#places.length && byKey(this.#places[at]!, place) <= 0) at += 1;
    return at;
  }

  #draw(): void {
    this.#grow();
    this.#weight = 0;
    for (const server of this.#servers) {
      this.#before.set(server, this.#weight);
      if (server.usable) this.#weight += server.effectiveWeight;
    }
    this.#places = this.#all.filter(
      ({ server, index }) => server.usable && index < server.effectiveWeight,
    );
    this.#keys = Uint32Array.from(this.#places, ({ key }) => key);
  }

  /** Sorts anew only when a server needs more places than it ever had. */
  #grow(): void {
    let grown = false;
    for (const server of this.#servers) {
      const needed = Math.max(server.config.weight, server.weight) * SCALE;
      if (needed <= (this.#capacity.get(server) ?? 0)) continue;
      this.#capacity.set(server, needed);
      grown = true;
    }
    if (!grown) return;
    this.#all = this.#servers
      .flatMap((server) =>
        Array.from({ length: this.#capacity.get(server) ?? 0 }, (_, index) => ({
          key: avalanche(server.config.id * RANGE + index),
          server,
          index,
        })),
      )
      .sort(byKey);
  }
}

const byKey = (a: Place, b: Place): number =>
  a.key - b.key || a.server.config.id - b.server.config.id || a.index - b.index;
