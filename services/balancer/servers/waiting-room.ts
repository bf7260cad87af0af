import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { ProxyConfig } from '../model.ts';
import type { Counters } from './counters.ts';
import type { Selection } from './selection.ts';
import type { Server } from './server.ts';
import type { Sharing } from './sharing.ts';
import type { Assignment, AssignOptions } from './types.ts';
import { waitFor } from './wait.ts';
import { type Waiter, WaitQueue } from './wait-queue.ts';

/** How often a place may be passed on between workers that cannot use it. */
const MOST_HOPS = 64;

/** Whose sessions wait. */
export interface WaitingHost {
  readonly config: ProxyConfig;
  readonly counters: Counters;
  readonly servers: readonly Server[];
  readonly selection: Selection;
  readonly sharing: Sharing | undefined;
  /** Gives a session its place on the server. */
  seat(server: Server, waiter: Waiter): Assignment;
  /** Balancing chose the server, and not the session. */
  balanced(server: Server, previous: Server | undefined): void;
}

/**
 * Who waits for a place in a backend. HAProxy's rules: a session waits in the backend's queue while
 * every usable server is full, and in a server's own queue only when it may go nowhere else.
 */
export class WaitingRoom {
  /** Sessions that take a place on any server. */
  readonly queue = new WaitQueue();
  readonly #host: WaitingHost;

  constructor(host: WaitingHost) {
    this.#host = host;
  }

  /** Waits for any server; rejects as `Backend.assign` does. */
  wait(options: AssignOptions = {}): Promise<Assignment> {
    return this.#wait(this.queue, options);
  }

  /** Waits for that server. */
  waitAt(server: Server, options: AssignOptions = {}): Promise<Assignment> {
    options.chosen?.(server);
    return server.queueFull
      ? Promise.reject(this.#queueFull(server))
      : this.#wait(server.queue, options);
  }

  /** Those who waited in the queues of `previous` wait here, or get a place at once. */
  takeOver(previous: WaitingRoom): void {
    for (const queue of previous.#queues) {
      for (let waiter = queue.first; waiter; waiter = queue.first) {
        previous.#unlink(waiter);
        const { owner } = queue;
        // Whose own server is gone takes any.
        const stays = owner !== undefined && owner.current !== owner;
        this.#enter(stays ? owner.current.queue : this.queue, waiter);
      }
    }
    for (const server of this.#host.servers) if (server.usable) this.serve(server);
  }

  /** Gives the free places of a server to those who wait; returns how many got one. */
  serve(server: Server, ending = 0): number {
    const { counters, selection } = this.#host;
    let served = 0;
    for (;;) {
      const limit = server.limitAt(counters.present + ending);
      if (!server.running || (limit !== undefined && server.cur >= limit)) break;
      const own = server.queue.first;
      const open = server.usable && selection.uses(server);
      const any = open ? this.queue.first : undefined;
      const waiter = !own ? any : !any || own.order < any.order ? own : any;
      if (!waiter || !server.take(limit)) break;
      const { queue } = waiter;
      this.#leave(waiter);
      if (queue) queue.served += 1;
      waiter.grant(this.#host.seat(server, waiter));
      served += 1;
    }
    return served;
  }

  /**
   * Those who waited for a server that is gone look for another where `option redispatch` lets
   * them; returns how many there were.
   */
  redistribute(gone: Server): number {
    const { config, selection } = this.#host;
    if (config.redispatch === undefined || config.persist) return 0;
    let moved = 0;
    for (let waiter = gone.queue.first; waiter; waiter = gone.queue.first) {
      this.#unlink(waiter);
      moved += 1;
      if (!selection.usable) {
        waiter.settle();
        waiter.refuse(selection.noServer());
        continue;
      }
      const server = selection.choose(waiter.avoid, waiter.hash, this.#host.counters.waiting);
      if (server && !server.full && server.take()) {
        waiter.settle();
        this.#host.balanced(server, undefined);
        waiter.grant(this.#host.seat(server, waiter));
      } else {
        this.#enter(server?.queue ?? this.queue, waiter);
      }
    }
    return moved;
  }

  /** Refuses everybody who waits. */
  dismiss(error: Error): void {
    for (const queue of this.#queues) {
      for (let waiter = queue.first; waiter; waiter = queue.first) {
        this.#leave(waiter);
        waiter.refuse(error);
      }
    }
  }

  get #queues(): readonly WaitQueue[] {
    return [this.queue, ...this.#host.servers.map((server) => server.queue)];
  }

  #wait(queue: WaitQueue, options: AssignOptions): Promise<Assignment> {
    const { name, timeouts } = this.#host.config;
    const host = {
      name,
      limit: timeouts.queue ?? timeouts.connect,
      enter: (waiter: Waiter) => this.#enter(queue, waiter),
      leave: (waiter: Waiter) => this.#leave(waiter),
    };
    return waitFor(host, options);
  }

  #enter(queue: WaitQueue, waiter: Waiter): void {
    waiter.servedBefore = queue.served;
    queue.push(waiter);
    this.#countersOf(queue).queued();
    this.#loadedBy(queue);
    if (!this.#host.sharing) return;
    this.#tellOthers(queue);
    // Another worker may have freed a place just before it could know of this one.
    setImmediate(() => {
      if (waiter.queue) this.#look(waiter.queue);
    });
  }

  /** Whether a place on the server is free, whoever waits for it. */
  hasRoom(server: Server): boolean {
    const limit = server.limitAt(this.#host.counters.present);
    return server.running && (limit === undefined || server.cur < limit);
  }

  #look({ owner }: WaitQueue): void {
    if (owner) this.serve(owner);
    else for (const server of this.#host.servers) if (server.usable) this.serve(server);
  }

  /** Since when who is first has waited. */
  #tellOthers(queue: WaitQueue): void {
    this.#countersOf(queue).longestWait = queue.first?.since ?? 0;
  }

  /**
   * Leaves a place on the server to whoever has waited longest, in whichever worker; false when
   * that is one of ours, or nobody.
   */
  passOn(server: Server, hops: number): boolean {
    const { sharing, counters, selection } = this.#host;
    if (!sharing || hops > MOST_HOPS) return false;
    const open = server.usable && selection.uses(server);
    const own = Math.min(
      server.queue.first?.since ?? Number.POSITIVE_INFINITY,
      (open && this.queue.first?.since) || Number.POSITIVE_INFINITY,
    );
    const here = server.counters.elder(own);
    const any = open ? counters.elder(here?.since ?? own) : undefined;
    const elder = any ?? here;
    if (!elder) return false;
    sharing.ring(elder.row, server, hops);
    return true;
  }

  #unlink(waiter: Waiter): void {
    const { queue } = waiter;
    if (!queue) return;
    const position = queue.positionOf(waiter);
    if (queue.owner === undefined) waiter.backendQueue += position;
    else waiter.serverQueue += position;
    queue.remove(waiter);
    this.#countersOf(queue).unqueued();
    this.#loadedBy(queue);
    if (this.#host.sharing) this.#tellOthers(queue);
  }

  #leave(waiter: Waiter): void {
    this.#unlink(waiter);
    waiter.left?.(waiter.serverQueue, waiter.backendQueue);
    waiter.settle();
  }

  #countersOf(queue: WaitQueue): Counters {
    return (queue.owner ?? this.#host).counters;
  }

  #loadedBy({ owner }: WaitQueue): void {
    if (owner) this.#host.selection.policyFor(owner)?.loaded(owner);
  }

  #queueFull(server: Server): BrambleError {
    const message = `${this.#host.config.name}/${server.config.name}: its queue is full`;
    return new BrambleError(ERROR_CODES.QUEUE_FULL, message);
  }
}
