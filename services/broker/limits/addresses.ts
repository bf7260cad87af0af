import { isIPv6 } from 'node:net';
import { TokenBucket } from './token-bucket.ts';

/** What is known of one address while it has connections or has had some just now. */
export interface AddressState {
  readonly key: string;
  connections: number;
  halfOpen: number;
  readonly bucket: TokenBucket;
}

/** Addresses remembered at most; beyond, those without connections are forgotten. */
const ADDRESSES_MAX = 20_000;

/**
 * What a limit by address counts: the address, or the network of an IPv6 one. A /64 is one home
 * (RFC 6177), whose every machine may take as many addresses as it likes.
 */
export function addressKey(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('%', 1)[0]!.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const right = tail === '' ? [] : tail.split(':');
    while (left.length + right.length < 8) left.push('0');
    left.push(...right);
  }
  const network = left.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** Connections and their rate by address, bounded in number. */
export class Addresses {
  readonly #states = new Map<string, AddressState>();

  get size(): number {
    return this.#states.size;
  }

  get(key: string): AddressState | undefined {
    return this.#states.get(key);
  }

  enter(key: string): AddressState {
    let state = this.#states.get(key);
    if (state === undefined) {
      if (this.#states.size >= ADDRESSES_MAX) this.#forgetIdle();
      state = { key, connections: 0, halfOpen: 0, bucket: new TokenBucket() };
      this.#states.set(key, state);
    }
    state.connections++;
    return state;
  }

  /** Forgets addresses without connections whose bucket is full again. */
  sweep(now: number, rate: number, burst: number): void {
    for (const [key, state] of this.#states) {
      if (state.connections === 0 && state.bucket.isFull(now, rate, burst)) {
        this.#states.delete(key);
      }
    }
  }

  #forgetIdle(): void {
    for (const [key, { connections }] of this.#states) {
      if (connections === 0) this.#states.delete(key);
    }
  }
}
