import type { Server } from '../servers/server.ts';
import type { Upstream } from './upstream.ts';

/** HAProxy's `pool-purge-delay`: every so often half of what is too much is closed. */
const PURGE_INTERVAL = 5000;

/**
 * The idle connections of one server. How many are kept follows HAProxy: as many as were in use
 * at once lately, an estimate that halves its distance to the present with every purge, and in
 * any case one of each kind. `safe` are those whose last request was not its client's first: they
 * have proved that the server keeps connections open.
 */
class ServerPool {
  readonly idle: Upstream[] = [];
  readonly safe: Upstream[] = [];
  used = 0;
  #most = 0;
  #open = true;
  #need = 0;

  get size(): number {
    return this.idle.length + this.safe.length;
  }

  get need(): number {
    return this.#need;
  }

  took(): void {
    this.used += 1;
    if (this.used > this.#most) this.#most = this.used;
    if (this.used > this.#need) this.#need = this.used;
  }

  /** Whether one that is still counted as used may stay. */
  wants(safe: boolean): boolean {
    if (!this.#open) return false;
    if (this.safe.length === 0 && (safe || this.idle.length === 0)) return true;
    return this.used + this.size <= Math.max(this.used, this.#need);
  }

  /** The one last used, for its server is least likely to have given it up. */
  take(name: string | undefined): Upstream | undefined {
    if (name === undefined) return this.idle.pop() ?? this.safe.pop();
    for (const list of [this.idle, this.safe]) {
      const at = list.findLastIndex((each) => each.serverName === name);
      if (at >= 0) return list.splice(at, 1)[0];
    }
    return undefined;
  }

  keep(upstream: Upstream, safe: boolean): void {
    const list = safe ? this.safe : this.idle;
    list.push(upstream);
    upstream.onIdleEnd = () => {
      const at = list.indexOf(upstream);
      if (at >= 0) list.splice(at, 1);
    };
  }

  purge(): void {
    const excess = this.used + this.size - Math.max(this.used, this.#need);
    this.#need = Math.max(this.#most, (this.#need + this.#most) >> 1);
    this.#most = this.used;
    if (excess > 0) this.#kill(Math.ceil(excess / 2));
  }

  clear(): void {
    this.#kill(this.size);
  }

  /** Keeps none from now on. */
  close(): void {
    this.#open = false;
    this.clear();
  }

  /** The oldest first. */
  #kill(count: number): void {
    const idle = this.idle.splice(0, count);
    const safe = this.safe.splice(0, count - idle.length);
    for (const upstream of [...idle, ...safe]) upstream.destroy();
  }
}

/** Idle server connections of the HTTP plane, per server; closed when their server goes down. */
export class Pools {
  readonly #pools = new Map<Server, ServerPool>();
  /** Of servers as they were before a reload: connections in use come back to these. */
  readonly #former = new WeakMap<Server, ServerPool>();
  #timer: NodeJS.Timeout | undefined;

  /** An idle connection to the server, the one last used, that was asked by this name. */
  take(server: Server, name?: string): Upstream | undefined {
    const pool = this.#of(server);
    for (let upstream = pool.take(name); upstream; upstream = pool.take(name)) {
      upstream.onIdleEnd = undefined;
      if (!upstream.alive) {
        upstream.destroy();
        continue;
      }
      pool.took();
      return upstream;
    }
    return undefined;
  }

  /** Counts a new connection as in use. */
  opened(server: Server): void {
    this.#of(server).took();
  }

  /** A connection in use is gone, or is given up. */
  closed(server: Server): void {
    this.#of(server).used -= 1;
  }

  /**
   * Keeps a connection whose exchange is complete, or closes it when there are enough. `safe`:
   * the request was not the first of its client.
   */
  put(upstream: Upstream, safe: boolean): void {
    const { server } = upstream;
    const pool = this.#of(server);
    const keep = upstream.alive && server.current.running && pool.wants(safe);
    pool.used -= 1;
    if (!keep) {
      upstream.destroy();
      return;
    }
    upstream.user = undefined;
    upstream.deadline.clear();
    upstream.served += 1;
    pool.keep(upstream, safe);
    this.#timer ??= setInterval(() => this.#purge(), PURGE_INTERVAL).unref();
  }

  /** Idle connections to a server now. */
  idle(server: Server): number {
    return this.#pools.get(server)?.idle.length ?? 0;
  }

  /** Those among the idle whose server has proved to keep connections open. */
  safe(server: Server): number {
    return this.#pools.get(server)?.safe.length ?? 0;
  }

  /** Connections in use now. */
  used(server: Server): number {
    return this.#pools.get(server)?.used ?? 0;
  }

  /** HAProxy's estimate of how many are needed at once. */
  need(server: Server): number {
    return this.#pools.get(server)?.need ?? 0;
  }

  /** Closes all idle connections. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const pool of this.#pools.values()) pool.clear();
  }

  /** After a reload: connections to servers that stay are kept, those to others closed. */
  keepFor(servers: ReadonlySet<Server>): void {
    for (const [server, pool] of this.#pools) {
      if (servers.has(server)) continue;
      this.#pools.delete(server);
      this.#former.set(server, pool);
      const { current } = server;
      if (servers.has(current) && sameDestination(server, current)) this.#adopt(current, pool);
      else pool.close();
    }
  }

  #adopt(server: Server, pool: ServerPool): void {
    this.#pools.set(server, pool);
    server.on('down', () => pool.clear());
    server.on('moved', () => pool.clear());
  }

  #of(server: Server): ServerPool {
    let pool = this.#pools.get(server) ?? this.#former.get(server);
    if (!pool) {
      pool = new ServerPool();
      this.#adopt(server, pool);
    }
    return pool;
  }

  #purge(): void {
    let idle = 0;
    for (const pool of this.#pools.values()) {
      pool.purge();
      idle += pool.size;
    }
    if (idle > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Whether a connection to one is as good as one to the other. */
function sameDestination({ config: a }: Server, { config: b }: Server): boolean {
  return (
    a.host === b.host &&
    a.port === b.port &&
    a.tls === undefined &&
    b.tls === undefined &&
    a.sendProxy === b.sendProxy
  );
}
