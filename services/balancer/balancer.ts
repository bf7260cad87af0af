import { setTimeout as sleep } from 'node:timers/promises';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { HealthServer } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import type { Checks } from './checks/checks.ts';
import { createHealthServer } from './health.ts';
import { HttpPlane } from './http/plane.ts';
import { Admission } from './listeners/admission.ts';
import { connectionLimit, holdLimit } from './listeners/descriptors.ts';
import type { Frontend } from './listeners/frontend.ts';
import type { Listener, ListenerDeps } from './listeners/listener.ts';
import { logConnections } from './listeners/log-connections.ts';
import { pauseFrontend, resumeFrontend } from './listeners/pausing.ts';
import { ruleConnections } from './listeners/rule-connections.ts';
import { startError } from './listeners/start-error.ts';
import { BalancerLog } from './log/balancer-log.ts';
import type { BalancerConfig, ProxyConfig } from './model.ts';
import { Generation } from './reload/generation.ts';
import { ListenerChange } from './reload/listeners.ts';
import type { Crew } from './runtime/everywhere.ts';
import { infoFields } from './runtime/info.ts';
import { RuntimeSockets } from './runtime/sockets.ts';
import type { Backend } from './servers/backend.ts';
import type { LiveSession } from './servers/live-session.ts';
import type { Server } from './servers/server.ts';
import type { EventReport, StatsView } from './servers/types.ts';
import { StatsResponder } from './stats/responder.ts';
import type { ServerConnections } from './stats/rows.ts';
import type { StickTables } from './stickiness/table/tables.ts';
import { TcpPlane } from './tcp/plane.ts';
import { TimerWheel } from './tcp/timer-wheel.ts';
import { servesBind } from './workers/binds.ts';
import type { Ring } from './workers/messages.ts';
import { SharedGauges } from './workers/shared-gauges.ts';
import type { SharedState } from './workers/shared-state.ts';

/** Tells the terminal of an event, as HAProxy does while in the foreground. */
export type Notice = (kind: 'WARNING' | 'ALERT', text: string) => void;

export interface BalancerDeps {
  log: Logger;
  notice?: Notice;
  /** Another process holds the ports and is about to go: they are shared until then. */
  takeover?: boolean;
  /** How long `close` lets connections finish by themselves, milliseconds. */
  drainLimit?: number;
  /** `host:port` of the health port; default BRAMBLE_HEALTH, and none where that is unset. */
  health?: string | undefined;
  /** Reads the files again and applies them; for the runtime socket. Rejects with what is wrong. */
  reload?: (() => Promise<void>) | undefined;
  /** What this worker has in common with others of the process; one that serves alone has none. */
  sharing?: SharedState | undefined;
  /** Awaited once its sockets listen, before anybody is served: who connects meanwhile waits. */
  beforeServing?: ((balancer: Balancer) => Promise<void>) | undefined;
  /** Carries out forms of the statistics page, too. */
  onForm?: ((form: string) => void) | undefined;
}

/** Milliseconds. */
export const DEFAULT_DRAIN_LIMIT = 1000;
const DRAIN_POLL = 20;

const noticeOnStderr: Notice = (kind, text) => {
  process.stderr.write(`${`[${kind}]`.padEnd(10)} (${process.pid}) : ${text}\n`);
};

/**
 * The balancer of a process: the configuration in force, and what outlives any configuration
 * (listening sockets, planes, limits, runtime sockets).
 */
export class Balancer implements Service, StatsView {
  readonly admission: Admission;
  readonly startedAt = Date.now();
  readonly #deps: BalancerDeps;
  readonly #log: BalancerLog;
  readonly #wheel = new TimerWheel();
  readonly #tcp = new TcpPlane(this.#wheel);
  readonly #http = new HttpPlane();
  readonly #runtime: RuntimeSockets;
  readonly #gauges: SharedGauges | undefined;
  #now: Generation;
  #listeners: Listener[] = [];
  #health: HealthServer | undefined;
  #listening = false;
  #closing: Promise<void> | undefined;
  #reloading: Promise<void> = Promise.resolve();
  /** What was said while the files were last read. */
  startupLogs = '';
  /** Reloads that were applied. */
  reloads = 0;
  /** Those that were not: the files were wrong. */
  failedReloads = 0;
  /** The other workers, where this is the first of several. */
  crew: Crew | undefined;

  constructor(config: BalancerConfig, deps: BalancerDeps) {
    this.#deps = deps;
    this.#log = new BalancerLog(config);
    const { sharing } = deps;
    this.admission = new Admission(
      connectionLimit(config.global.maxconn),
      Math.ceil(holdLimit() / (sharing?.workers ?? 1)),
      sharing?.counters('process'),
      sharing && (() => sharing.ringForAdmission()),
      config.global.rates,
    );
    this.#now = this.#generation(config);
    this.#now.restore();
    this.#gauges =
      sharing &&
      new SharedGauges({
        pools: this.#http.pools,
        servers: () => this.#now.servers(),
        counters: sharing.counters('process'),
        dropped: () => this.#log.dropped,
      });
    const stats = new StatsResponder(this, this.serverConnections);
    this.#http.answerWith((head, proxy, scope, service) =>
      service
        ? stats.metrics(head, proxy, () => infoFields(this))
        : stats.respond(head, proxy, scope),
    );
    this.#runtime = new RuntimeSockets(this, deps.log);
  }

  get config(): BalancerConfig {
    return this.#now.config;
  }

  get frontends(): readonly Frontend[] {
    return this.#now.frontends;
  }

  get backends(): readonly Backend[] {
    return this.#now.backends;
  }

  get checks(): Checks {
    return this.#now.checks;
  }

  /** Stick-tables of the configuration in force. */
  get tables(): StickTables {
    return this.#now.tables;
  }

  serverNamed(backend: string, server: string): Server | undefined {
    const home = this.backends.find(({ config }) => config.name === backend);
    return home?.servers.find(({ config }) => config.name === server);
  }

  /** Carries out a form of the statistics page where that is another worker's to do. */
  get onForm(): ((form: string) => void) | undefined {
    return this.#deps.onForm;
  }

  /** Whether another worker of the process checks servers and takes orders. */
  get #follows(): boolean {
    return (this.#deps.sharing?.worker ?? 0) > 0;
  }

  /** Whether all binds listen. */
  get listening(): boolean {
    return this.#listening;
  }

  /** Whether it is on its way out. */
  get stopping(): boolean {
    return this.#closing !== undefined;
  }

  /** Connections being served now. */
  get connections(): number {
    return this.#tcp.size + this.#http.size;
  }

  /** Connections to servers that are kept for the next request. */
  get serverConnections(): ServerConnections {
    return this.#gauges ?? this.#http.pools;
  }

  /** Log lines that were given up because a target did not take them. */
  get droppedLogLines(): number {
    return this.#gauges?.dropped ?? this.#log.dropped;
  }

  get runtime(): RuntimeSockets {
    return this.#runtime;
  }

  /** Sockets that listen for clients now. */
  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** Every session under way. */
  *sessions(): Generator<LiveSession> {
    yield* this.#tcp.sessions();
    yield* this.#http.sessions();
  }

  /** Binds everything or nothing; an error names each address that could not be had. */
  async start(): Promise<void> {
    const health = this.#deps.health ?? process.env.BRAMBLE_HEALTH;
    if (health !== undefined && !this.#follows) {
      this.#health = createHealthServer(this, health);
      await this.#health.start();
    }
    this.#deps.sharing?.start((ring) => this.#rung(ring));
    this.#gauges?.start();
    const change = this.#changeTo(this.#now, this.#deps.takeover ?? this.#follows);
    try {
      await change.open();
      this.#listeners = change.listeners;
      await this.#deps.beforeServing?.(this);
      if (!this.#follows) await this.#runtime.configure(this.config.global.runtime);
    } catch (error) {
      await this.close();
      throw startError(error);
    }
    this.#listening = true;
    change.apply();
    if (!this.#follows) this.#now.start();
  }

  /**
   * Puts another configuration in force. What both have in common goes on: listening sockets,
   * established connections (with the configuration that they began with), counters, health and
   * orders of servers. Rejects, with the old one left in force, when an address cannot be had.
   */
  reload(config: BalancerConfig): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload(config));
    this.#reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(config: BalancerConfig): Promise<void> {
    if (this.#closing) throw new BrambleError(ERROR_CODES.CLOSED, 'the balancer is stopping');
    const before = this.#now;
    let change: ListenerChange;
    let next: Generation;
    this.#log.reconfigure(config);
    try {
      next = this.#generation(config);
      change = this.#changeTo(next, this.#follows);
      await change.open();
    } catch (error) {
      this.#log.reconfigure(before.config);
      throw startError(error);
    }
    next.takeOver(before);
    this.#now = next;
    this.admission.limit = connectionLimit(config.global.maxconn);
    Object.assign(this.admission.rates.limits, config.global.rates);
    change.apply();
    this.#listeners = change.listeners;
    this.#http.reloaded(next.servers());
    before.resolution.close();
    if (!this.#follows) next.start(before);
    await change.closeOthers();
    if (!this.#follows) await this.#runtime.configure(config.global.runtime);
    this.reloads += 1;
  }

  /** Closes the frontend's sockets, for now or for good; its connections live on. */
  pause(frontend: Frontend, state: 'paused' | 'stopped'): Promise<void> {
    return pauseFrontend(frontend, this.#listeners, state);
  }

  /** Listens again. Rejects, with nothing opened, when an address cannot be had. */
  resume(frontend: Frontend): Promise<void> {
    return resumeFrontend(frontend, this.#listeners);
  }

  /** Stops listening everywhere (SIGTTOU), so that another process can have the ports. */
  async pauseAll(): Promise<void> {
    const open = this.frontends.filter(({ state }) => state === 'open');
    await Promise.all(open.map((frontend) => this.pause(frontend, 'paused')));
  }

  /** Listens again (SIGTTIN). */
  async resumeAll(): Promise<void> {
    const paused = this.frontends.filter(({ state }) => state === 'paused');
    await Promise.all(paused.map((frontend) => this.resume(frontend)));
  }

  /** Reads the files again (`reload` on the runtime socket). */
  async reloadFiles(): Promise<void> {
    const { reload } = this.#deps;
    if (!reload) throw new BrambleError(ERROR_CODES.USAGE, 'this process has no files to reload');
    await reload();
  }

  /** Stops listening, lets connections finish for `drainLimit`, ends the others. */
  close(): Promise<void> {
    this.#closing ??= this.#drain(this.#deps.drainLimit ?? DEFAULT_DRAIN_LIMIT);
    return this.#closing;
  }

  /** Stops listening and waits for the last connection, however long (HAProxy's SIGUSR1). */
  softStop(): Promise<void> {
    this.#closing ??= this.#drain(Number.POSITIVE_INFINITY);
    return this.#closing;
  }

  /** As `close`, with a limit of its own, milliseconds. */
  drain(limit: number): Promise<void> {
    this.#closing ??= this.#drain(limit);
    return this.#closing;
  }

  /** Another worker has died: who waited for what it held may have it. */
  workerLost(worker: number): void {
    this.tables.forget(worker);
    this.admission.admitAll();
    this.#deps.sharing?.ringForAdmission();
    for (const backend of this.backends) {
      for (const server of backend.servers) backend.released(server);
    }
  }

  #rung({ server: name, hops }: Ring): void {
    if (!name) {
      this.admission.admitAll();
      return;
    }
    const server = this.serverNamed(name.backend, name.server);
    server?.backend.rung(server, hops);
  }

  destroy(): void {
    this.#listening = false;
    for (const listener of this.#listeners) void listener.close();
    void this.#health?.close();
    this.#runtime.destroy();
    this.#gauges?.stop();
    this.#now.stop();
    const gone = new BrambleError(ERROR_CODES.CLOSED, 'the balancer is closing');
    for (const backend of this.backends) backend.dismiss(gone);
    this.#tcp.destroy();
    this.#http.destroy();
  }

  async #drain(limit: number): Promise<void> {
    this.#listening = false;
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    // Ends what is idle now, and the rest as it becomes so.
    void this.#http.close();
    const end = performance.now() + limit;
    while (this.connections > 0 && performance.now() < end) await sleep(DRAIN_POLL);
    this.destroy();
    await this.#health?.close();
    await this.#log.close();
  }

  #generation(config: BalancerConfig): Generation {
    return new Generation(config, {
      log: this.#log,
      admission: this.admission,
      sharing: this.#deps.sharing,
      reportFor: (proxy) => this.#reportFor(proxy),
    });
  }

  #changeTo(next: Generation, takeover: boolean): ListenerChange {
    const { sharing } = this.#deps;
    return new ListenerChange(
      this.#listeners,
      next.frontends,
      (frontend, shared) => this.#listenerDeps(frontend, takeover || shared),
      (bind) => servesBind(bind, sharing?.worker ?? 0, sharing?.workers ?? 1),
    );
  }

  #listenerDeps(frontend: Frontend, takeover: boolean): ListenerDeps {
    const { mode, options } = frontend.config;
    const plane = mode === 'tcp' ? this.#tcp.handle : this.#http.handle;
    const plain = frontend.logging && options.logFormat === undefined && !frontend.config.logFormat;
    const handler = ruleConnections(plain ? logConnections(plane) : plane);
    const { admission } = this;
    return { admission, handler, wheel: this.#wheel, log: this.#deps.log, takeover };
  }

  #reportFor(proxy: ProxyConfig): EventReport {
    // Who decides tells.
    if (this.#follows) return () => undefined;
    const log = this.#log.forProxy(proxy);
    const notice = this.#deps.notice ?? noticeOnStderr;
    return (level, message, forTerminal = message) => {
      log.event(level, message);
      notice(level === 'emerg' ? 'ALERT' : 'WARNING', forTerminal);
    };
  }
}
