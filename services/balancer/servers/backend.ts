import type { ProxyConfig, ServerConfig } from '../model.ts';
import { isDynamic } from '../policies/create.ts';
import { createHasher, type Hasher } from '../policies/hashing/hasher.ts';
import { type HashSubject, NO_HASH } from '../policies/hashing/subject.ts';
import { eventDate } from '../tcp/event-clock.ts';
import { Counters } from './counters.ts';
import { Place } from './place.ts';
import { Selection } from './selection.ts';
import { Server } from './server.ts';
import type { Sharing } from './sharing.ts';
import * as texts from './texts.ts';
import type { Assignment, AssignOptions, CheckVerdict, EventReport, TurnCause } from './types.ts';
import type { Waiter, WaitQueue } from './wait-queue.ts';
import { type WaitingHost, WaitingRoom } from './waiting-room.ts';

/**
 * The servers of one backend (or of the server side of a `listen`), the places on them, and what
 * their turns mean for all of it.
 */
export class Backend implements WaitingHost {
  readonly config: ProxyConfig;
  #servers: readonly Server[];
  counters: Counters;
  /** What it has in common with its like in other workers. */
  readonly sharing: Sharing | undefined;
  /** How often it was left without a usable server, and since when it is as it is (ms epoch). */
  timesDown = 0;
  lastChange: number;
  readonly selection: Selection;
  readonly #report: EventReport;
  readonly #waiting = new WaitingRoom(this);
  readonly #hasher: Hasher | undefined;
  /** Where everything goes in place of servers. */
  readonly #elsewhere: Server | undefined;
  #downtime = 0;

  constructor(
    config: ProxyConfig,
    report: EventReport,
    now: number = Date.now(),
    sharing?: Sharing,
  ) {
    this.config = config;
    this.sharing = sharing;
    this.counters = sharing?.counters(`backend ${config.name}`) ?? new Counters();
    this.lastChange = now;
    this.#report = report;
    this.#servers = config.servers.map((server) => new Server(server, this, now));
    this.#elsewhere = config.dispatch && new Server(config.dispatch, this, now);
    this.selection = new Selection(config, this.#servers);
    this.#hasher = createHasher(config.balance, config.hash);
  }

  /** Sessions that wait for a place on any server. */
  get queue(): WaitQueue {
    return this.#waiting.queue;
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
    this.selection.replace(servers);
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
    this.#waiting.takeOver(previous.#waiting);
  }

  /** Whether weights may change while it runs, other than to 0 and back. */
  get dynamic(): boolean {
    return isDynamic(this.config.balance, this.config.hash);
  }

  /** Usable servers, those marked `backup` apart. */
  get active(): number {
    return this.selection.active;
  }

  get backups(): number {
    return this.selection.backups;
  }

  get usable(): boolean {
    return this.selection.usable;
  }

  /** Sum of the weights of the servers that balancing uses now. */
  get weight(): number {
    return this.selection.weight;
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
    this.selection.policyFor(server)?.observed?.(server, milliseconds);
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
    if (this.#elsewhere) return this.tryAssignTo(this.#elsewhere);
    const server = this.selection.choose(avoid, hash, this.counters.waiting);
    if (!server || server.full || !server.take()) return undefined;
    this.balanced(server, avoid);
    return this.seat(server);
  }

  /** A place on the one server that the session belongs to, or undefined when it has to wait. */
  tryAssignTo(server: Server): Assignment | undefined {
    return server.full || !server.take() ? undefined : this.seat(server);
  }

  /**
   * Waits for a place on that one server, or on any where its queue is full and `option
   * redispatch` is set; rejects as `assign` does.
   */
  enqueueFor(server: Server, options?: AssignOptions): Promise<Assignment> | Assignment {
    if (server.queueFull && this.config.redispatch !== undefined) return this.assign(options);
    return this.#waiting.waitAt(server, options);
  }

  /** Waits for a place; rejects as `assign` does. */
  enqueue(options: AssignOptions = {}): Promise<Assignment> {
    const { avoid, hash = NO_HASH } = options;
    // Who has a place of its own waits for that one, and everybody for the only backup.
    const { selection, counters } = this;
    const own = hash !== NO_HASH || selection.onlyBackup !== undefined;
    const server =
      own && selection.usable ? selection.choose(avoid, hash, counters.waiting) : undefined;
    if (!server) return this.#waiting.wait(options);
    this.balanced(server, avoid);
    return this.#waiting.waitAt(server, options);
  }

  /** A place was given back: whoever waited longest, for that server or for any, gets it. */
  released(server: Server): void {
    this.selection.policyFor(server)?.loaded(server);
    if (this.sharing && this.#waiting.passOn(server, 0)) return;
    // The session that ends still counts, as in HAProxy.
    if (this.queue.length > 0 || server.queue.length > 0) this.#waiting.serve(server, 1);
  }

  /** Another worker says that there is a place for who waits here. */
  rung(server: Server, hops: number): void {
    this.#waiting.serve(server, 1);
    if (this.#waiting.hasRoom(server)) this.#waiting.passOn(server, hops + 1);
  }

  /** Something about the server is other than before. */
  changed(server: Server): void {
    this.sharing?.changed?.(server);
  }

  /** A server went up or down, left balancing or came back. */
  serverTurned(
    server: Server,
    { wasUsable, wasLeaving }: { wasUsable: boolean; wasLeaving: boolean },
    cause: TurnCause = 'check',
  ): void {
    const hadSome = this.usable;
    this.changed(server);
    this.selection.count();
    if (server.usable !== wasUsable) this.selection.policyFor(server)?.changed(server);
    const requeued = server.usable
      ? this.#waiting.serve(server)
      : this.#waiting.redistribute(server);
    const [level, message] = texts.turned(server, requeued, cause, wasLeaving);
    this.#report(level, message);
    if (this.usable !== hadSome) {
      const now = Date.now();
      if (this.usable) this.#downtime += now - this.lastChange;
      else {
        this.timesDown += 1;
        this.#report('emerg', texts.noServerLeft(this), texts.noServerLeft(this, "'"));
      }
      this.lastChange = now;
    }
    if (server.admin === 'drain' && texts.isOfHealth(cause)) {
      this.#report('notice', texts.staysInDrain(server));
    }
  }

  /** It starts in another state than the configured one. */
  serverRestored(server: Server): void {
    this.selection.count();
    this.selection.policyFor(server)?.changed(server);
  }

  /** Its weight or limit changed: what it may take now is given out. */
  serverRetuned(server: Server): void {
    this.changed(server);
    this.selection.count();
    this.selection.policyFor(server)?.changed(server);
    this.#waiting.serve(server);
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
    this.#waiting.dismiss(error);
  }

  /** Gives a session its place on the server. */
  seat(server: Server, waiter?: Waiter): Assignment {
    const now = eventDate();
    server.counters.sessionStarted(now);
    server.counters.lastSession = now;
    this.counters.lastSession = now;
    this.selection.policyFor(server)?.loaded(server);
    return new Place(server, now, waiter);
  }

  /** Balancing chose the server, and not the session. */
  balanced(server: Server, previous: Server | undefined): void {
    if (server === previous) return;
    server.counters.lbtot += 1;
    this.counters.lbtot += 1;
  }
}
