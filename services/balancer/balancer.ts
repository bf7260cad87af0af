import { setTimeout as sleep } from 'node:timers/promises';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { HealthServer } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { Checks } from './checks/checks.ts';
import { restoreStates } from './checks/server-state.ts';
import { createHealthServer } from './health.ts';
import { HttpPlane } from './http/plane.ts';
import { Admission } from './listeners/admission.ts';
import { connectionLimit, holdLimit } from './listeners/descriptors.ts';
import { Frontend } from './listeners/frontend.ts';
import { Listener } from './listeners/listener.ts';
import { logConnections } from './listeners/log-connections.ts';
import { ruleConnections } from './listeners/rule-connections.ts';
import { onSockets } from './listeners/sockets.ts';
import { BalancerLog } from './log/balancer-log.ts';
import type { BalancerConfig, ProxyConfig } from './model.ts';
import { Backend } from './servers/backend.ts';
import type { EventReport, StatsView } from './servers/types.ts';
import { StatsResponder } from './stats/responder.ts';
import type { ServerConnections } from './stats/rows.ts';
import { TcpPlane } from './tcp/plane.ts';
import { TimerWheel } from './tcp/timer-wheel.ts';

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
}

const DEFAULT_DRAIN_LIMIT = 1000;
const DRAIN_POLL = 20;

const noticeOnStderr: Notice = (kind, text) => {
  process.stderr.write(`${`[${kind}]`.padEnd(10)} (${process.pid}) : ${text}\n`);
};

/** One configuration at work: its backends with their checks, its frontends with their listeners. */
export class Balancer implements Service, StatsView {
  readonly config: BalancerConfig;
  readonly frontends: readonly Frontend[];
  readonly backends: readonly Backend[];
  readonly admission: Admission;
  startedAt = Date.now();
  readonly #deps: BalancerDeps;
  readonly #log: BalancerLog;
  readonly #checks: Checks;
  readonly #wheel = new TimerWheel();
  readonly #tcp = new TcpPlane(this.#wheel);
  readonly #http = new HttpPlane();
  readonly #listeners: readonly Listener[];
  #health: HealthServer | undefined;
  #listening = false;
  #closing: Promise<void> | undefined;

  constructor(config: BalancerConfig, deps: BalancerDeps) {
    this.config = config;
    this.#deps = deps;
    this.#log = new BalancerLog(config);
    this.admission = new Admission(connectionLimit(config.global.maxconn), holdLimit());
    const proxies = config.proxies.filter((proxy) => !proxy.disabled);
    this.backends = proxies
      .filter((proxy) => proxy.kind !== 'frontend')
      .map((proxy) => new Backend(proxy, this.#reportFor(proxy)));
    this.frontends = proxies
      .filter((proxy) => proxy.kind !== 'backend')
      .map((proxy) => this.#frontend(proxy));
    const directory = {
      frontend: (name: string) => this.frontends.find(({ config: { name: own } }) => own === name),
      backend: (name: string) => this.backends.find(({ config: { name: own } }) => own === name),
    };
    for (const frontend of this.frontends) frontend.directory = directory;
    const stats = new StatsResponder(this, this.#http.pools);
    this.#http.answerWith((head, proxy) => stats.respond(head, proxy));
    this.#linkTrackers();
    const now = Date.now();
    for (const backend of this.backends) {
      restoreStates(backend, backend.config.savedServers ?? [], now);
    }
    this.#checks = new Checks(this.backends, config.global.checkPace);
    this.#listeners = this.frontends.flatMap((frontend) => this.#listenersOf(frontend));
  }

  /** Whether all binds listen. */
  get listening(): boolean {
    return this.#listening;
  }

  /** Connections being served now. */
  get connections(): number {
    return this.#tcp.size + this.#http.size;
  }

  /** Connections to servers that are kept for the next request. */
  get serverConnections(): ServerConnections {
    return this.#http.pools;
  }

  /** Log lines that were given up because a target did not take them. */
  get droppedLogLines(): number {
    return this.#log.dropped;
  }

  /** Binds everything or nothing; an error names each address that could not be had. */
  async start(): Promise<void> {
    const health = this.#deps.health ?? process.env.BRAMBLE_HEALTH;
    if (health !== undefined) {
      this.#health = createHealthServer(this, health);
      await this.#health.start();
    }
    const results = await Promise.allSettled(this.#listeners.map((one) => one.start()));
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (failures.length > 0) {
      await this.close();
      throw startError(failures);
    }
    this.startedAt = Date.now();
    this.#listening = true;
    for (const listener of this.#listeners) listener.open();
    this.#checks.start();
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

  destroy(): void {
    this.#listening = false;
    for (const listener of this.#listeners) void listener.close();
    void this.#health?.close();
    this.#checks.stop();
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

  /** `track`: the configuration is known to have no gaps and no circles. */
  #linkTrackers(): void {
    for (const backend of this.backends) {
      for (const server of backend.servers) {
        const { track } = server.config.health ?? {};
        if (!track) continue;
        const name = track.proxy ?? backend.config.name;
        const home = this.backends.find(({ config }) => config.name === name);
        const target = home?.servers.find(({ config }) => config.name === track.server);
        if (target) server.track(target);
      }
    }
  }

  #frontend(proxy: ProxyConfig): Frontend {
    const name = proxy.kind === 'listen' ? proxy.name : proxy.defaultBackend;
    const backend = this.backends.find((candidate) => candidate.config.name === name);
    return new Frontend(proxy, backend, this.#log.forProxy(proxy), this.admission);
  }

  #listenersOf(frontend: Frontend): Listener[] {
    const { mode, options } = frontend.config;
    const plane = mode === 'tcp' ? this.#tcp.handle : onSockets(this.#http.handle);
    const plain = frontend.logging && options.logFormat === undefined && !frontend.config.logFormat;
    const handler = ruleConnections(plain ? logConnections(plane) : plane);
    const { admission } = this;
    const { takeover = false } = this.#deps;
    const deps = { admission, handler, wheel: this.#wheel, log: this.#deps.log, takeover };
    return frontend.config.binds.map((bind) => new Listener(bind, frontend, deps));
  }

  #reportFor(proxy: ProxyConfig): EventReport {
    const log = this.#log.forProxy(proxy);
    const notice = this.#deps.notice ?? noticeOnStderr;
    return (level, message, forTerminal = message) => {
      log.event(level, message);
      notice(level === 'emerg' ? 'ALERT' : 'WARNING', forTerminal);
    };
  }
}

function startError(failures: readonly unknown[]): Error {
  const [first] = failures;
  if (failures.length === 1 && first instanceof Error) return first;
  const code = first instanceof BrambleError ? first.code : ERROR_CODES.LISTEN_REFUSED;
  return new BrambleError(code, failures.map(describeError).join('; '), { cause: first });
}
