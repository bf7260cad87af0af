import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { EventReport } from '../servers/types.ts';
import { NOWHERE, type ServerResolution } from './config.ts';
import { type Answer, type Endpoint, Lookup } from './lookup.ts';

const REASONS = { nx: 'NX', refused: 'refused', timeout: 'timeout', other: 'unspecified' } as const;

/** Servers of one backend that have one name: an answer is shared out among them. */
class NameWatch {
  readonly #resolution: ServerResolution;
  readonly #servers: Server[];
  readonly #report: EventReport;
  readonly #lookup: Lookup;
  /** Taken out of service here, not by an order. */
  readonly #waiting = new Set<Server>();
  #timer: NodeJS.Timeout | undefined;
  #lastValid: number;
  #closed = false;

  constructor(resolution: ServerResolution, servers: Server[], report: EventReport) {
    this.#resolution = resolution;
    this.#servers = servers;
    this.#report = report;
    this.#lookup = new Lookup(resolution.resolvers);
    this.#lastValid = Date.now();
  }

  start(): void {
    for (const { current } of this.#servers) {
      if (current.config.host !== NOWHERE) continue;
      this.#waiting.add(current);
      current.setState('maint');
    }
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#lookup.cancel();
  }

  async #look(): Promise<void> {
    const answer = await this.#lookup.ask(this.#resolution);
    if (this.#closed) return;
    const { hold, resolve } = this.#resolution.resolvers;
    const valid = this.#take(answer);
    this.#timer = setTimeout(() => void this.#look(), valid ? hold.valid : resolve);
    this.#timer.unref();
  }

  /** Returns whether the name stands for anything now. */
  #take(answer: Answer): boolean {
    const now = Date.now();
    const { hold } = this.#resolution.resolvers;
    if ('endpoints' in answer && answer.endpoints.length > 0) {
      this.#lastValid = now;
      this.#share(answer.endpoints);
      return true;
    }
    const failure = 'failure' in answer ? answer.failure : 'nx';
    if (now - this.#lastValid < hold[failure]) return false;
    for (const server of this.#servers) this.#takeOut(server, `DNS ${REASONS[failure]} status`);
    return false;
  }

  /** Who has one of the addresses keeps it; the others get what is left. */
  #share(endpoints: readonly Endpoint[]): void {
    const free = [...endpoints];
    const homeless: Server[] = [];
    for (const server of this.#servers.map(({ current }) => current)) {
      const { host, port } = server.config;
      const at = free.findIndex(
        (one) => one.host === host && (one.port === undefined || one.port === port),
      );
      if (at < 0 || this.#waiting.has(server)) {
        homeless.push(server);
        continue;
      }
      if (!this.#resolution.duplicates) free.splice(at, 1);
    }
    for (const server of homeless) {
      const next = free[0];
      if (!next) {
        this.#takeOut(server, 'No IP for server');
        continue;
      }
      if (!this.#resolution.duplicates) free.shift();
      this.#move(server, next);
    }
  }

  #move(server: Server, { host, port }: Endpoint): void {
    const { config, backend } = server;
    const from = config.host === NOWHERE ? '(none)' : config.host;
    const name = `${backend.config.name}/${config.name}`;
    server.setAddress(host, port ?? config.port);
    const { resolvers } = this.#resolution;
    const by = `${resolvers.name}/${resolvers.nameservers[0]?.name ?? 'system'}`;
    if (from !== host)
      this.#report('notice', `${name} changed its IP from ${from} to ${host} by ${by}.`);
    if (!this.#waiting.delete(server)) return;
    server.setState('ready');
  }

  #takeOut(server: Server, reason: string): void {
    const { current } = server;
    if (this.#waiting.has(current)) return;
    this.#waiting.add(current);
    const name = `${current.backend.config.name}/${current.config.name}`;
    this.#report('notice', `Server ${name} has no address any more (${reason}).`);
    current.setState('maint');
  }
}

/** Keeps the addresses of servers up to date that have `resolvers`. */
export class Resolution {
  readonly #watches: NameWatch[] = [];

  constructor(backends: readonly Backend[], reportFor: (backend: Backend) => EventReport) {
    for (const backend of backends) {
      const groups = new Map<string, Server[]>();
      for (const server of backend.servers) {
        const { resolution } = server.config;
        if (!resolution) continue;
        const { hostname, resolvers, prefer, networks } = resolution;
        const key = JSON.stringify([hostname, resolvers.name, prefer, networks]);
        const group = groups.get(key);
        if (group) group.push(server);
        else groups.set(key, [server]);
      }
      for (const servers of groups.values()) {
        const resolution = servers[0]!.config.resolution!;
        this.#watches.push(new NameWatch(resolution, servers, reportFor(backend)));
      }
    }
  }

  /** What was found before a reload holds until the next look. */
  takeOver(servers: Iterable<Server>, before: (server: Server) => Server | undefined): void {
    for (const server of servers) {
      const { resolution } = server.config;
      const previous = resolution && before(server)?.config;
      if (!previous || previous.resolution?.hostname !== resolution.hostname) continue;
      if (previous.host !== NOWHERE) server.setAddress(previous.host, previous.port);
    }
  }

  start(): void {
    for (const watch of this.#watches) watch.start();
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}
