import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { ProxyConfig, ServerConfig } from '../model.ts';
import { createPolicy, isDynamic } from '../policies/create.ts';
import { createHasher, type Hasher } from '../policies/hashing/hasher.ts';
import { type HashSubject, NO_HASH } from '../policies/hashing/subject.ts';
import type { Policy } from '../policies/policy.ts';
import { Counters } from './counters.ts';
import { Place } from './place.ts';
import { Server } from './server.ts';
import * as texts from './texts.ts';
import type { Assignment, AssignOptions, CheckVerdict, EventReport, TurnCause } from './types.ts';
import { waitFor } from './wait.ts';
import { type Waiter, WaitQueue } from './wait-queue.ts';

/** With these a queue at the backend means that every server is full, as HAProxy has it. */
const IN_ORDER: ReadonlySet<string> = new Set(['roundrobin', 'static-rr', 'first']);

/**
 * The servers of one backend (or of the server side of a `listen`), who gets the next session,
 * and who waits. HAProxy's rules: a session waits in the backend's queue while every usable
 * server is full, and in a server's own queue only when it may go nowhere else.
 */
export class Backend {
  readonly config: ProxyConfig;
  #servers: readonly Server[];
  counters = new Counters();
  readonly queue = new WaitQueue();
  /** How often it was left without a usable server, and since when it is as it is (ms epoch). */
  timesDown = 0;
  lastChange: number;
  readonly #report: EventReport;
  #policy: Policy;
  /** Over the backups, where all of them are used (`option allbackups`). */
  #backupPolicy: Policy | undefined;
  readonly #takesTurns: boolean;
  readonly #hasher: Hasher | undefined;
  #downtime = 0;
  #active = 0;
  #backups = 0;
  #firstBackup: Server | undefined;

  constructor(config: ProxyConfig, report: EventReport, now: number = Date.now()) {
    this.config = config;
    this.lastChange = now;
    this.#report = report;
    this.#servers = config.servers.map((server) => new Server(server, this, now));
    this.#count();
    this.#policy = this.#policyOf(false);
    this.#backupPolicy = config.allBackups ? this.#policyOf(true) : undefined;
    this.#takesTurns = IN_ORDER.has(config.balance.name);
    this.#hasher = createHasher(config.balance, config.hash);
  }

  get servers(): readonly Server[] {
    return this.#servers;
  }

  /** Adds a server while sessions come; it begins in maintenance. */
  add(config: ServerConfig): Server {
    const server = new Server({ ...config, disabled: true }, this, Date.now());
    server.dynamic = true;
    this.#changeServers([...this.#servers, server]);
    return server;
  }

  /** Takes a server out that has no sessions. */
  remove(server: Server): void {
    this.#changeServers(this.#servers.filter((one) => one !== server));
    server.close();
  }

  #changeServers(servers: readonly Server[]): void {
    this.#servers = servers;
    this.#count();
    this.#policy = this.#policyOf(false);
    if (this.config.allBackups) this.#backupPolicy = this.#policyOf(true);
  }

  /**
   * Goes on from where the backend of this name stood before a reload: its counters, its servers
   * as far as they stay, and those who wait.
   */
  takeOver(previous: Backend): void {
    this.counters = previous.counters;
    this.timesDown = previous.timesDown;
    this.#downtime = previous.#downtime;
    for (const server of this.#servers) {
      const before = previous.servers.find(({ config: { name } }) => name === server.config.name);
      if (before) server.takeOver(before);
    }
    if (this.usable === previous.usable) this.lastChange = previous.lastChange;
    else if (this.usable) this.#downtime += Date.now() - previous.lastChange;
    this.#takeWaiters(previous);
  }

  /** Those who waited in the queues of `previous` wait here, or get a place at once. */
  #takeWaiters(previous: Backend): void {
    for (const queue of [previous.queue, ...previous.servers.map((server) => server.queue)]) {
      for (let waiter = queue.first; waiter; waiter = queue.first) {
        previous.#unlink(waiter);
        const { owner } = queue;
        // Whose own server is gone takes any.
        const stays = owner !== undefined && owner.current !== owner;
        this.#enter(stays ? owner.current.queue : this.queue, waiter);
      }
    }
    for (const server of this.#servers) if (server.usable) this.#serve(server);
  }

  /** Whether weights may change while it runs, other than to 0 and back. */
  get dynamic(): boolean {
    return isDynamic(this.config.balance, this.config.hash);
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
    const backup = this.#active === 0;
    if (backup && !this.#backupPolicy) return this.#firstBackup?.weight ?? 0;
    let sum = 0;
    for (const server of this.servers) {
      if (server.usable && server.config.backup === backup) sum += server.weight;
    }
    return sum;
  }

  /** Milliseconds without a usable server, up to now. */
  downtime(now: number = Date.now()): number {
    return this.usable ? this.#downtime : this.#downtime + (now - this.lastChange);
  }

  /** What stands for the session's key in `tryAssign` and `enqueue`; NO_HASH without one. */
  hash(subject: HashSubject): number {
    return this.#hasher ? this.#hasher(subject) : NO_HASH;
  }

  /** Whether `hash` looks at anything. */
  get hashes(): boolean {
    return this.#hasher !== undefined;
  }

  /** A server took this long to answer. */
  observed(server: Server, milliseconds: number): void {
    this.#policyFor(server)?.observed?.(server, milliseconds);
  }

  /**
   * Takes a place on a server for one session: at once where there is one, else when one frees.
   * Throws NO_SERVER; rejects with NO_SERVER, QUEUE_FULL (`maxqueue`), QUEUE_TIMEOUT (`timeout
   * queue`, or `timeout connect` where that is unset) or QUEUE_ABORTED (the signal).
   */
  assign(options?: AssignOptions): Assignment | Promise<Assignment> {
    return this.tryAssign(options?.avoid, options?.hash) ?? this.enqueue(options);
  }

  /** A place that is free now, or undefined when the session has to wait. Throws NO_SERVER. */
  tryAssign(avoid: Server | undefined, hash: number = NO_HASH): Assignment | undefined {
    const server = this.#choose(avoid, hash);
    if (!server || server.full) return undefined;
    this.#balanced(server, avoid);
    return this.#seat(server);
  }

  /** A place on the one server that the session belongs to, or undefined when it has to wait. */
  tryAssignTo(server: Server): Assignment | undefined {
    return server.full ? undefined : this.#seat(server);
  }

  /**
   * Waits for a place on that one server, or on any where its queue is full and `option
   * redispatch` is set; rejects as `assign` does.
   */
  enqueueFor(server: Server, options?: AssignOptions): Promise<Assignment> | Assignment {
    if (server.queueFull && this.config.redispatch !== undefined) return this.assign(options);
    return this.#waitAt(server, options);
  }

  /** Waits for a place; rejects as `assign` does. */
  enqueue(options: AssignOptions = {}): Promise<Assignment> {
    const { avoid, hash = NO_HASH } = options;
    // Who has a place of its own waits for that one, and everybody for the only backup.
    const own = hash !== NO_HASH || this.#onlyBackup !== undefined;
    const server = own && this.usable ? this.#choose(avoid, hash) : undefined;
    if (!server) return this.#wait(this.queue, options);
    this.#balanced(server, avoid);
    return this.#waitAt(server, options);
  }

  /** A place was given back: whoever waited longest, for that server or for any, gets it. */
  released(server: Server): void {
    this.#policyFor(server)?.loaded(server);
    // The session that ends still counts, as in HAProxy.
    if (this.queue.length > 0 || server.queue.length > 0) this.#serve(server, 1);
  }

  /** A server went up or down, left balancing or came back. */
  serverTurned(server: Server, wasUsable: boolean, cause: TurnCause = 'check'): void {
    const hadSome = this.usable;
    this.#count();
    if (server.usable !== wasUsable) this.#policyFor(server)?.changed(server);
    const requeued = server.usable ? this.#serve(server) : this.#redistribute(server);
    const [level, message] = texts.turned(server, requeued, cause);
    this.#report(level, message);
    if (this.usable === hadSome) return;
    const now = Date.now();
    if (this.usable) this.#downtime += now - this.lastChange;
    else {
      this.timesDown += 1;
      this.#report('emerg', texts.noServerLeft(this), texts.noServerLeft(this, "'"));
    }
    this.lastChange = now;
  }

  /** It starts in another state than the configured one. */
  serverRestored(server: Server): void {
    this.#count();
    this.#policyFor(server)?.changed(server);
  }

  /** Its weight or limit changed: what it may take now is given out. */
  serverRetuned(server: Server): void {
    this.#count();
    this.#policyFor(server)?.changed(server);
    this.#serve(server);
  }

  /** Tells of a check's result where `option log-health-checks` asks for it. */
  checkLogged(server: Server, verdict: CheckVerdict, changed: boolean): void {
    if (!this.config.options.logHealthChecks || !changed) return;
    this.#report('notice', texts.checkResult(server, verdict));
  }

  /** The same of its agent. */
  agentLogged(server: Server): void {
    if (this.config.options.logHealthChecks) this.#report('notice', texts.agentResult(server));
  }

  /** Refuses everybody who waits; for the end of the process. */
  dismiss(error: Error): void {
    for (const server of this.servers) server.close();
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
    this.#policyFor(server)?.loaded(server);
    return new Place(server, now, waiter);
  }

  #balanced(server: Server, previous: Server | undefined): void {
    if (server === previous) return;
    server.counters.lbtot += 1;
    this.counters.lbtot += 1;
  }

  #waitAt(server: Server, options: AssignOptions = {}): Promise<Assignment> {
    options.chosen?.(server);
    return server.queueFull
      ? Promise.reject(this.#queueFull(server))
      : this.#wait(server.queue, options);
  }

  #wait(queue: WaitQueue, options: AssignOptions = {}): Promise<Assignment> {
    const { queue: own, connect } = this.config.timeouts;
    const host = {
      name: this.config.name,
      limit: own ?? connect,
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
  }

  #leave(waiter: Waiter): void {
    this.#unlink(waiter);
    waiter.left?.(waiter.serverQueue, waiter.backendQueue);
    waiter.settle();
  }

  #countersOf(queue: WaitQueue): Counters {
    return (queue.owner ?? this).counters;
  }

  #loadedBy({ owner }: WaitQueue): void {
    if (owner) this.#policyFor(owner)?.loaded(owner);
  }

  /** Gives the free places of a server to those who wait; returns how many got one. */
  #serve(server: Server, ending = 0): number {
    let served = 0;
    for (;;) {
      const limit = server.limitAt(this.counters.scur + ending);
      if (!server.running || (limit !== undefined && server.cur >= limit)) break;
      const own = server.queue.first;
      const open = server.usable && this.#inUse(server);
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

  /** Whether balancing uses servers of its kind now. */
  #inUse(server: Server): boolean {
    if (!server.config.backup) return true;
    return this.#active === 0 && (!this.#onlyBackup || server === this.#onlyBackup);
  }

  /** The backup that everybody goes to. */
  get #onlyBackup(): Server | undefined {
    return this.#active === 0 && !this.#backupPolicy ? this.#firstBackup : undefined;
  }

  /** Whose turn it is, full or not; undefined where any free place would do and none is. */
  #choose(avoid: Server | undefined, hash: number): Server | undefined {
    // Nobody overtakes those who wait for any server.
    if (this.#takesTurns && this.queue.length > 0 && !this.#onlyBackup) return undefined;
    if (this.#active > 0) return this.#policy.pick(avoid, hash);
    if (!this.#firstBackup) throw this.#noServer();
    return this.#backupPolicy ? this.#backupPolicy.pick(avoid, hash) : this.#firstBackup;
  }

  #policyOf(backup: boolean): Policy {
    const { balance, hash } = this.config;
    const servers = this.servers.filter((server) => server.config.backup === backup);
    return createPolicy(balance, hash, servers);
  }

  #policyFor(server: Server): Policy | undefined {
    return server.config.backup ? this.#backupPolicy : this.#policy;
  }

  /**
   * Those who waited for a server that is gone look for another where `option redispatch` lets
   * them; returns how many there were.
   */
  #redistribute(gone: Server): number {
    if (this.config.redispatch === undefined || this.config.persist) return 0;
    let moved = 0;
    for (let waiter = gone.queue.first; waiter; waiter = gone.queue.first) {
      this.#unlink(waiter);
      moved += 1;
      if (!this.usable) {
        waiter.settle();
        waiter.refuse(this.#noServer());
        continue;
      }
      const server = this.#choose(waiter.avoid, waiter.hash);
      if (server && !server.full) {
        waiter.settle();
        this.#balanced(server, undefined);
        waiter.grant(this.#seat(server, waiter));
      } else {
        this.#enter(server?.queue ?? this.queue, waiter);
      }
    }
    return moved;
  }

  #queueFull(server: Server): BrambleError {
    const message = `${this.config.name}/${server.config.name}: its queue is full`;
    return new BrambleError(ERROR_CODES.QUEUE_FULL, message);
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
