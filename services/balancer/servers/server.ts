import type { ServerConfig } from '../model.ts';
import { dynamicCookieOf } from '../stickiness/dynamic-cookie.ts';
import { type AdminState, causeOf, type SavedState } from './admin-state.ts';
import type { Backend } from './backend.ts';
import { Condition } from './condition.ts';
import { inherit } from './inherit.ts';
import { Observer } from './observer.ts';
import { type Severable, severSessions } from './sever.ts';
import { serverScope } from './sharing.ts';
import { applySnapshot, type ServerSnapshot } from './snapshot.ts';
import { type AgentReport, type CheckReport, type TurnCause, verdictOf } from './types.ts';
import { WaitQueue } from './wait-queue.ts';

const MAX_WEIGHT = 256;

/**
 * One server of a backend: what checks, agents and orders make of it, its places and its queue
 * (HAProxy manual, section 5.2).
 */
export class Server extends Condition<Server> {
  /** Sessions that may only go to this server. */
  readonly queue: WaitQueue = new WaitQueue(this);
  /** Added while the process runs. */
  dynamic = false;
  readonly observer: Observer | undefined;
  /** Its sessions, where some turn of a server may end them. */
  sessions: Set<Severable> | undefined;
  /** Shared by what it was and what it becomes by reloads. */
  #lineage: { current: Server } = { current: this };
  readonly #trackers: Server[] = [];
  /** As its line has it. */
  readonly #configured: ServerConfig;
  #wasRunning: boolean;
  #wasUsable: boolean;
  #wasLeaving: boolean;
  #dynamicCookie: string | undefined;

  constructor(config: ServerConfig, backend: Backend, now: number) {
    super(config, backend, now);
    this.#configured = config;
    this.#dynamicCookie = dynamicCookieOf(this.backend.config, this.config);
    const { health, check } = config;
    if (health?.observe && check) {
      const suspect = backend.sharing?.suspect;
      const errors = backend.sharing?.errors(serverScope(backend.config.name, config.name));
      this.observer = new Observer(
        health.observe,
        health,
        (info) => (suspect ? suspect(this, info) : this.#suspected(info)),
        errors,
      );
    }
    const severs = backend.config.servers.some((one) => one.health?.shutsBackups);
    if (health?.shutsSessions || (config.backup && severs)) this.sessions = new Set();
    this.#wasRunning = this.running;
    this.#wasUsable = this.usable;
    this.#wasLeaving = this.leaving;
  }

  /** How many track it. */
  get tracks(): number {
    return this.#trackers.length;
  }

  /** Takes over the state of `server` from now on; chains are fine, circles are not. */
  track(server: Server): void {
    this.leader = server;
    server.#trackers.push(this);
    this.follows = { running: server.running, leaving: server.leaving };
    this.#remember();
  }

  /** Whether a new session would have to wait. */
  get full(): boolean {
    const { limit } = this;
    return limit !== undefined && (this.counters.waiting > 0 || this.cur >= limit);
  }

  /** Takes a place, which its worker must not have given to anybody else meanwhile. */
  take(limit: number | undefined = this.limit): boolean {
    return this.places?.take(limit) ?? true;
  }

  /** Whether nobody more may wait for it. */
  get queueFull(): boolean {
    const { maxqueue } = this.config;
    return maxqueue !== undefined && this.counters.waiting >= maxqueue;
  }

  /** Takes in the result of one check. */
  checked(report: CheckReport): void {
    const { check } = this.config;
    if (!check) return;
    this.backend.changed(this);
    this.lastOutcome = report;
    const verdict = verdictOf(report.status);
    const statusChanged = report.status !== this.checkStatus;
    this.checkStatus = report.status;
    this.checkDuration = report.duration;
    this.checkCode = report.code;
    this.checkInfo = report.info;
    const before = this.standing.health;
    const wasRunning = this.running;
    const wasUsable = this.usable;
    const wasStopping = this.standing.stopping;
    if (verdict === 'failed') {
      if (this.standing.failed(check)) this.checksFailed += 1;
    } else {
      this.standing.passed(check);
      this.observer?.clear();
    }
    this.backend.checkLogged(this, verdict, statusChanged || this.standing.health !== before);
    if (verdict !== 'failed') this.standing.stopping = verdict === 'conditional';
    else if (!this.running) this.standing.stopping = false;
    if (this.running !== wasRunning) this.#turned(wasUsable);
    else if (this.running && this.standing.stopping !== wasStopping) this.#leaned(wasUsable);
  }

  /** Takes in what its agent said of its state (manual, `agent-check`). */
  agentChecked(report: AgentReport): void {
    const { agent } = this;
    if (!agent) return;
    this.backend.changed(this);
    const wasUsable = this.usable;
    const wasRunning = this.running;
    const changed = agent.take(report);
    if (changed && report.status !== 'CHECKED') this.backend.agentLogged(this);
    if (this.running === wasRunning) return;
    this.lastOutcome = report;
    this.#turned(wasUsable);
  }

  /** Sessions of another worker met too many errors in a row. */
  suspectedElsewhere(info: string): void {
    if (this.observer) this.observer.reached += 1;
    this.#suspected(info);
  }

  /** Stands from now on where another worker says; the events that go with it happen here, too. */
  assume(snapshot: ServerSnapshot): void {
    const wasUsable = this.usable;
    const wasRunning = this.running;
    const retuned = this.weight !== snapshot.weight || this.maxconn !== snapshot.maxconn;
    const { host, port } = snapshot;
    applySnapshot(this, snapshot);
    if (snapshot.tls !== (this.config.tls !== undefined)) this.setTls(snapshot.tls);
    if (host !== this.config.host || port !== this.config.port) this.setAddress(host, port);
    if (this.running !== wasRunning) this.#turned(wasUsable);
    else if (this.usable !== wasUsable) this.#leaned(wasUsable);
    else if (retuned) this.backend.serverRetuned(this);
    this.#remember();
    this.standing.downtime = snapshot.downtime;
    this.lastChange = snapshot.lastChange;
    this.timesDown = snapshot.timesDown;
  }

  /** Sessions met too many errors in a row. */
  #suspected(info: string): void {
    const { check, health } = this.config;
    if (!check || !health || this.standing.admin === 'maint') return;
    if (health.onError === 'sudden-death')
      this.standing.health = Math.min(this.standing.health, check.rise + 1);
    else if (health.onError === 'mark-down')
      this.standing.health = Math.min(this.standing.health, check.rise);
    if (health.onError !== 'fastinter') {
      this.checked({ status: 'HANA', info });
    }
    this.emit('suspect');
  }

  /**
   * `ready` serves as its health says, `drain` only those who must go to it, `maint` nobody and is
   * not checked. Runtime API, `set server … state`.
   */
  setState(state: AdminState): void {
    const before = this.standing.admin;
    if (state === before) return;
    const wasUsable = this.usable;
    const wasRunning = this.running;
    this.standing.admin = state;
    const { check } = this.config;
    // It comes back as one that is up and that the first failed check takes down.
    if (before === 'maint' && check) this.standing.health = check.rise;
    const cause = causeOf(before, state);
    if (this.running !== wasRunning) this.#turned(wasUsable, cause);
    else this.#leaned(wasUsable, cause);
  }

  /**
   * Changes its weight, 0 to 256. Returns what is wrong where that cannot be: an algorithm with
   * fixed weights takes only 0 and the one that is configured.
   */
  setWeight(weight: number): string | undefined {
    if (!Number.isInteger(weight) || weight < 0 || weight > MAX_WEIGHT) {
      return 'Weight can only be between 0 and 256 or 0% and 100% inclusive.';
    }
    if (!this.backend.dynamic && weight !== 0 && weight !== this.config.weight) {
      return "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";
    }
    this.weight = weight;
    this.#remember();
    this.backend.serverRetuned(this);
    return undefined;
  }

  /** Changes the most sessions that it may have at a time; 0 or undefined = any number. */
  setMaxconn(maxconn: number | undefined): void {
    this.maxconn = maxconn || undefined;
    this.backend.serverRetuned(this);
  }

  /** What stands for it in the stickiness cookie. */
  get cookie(): string | undefined {
    return this.config.cookie ?? this.#dynamicCookie;
  }

  /** Moves it to another address; connections to the old one live on. */
  setAddress(host: string, port: number): void {
    // What it is told replaces what it took over from its clients.
    const { takesOver: before } = this.config;
    const takesOver = before && {
      host: before.host && host === this.config.host,
      port: before.port && port === this.config.port,
    };
    this.config = { ...this.config, host, port, takesOver };
    this.#dynamicCookie = dynamicCookieOf(this.backend.config, this.config);
    this.backend.changed(this);
    this.emit('moved');
  }

  /** Speaks TLS to it from now on, or no longer; its line must have TLS (`tlsKept`). */
  setTls(on: boolean): void {
    this.config = { ...this.config, tls: on ? this.config.tlsKept : undefined, tlsRefused: false };
    this.backend.changed(this);
    this.emit('moved');
  }

  /** Puts it where a former process left it, before it serves anybody; nobody is told. */
  restore({ admin, stood, lastChange }: SavedState): void {
    const { check } = this.config;
    if (admin) this.standing.admin = admin;
    if (check) this.standing.restore(check, stood);
    this.lastChange = lastChange;
    this.backend.serverRestored(this);
    this.#followed();
  }

  /** Itself, or what it became by reloads. */
  get current(): Server {
    return this.#lineage.current;
  }

  /** Goes on from where the same server stood before a reload. */
  takeOver(previous: Server): void {
    inherit(this, previous);
    this.cookieChanged();
    previous.close();
    this.#lineage = previous.#lineage;
    this.#lineage.current = this;
    this.#remember();
    this.backend.serverRestored(this);
  }

  /** Looks again at the server that it tracks, without telling anybody. */
  retrack(): void {
    const tracked = this.leader;
    if (!tracked) return;
    tracked.retrack();
    this.follows = { running: tracked.running, leaving: tracked.leaving };
    this.#remember();
    this.backend.serverRestored(this);
  }

  /** Says what its health is until the next check or word of its agent does. */
  setHealth(health: 'up' | 'stopping' | 'down'): void {
    const { check } = this.config;
    if (!check || this.leader) return;
    const wasUsable = this.usable;
    const wasRunning = this.running;
    this.standing.health = health === 'down' ? 0 : check.rise + check.fall - 1;
    this.standing.stopping = health === 'stopping';
    this.lastOutcome = undefined;
    if (this.running !== wasRunning) this.#turned(wasUsable, 'order');
    else if (this.usable !== wasUsable) this.#leaned(wasUsable, 'order');
  }

  /** The same for its agent. */
  setAgentHealth(up: boolean): void {
    const { agent } = this;
    if (!agent || agent.up === up) return;
    const wasUsable = this.usable;
    const wasRunning = this.running;
    agent.up = up;
    if (this.running !== wasRunning) this.#turned(wasUsable, 'order');
  }

  /** Another secret, or none, makes its dynamic cookie another. */
  cookieChanged(): void {
    this.#dynamicCookie = dynamicCookieOf(this.backend.config, this.config);
  }

  /** As its line has it. */
  get configured(): ServerConfig {
    return this.#configured;
  }

  /** Ends what runs by itself. */
  close(): void {
    this.warmUp.stop();
  }

  #turned(wasUsable: boolean, cause?: TurnCause): void {
    const now = Date.now();
    const { running } = this;
    if (running) {
      this.standing.downtime += now - this.lastChange;
      this.warmUp.start(() => this.backend.serverRetuned(this));
    } else {
      this.timesDown += 1;
      this.warmUp.stop();
    }
    this.lastChange = now;
    this.backend.serverTurned(this, { wasUsable, wasLeaving: this.#wasLeaving }, cause);
    this.emit(running ? 'up' : 'down');
    severSessions(this);
    this.#followed();
  }

  /** Left or came back to balancing without going down. */
  #leaned(wasUsable: boolean, cause?: TurnCause): void {
    this.lastChange = Date.now();
    this.backend.serverTurned(this, { wasUsable, wasLeaving: this.#wasLeaving }, cause);
    this.#followed();
  }

  #remember(): void {
    this.#wasRunning = this.running;
    this.#wasUsable = this.usable;
    this.#wasLeaving = this.leaving;
  }

  /** Those who track it are now as it is. */
  #followed(): void {
    this.#remember();
    for (const tracker of this.#trackers) tracker.#follow();
  }

  #follow(): void {
    const wasUsable = this.#wasUsable;
    const { running, leaving } = this.leader!;
    this.follows = { running, leaving };
    if (this.running !== this.#wasRunning) this.#turned(wasUsable, 'tracking');
    else if (this.usable !== wasUsable) this.#leaned(wasUsable, 'tracking');
    else this.#remember();
  }
}
