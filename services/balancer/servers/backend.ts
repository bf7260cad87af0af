import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { ProxyConfig } from '../model.ts';
import { createPolicy } from '../policies/create.ts';
import type { Policy } from '../policies/policy.ts';
import { Counters } from './counters.ts';
import { Place } from './place.ts';
import { Server } from './server.ts';
import * as texts from './texts.ts';
import type { Assignment, AssignOptions, CheckVerdict, EventReport } from './types.ts';
import { type Waiter, WaitQueue } from './wait-queue.ts';

let order = 0;

/**
 * The servers of one backend (or of the server side of a `listen`), who gets the next session,
 * and who waits. HAProxy's rules: a session waits in the backend's queue while every usable
 * server is full, and in a server's own queue only when it may go nowhere else.
 */
export class Backend {
  readonly config: ProxyConfig;
  readonly servers: readonly Server[];
  readonly counters = new Counters();
  readonly queue = new WaitQueue();
  /** How often it was left without a usable server, and since when it is as it is (ms epoch). */
  timesDown = 0;
  lastChange: number;
  readonly #report: EventReport;
  readonly #policy: Policy;
  #downtime = 0;
  #active = 0;
  #backups = 0;
  #firstBackup: Server | undefined;

  constructor(config: ProxyConfig, report: EventReport, now: number = Date.now()) {
    this.config = config;
    this.lastChange = now;
    this.#report = report;
    this.servers = config.servers.map((server) => new Server(server, this, now));
    this.#count();
    this.#policy = createPolicy(
      config.balance,
      this.servers.filter((server) => !server.config.backup),
    );
  }

  /** Usable servers, those marked `backup` apart. */
  get active(): number {
    return this.#active;
  }

  get backups(): number {
    return this.#backups;
  }

  get usable(): boolean {
    return this.#active + this.#backups > 0;
  }

  /** Sum of the weights of the servers that balancing uses now. */
  get weight(): number {
    if (this.#active === 0) return this.#firstBackup?.weight ?? 0;
    let sum = 0;
    for (const server of this.servers) {
      if (server.usable && !server.config.backup) sum += server.weight;
    }
    return sum;
  }

  /** Milliseconds without a usable server, up to now. */
  downtime(now: number = Date.now()): number {
    return this.usable ? this.#downtime : this.#downtime + (now - this.lastChange);
  }

  /**
   * Takes a place on a server for one session: at once where there is one, else when one frees.
   * Throws NO_SERVER; rejects with NO_SERVER, QUEUE_TIMEOUT (`timeout queue`, or `timeout
   * connect` where that is unset) or QUEUE_ABORTED (the signal).
   */
  assign(options?: AssignOptions): Assignment | Promise<Assignment> {
    return this.tryAssign(options?.avoid) ?? this.enqueue(options);
  }

  /** A place that is free now, or undefined when the session has to wait. Throws NO_SERVER. */
  tryAssign(avoid: Server | undefined): Assignment | undefined {
    if (this.#active > 0) {
      const server = this.#policy.pick(avoid);
      if (!server) return undefined;
      this.#balanced(server, avoid);
      return this.#seat(server);
    }
    const backup = this.#firstBackup;
    if (!backup) throw this.#noServer();
    if (backup.full) return undefined;
    this.#balanced(backup, avoid);
    return this.#seat(backup);
  }

  /** A place on the one server that the session belongs to, or undefined when it has to wait. */
  tryAssignTo(server: Server): Assignment | undefined {
    return server.full ? undefined : this.#seat(server);
  }

  /** Waits for a place on that one server; rejects as `assign` does. */
  enqueueFor(server: Server, options?: AssignOptions): Promise<Assignment> {
    return this.#wait(server.queue, options);
  }

  /** Waits for a place; rejects as `assign` does. */
  enqueue(options?: AssignOptions): Promise<Assignment> {
    const backup = this.#choiceWithoutActive();
    return this.#wait(backup?.queue ?? this.queue, options);
  }

  /** A place was given back: whoever waited longest, for that server or for any, gets it. */
  released(server: Server): void {
    this.#policy.loaded(server);
    if (this.queue.length > 0 || server.queue.length > 0) this.#serve(server);
  }

  /** A server went up or down, left balancing or came back. */
  serverTurned(server: Server, wasUsable: boolean): void {
    const hadSome = this.usable;
    this.#count();
    if (server.usable !== wasUsable) this.#policy.changed(server);
    const requeued = server.running ? this.#serve(server) : this.#redistribute(server);
    this.#report(
      server.running ? 'notice' : 'alert',
      server.running ? texts.serverUp(server, requeued) : texts.serverDown(server, requeued),
    );
    if (this.usable === hadSome) return;
    const now = Date.now();
    if (this.usable) this.#downtime += now - this.lastChange;
    else {
      this.timesDown += 1;
      this.#report('emerg', texts.noServerLeft(this), texts.noServerLeft(this, "'"));
    }
    this.lastChange = now;
  }

  /** Tells of a check's result where `option log-health-checks` asks for it. */
  checkLogged(server: Server, verdict: CheckVerdict, changed: boolean): void {
    if (!this.config.options.logHealthChecks || !changed) return;
    this.#report('notice', texts.checkResult(server, verdict));
  }

  /** Refuses everybody who waits; for the end of the process. */
  dismiss(error: Error): void {
    for (const queue of [this.queue, ...this.servers.map((server) => server.queue)]) {
      for (let waiter = queue.first; waiter; waiter = queue.first) {
        this.#leave(waiter);
        waiter.refuse(error);
      }
    }
  }

  #seat(server: Server, waiter?: Waiter): Assignment {
    const now = Date.now();
    server.counters.sessionStarted(now);
    server.counters.lastSession = now;
    this.counters.lastSession = now;
    this.#policy.loaded(server);
    return new Place(server, now, waiter);
  }

  #balanced(server: Server, previous: Server | undefined): void {
    if (server === previous) return;
    server.counters.lbtot += 1;
    this.counters.lbtot += 1;
  }

  #wait(queue: WaitQueue, options: AssignOptions = {}): Promise<Assignment> {
    const { avoid, signal, left } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Assignment>();
    const abort = (): void => {
      this.#leave(waiter);
      reject(new BrambleError(ERROR_CODES.QUEUE_ABORTED, `${this.config.name}: left the queue`));
    };
    const expire = (): void => {
      this.#leave(waiter);
      reject(
        new BrambleError(
          ERROR_CODES.QUEUE_TIMEOUT,
          `${this.config.name}: no place on a server within ${limit} ms`,
        ),
      );
    };
    const limit = this.config.timeouts.queue ?? this.config.timeouts.connect;
    const timer = limit === undefined ? undefined : setTimeout(expire, limit);
    const waiter: Waiter = {
      order: order++,
      since: Date.now(),
      servedBefore: queue.served,
      serverQueue: 0,
      backendQueue: 0,
      left,
      avoid,
      grant: resolve,
      refuse: reject,
      settle: () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      },
      queue: undefined,
      previous: undefined,
      next: undefined,
    };
    this.#enter(queue, waiter);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    return promise;
  }

  #enter(queue: WaitQueue, waiter: Waiter): void {
    waiter.servedBefore = queue.served;
    queue.push(waiter);
    this.#countersOf(queue).queued();
    this.#loadedBy(queue);
  }

  #unlink(waiter: Waiter): void {
    const { queue } = waiter;
    if (!queue) return;
    const position = queue.positionOf(waiter);
    if (queue === this.queue) waiter.backendQueue += position;
    else waiter.serverQueue += position;
    queue.remove(waiter);
    this.#countersOf(queue).unqueued();
    this.#loadedBy(queue);
  }

  #leave(waiter: Waiter): void {
    this.#unlink(waiter);
    waiter.left?.(waiter.serverQueue, waiter.backendQueue);
    waiter.settle();
  }

  #ownerOf(queue: WaitQueue): Server | undefined {
    return queue === this.queue ? undefined : this.servers.find((server) => server.queue === queue);
  }

  #countersOf(queue: WaitQueue): Counters {
    return this.#ownerOf(queue)?.counters ?? this.counters;
  }

  #loadedBy(queue: WaitQueue): void {
    const server = this.#ownerOf(queue);
    if (server && !server.config.backup) this.#policy.loaded(server);
  }

  /** Gives the free places of a server to those who wait; returns how many got one. */
  #serve(server: Server): number {
    const { maxconn, backup } = server.config;
    let served = 0;
    while (server.running && (maxconn === undefined || server.cur < maxconn)) {
      const own = server.queue.first;
      const open = server.usable && (!backup || server === this.#choiceWithoutActive());
      const any = open ? this.queue.first : undefined;
      const waiter = !own ? any : !any || own.order < any.order ? own : any;
      if (!waiter) break;
      const { queue } = waiter;
      this.#leave(waiter);
      if (queue) queue.served += 1;
      waiter.grant(this.#seat(server, waiter));
      served += 1;
    }
    return served;
  }

  #choiceWithoutActive(): Server | undefined {
    return this.#active === 0 ? this.#firstBackup : undefined;
  }

  /** Those who waited for a server that is gone look for another; returns how many there were. */
  #redistribute(gone: Server): number {
    let moved = 0;
    for (let waiter = gone.queue.first; waiter; waiter = gone.queue.first) {
      this.#unlink(waiter);
      moved += 1;
      const server = this.#active > 0 ? this.#policy.pick(waiter.avoid) : this.#firstBackup;
      if (server && !server.full) {
        waiter.settle();
        this.#balanced(server, undefined);
        waiter.grant(this.#seat(server, waiter));
      } else if (server || this.#active > 0) {
        this.#enter(server?.queue ?? this.queue, waiter);
      } else {
        waiter.settle();
        waiter.refuse(this.#noServer());
      }
    }
    return moved;
  }

  #noServer(): BrambleError {
    return new BrambleError(ERROR_CODES.NO_SERVER, `${this.config.name} has no usable server`);
  }

  #count(): void {
    this.#active = 0;
    this.#backups = 0;
    this.#firstBackup = undefined;
    for (const server of this.servers) {
      if (!server.usable) continue;
      if (!server.config.backup) this.#active += 1;
      else {
        this.#backups += 1;
        this.#firstBackup ??= server;
      }
    }
  }
}
