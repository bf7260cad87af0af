import { Checks } from '../checks/checks.ts';
import { restoreStates } from '../checks/server-state.ts';
import type { Admission } from '../listeners/admission.ts';
import { Frontend } from '../listeners/frontend.ts';
import type { BalancerLog } from '../log/balancer-log.ts';
import type { BalancerConfig, ProxyConfig } from '../model.ts';
import { Resolution } from '../resolvers/resolution.ts';
import { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { Sharing } from '../servers/sharing.ts';
import type { EventReport } from '../servers/types.ts';
import { StickTables, type TableSharing } from '../stickiness/table/tables.ts';

export interface GenerationDeps {
  readonly log: BalancerLog;
  readonly admission: Admission;
  readonly reportFor: (proxy: ProxyConfig) => EventReport;
  readonly sharing?: (Sharing & TableSharing) | undefined;
}

/**
 * One configuration at work: its frontends, its backends and their checks. A reload makes the next
 * one beside it and lets that take over; what belongs to the process (listening sockets, planes,
 * limits) outlives both. Connections keep the frontend and the backend that they began with, and
 * with these their generation, until the last of them ends.
 */
export class Generation {
  readonly config: BalancerConfig;
  readonly frontends: readonly Frontend[];
  readonly backends: readonly Backend[];
  readonly checks: Checks;
  readonly resolution: Resolution;
  readonly tables: StickTables;

  constructor(config: BalancerConfig, deps: GenerationDeps) {
    this.config = config;
    this.tables = new StickTables(config.proxies, deps.sharing);
    const proxies = config.proxies.filter((proxy) => !proxy.disabled);
    this.backends = proxies
      .filter((proxy) => proxy.kind !== 'frontend')
      .map((proxy) => new Backend(proxy, deps.reportFor(proxy), undefined, deps.sharing));
    this.frontends = proxies
      .filter((proxy) => proxy.kind !== 'backend')
      .map((proxy) => this.#frontend(proxy, deps));
    const directory = {
      frontend: (name: string) => this.frontend(name),
      backend: (name: string) => this.backend(name),
      table: (name: string) => this.tables.get(name),
    };
    for (const frontend of this.frontends) frontend.directory = directory;
    this.#linkTrackers();
    this.checks = new Checks(this.backends, config.global.checkPace);
    this.resolution = new Resolution(this.backends, ({ config: proxy }) => deps.reportFor(proxy));
  }

  frontend(name: string): Frontend | undefined {
    return this.frontends.find(({ config }) => config.name === name);
  }

  backend(name: string): Backend | undefined {
    return this.backends.find(({ config }) => config.name === name);
  }

  /** All servers of it. */
  servers(): Set<Server> {
    return new Set(this.backends.flatMap((backend) => backend.servers));
  }

  /** Puts servers where a former process left them (`load-server-state-from-file`). */
  restore(now: number = Date.now()): void {
    for (const backend of this.backends) {
      restoreStates(backend, backend.config.savedServers ?? [], now);
    }
  }

  /** Goes on from where `previous` stands, of which nothing begins any more after this. */
  takeOver(previous: Generation): void {
    for (const backend of this.backends) {
      const before = previous.backend(backend.config.name);
      if (before) backend.takeOver(before);
    }
    this.resolution.takeOver(this.servers(), ({ config, backend }) =>
      previous.backend(backend.config.name)?.servers.find((one) => one.config.name === config.name),
    );
    this.tables.takeOver(previous.tables);
    for (const server of this.servers()) server.retrack();
    for (const frontend of previous.frontends) {
      const next = this.frontend(frontend.config.name);
      if (next) next.takeOver(frontend);
      else frontend.retire();
    }
  }

  /** Looks after servers from now on, in place of `previous`. */
  start(previous?: Generation): void {
    this.checks.start(previous?.checks);
    this.resolution.start();
  }

  stop(): void {
    this.checks.stop();
    this.resolution.close();
  }

  #frontend(proxy: ProxyConfig, { log, admission, sharing }: GenerationDeps): Frontend {
    const name = proxy.defaultBackend;
    const backend = name === undefined ? undefined : this.backend(name);
    return new Frontend(proxy, backend, log.forProxy(proxy), admission, sharing);
  }

  /** `track`: the configuration is known to have no gaps and no circles. */
  #linkTrackers(): void {
    for (const backend of this.backends) {
      for (const server of backend.servers) {
        const { track } = server.config.health ?? {};
        if (!track) continue;
        const home = this.backend(track.proxy ?? backend.config.name);
        const target = home?.servers.find(({ config }) => config.name === track.server);
        if (target) server.track(target);
      }
    }
  }
}
