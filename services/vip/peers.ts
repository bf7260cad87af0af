import type { Heartbeat } from './heartbeat.ts';

interface Peer {
  readonly name: string;
  incarnation: string;
  count: number;
  heardAt: number;
  hearsUs: boolean;
  serves: boolean;
}

/**
 * The other nodes, as their heartbeats show them. One is reached when it was heard a short while
 * ago and said that it hears us: a link that carries only one way is none. Times are those of one
 * monotonic clock, in milliseconds.
 */
export class Peers {
  readonly #own: string;
  readonly #lost: number;
  readonly #peers: Map<string, Peer>;

  constructor(own: string, names: readonly string[], lost: number) {
    this.#own = own;
    this.#lost = lost;
    this.#peers = new Map(
      names.map((name) => [
        name,
        { name, incarnation: '', count: 0, heardAt: -Infinity, hearsUs: false, serves: false },
      ]),
    );
  }

  /** Takes a heartbeat in. False where it is none of a peer, or an old one. */
  hear({ node, incarnation, count, serves, hears }: Heartbeat, now: number): boolean {
    const peer = this.#peers.get(node);
    if (peer === undefined) return false;
    if (peer.incarnation === incarnation && count <= peer.count) return false;
    peer.incarnation = incarnation;
    peer.count = count;
    peer.heardAt = now;
    peer.hearsUs = hears.includes(this.#own);
    peer.serves = serves;
    return true;
  }

  /** Names of those that are heard, for our own heartbeats. */
  heard(now: number): string[] {
    return [...this.#peers.values()]
      .filter((peer) => this.#isHeard(peer, now))
      .map(({ name }) => name);
  }

  /** How many are reached. */
  reached(now: number): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (this.#isReached(peer, now)) count++;
    return count;
  }

  /** Whether one that is reached can serve clients. */
  serves(now: number): boolean {
    for (const peer of this.#peers.values()) {
      if (peer.serves && this.#isReached(peer, now)) return true;
    }
    return false;
  }

  get size(): number {
    return this.#peers.size;
  }

  list(now: number): { name: string; reached: boolean; serves: boolean }[] {
    return [...this.#peers.values()].map((peer) => {
      const reached = this.#isReached(peer, now);
      return { name: peer.name, reached, serves: reached && peer.serves };
    });
  }

  #isHeard(peer: Peer, now: number): boolean {
    return now - peer.heardAt < this.#lost;
  }

  #isReached(peer: Peer, now: number): boolean {
    return peer.hearsUs && this.#isHeard(peer, now);
  }
}
