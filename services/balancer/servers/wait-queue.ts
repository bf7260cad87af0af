import type { Server } from './server.ts';
import type { Assignment } from './types.ts';

/** A session that waits for a place on a server. */
export interface Waiter {
  /** Rises with every waiter of the process: who has waited longest has the lowest. */
  readonly order: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** The queue's `served` when this one joined. */
  servedBefore: number;
  /** Positions in the queues that it has left, so far. */
  serverQueue: number;
  backendQueue: number;
  /** Told on leaving, whichever way. */
  readonly left: ((serverQueue: number, backendQueue: number) => void) | undefined;
  /** Tried before, and not wanted again while there is another. */
  readonly avoid: Server | undefined;
  /** Of its key, or NO_HASH. */
  readonly hash: number;
  readonly grant: (assignment: Assignment) => void;
  readonly refuse: (error: Error) => void;
  /** Frees the timer and the abort listener. */
  settle: () => void;
  queue: WaitQueue | undefined;
  previous: Waiter | undefined;
  next: Waiter | undefined;
}

/** First in, first out; a waiter can leave from the middle at the same cost. */
export class WaitQueue {
  /** Whose queue it is; undefined = the backend's. */
  readonly owner: Server | undefined;
  length = 0;
  /** How many got what they waited for. */
  served = 0;
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  constructor(owner?: Server) {
    this.owner = owner;
  }

  get first(): Waiter | undefined {
    return this.#first;
  }

  push(waiter: Waiter): void {
    waiter.queue = this;
    waiter.previous = this.#last;
    waiter.next = undefined;
    if (this.#last) this.#last.next = waiter;
    else this.#first = waiter;
    this.#last = waiter;
    this.length += 1;
  }

  /** How many were served while this one waited, itself included: HAProxy's queue position. */
  positionOf(waiter: Waiter): number {
    return this.served - waiter.servedBefore + 1;
  }

  remove(waiter: Waiter): void {
    if (waiter.queue !== this) return;
    if (waiter.previous) waiter.previous.next = waiter.next;
    else this.#first = waiter.next;
    if (waiter.next) waiter.next.previous = waiter.previous;
    else this.#last = waiter.previous;
    waiter.queue = undefined;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.length -= 1;
  }
}
