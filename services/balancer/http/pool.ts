import type { PoolLimits } from '../model.ts';
import type { Server } from '../servers/server.ts';
import type { Reuse } from './reuse.ts';
import type { Upstream } from './upstream.ts';

/** HAProxy's defaults of `pool-max-conn`, `pool-low-conn` and `pool-purge-delay`. */
const DEFAULT_LIMITS: PoolLimits = { max: -1, low: 0, purgeDelay: 5000 };

/**
 * The idle connections of one server. How many are kept follows HAProxy: as many as were in use
 * at once lately, an estimate that halves its distance to the present with every purge, and in
 * any case one of each kind. `safe` are those that have carried more than one request: they have
 * proved that the server keeps connections open.
 */
class ServerPool {
  readonly idle: Upstream[] = [];
  readonly safe: Upstream[] = [];
  used = 0;
  limits = DEFAULT_LIMITS;
  #timer: NodeJS.Timeout | undefined;
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
    const { max, low, purgeDelay } = this.limits;
    if (!this.#open || purgeDelay === 0 || (max >= 0 && this.size >= max)) return false;
    if (this.safe.length === 0 && (safe || this.idle.length === 0)) return true;
    return this.used + this.size <= Math.max(this.used, this.#need) + low;
  }

  /** The one last used, for its server is least likely to have given it up. */
  take(name: string | undefined, reuse: Reuse): Upstream | undefined {
    const first = reuse === 'idle-first' ? this.idle : this.safe;
    const second = reuse === 'idle-first' ? this.safe : reuse === 'safe' ? [] : this.idle;
    if (name === undefined) return first.pop() ?? second.pop();
    for (const list of [first, second]) {
      const at = list.findLastIndex((each) => each.key === name);
      if (at >= 0) return list.splice(at, 1)[0];
    }
    return undefined;
  }

  keep(upstream: Upstream, safe: boolean): void {
    this.#timer ??= setInterval(() => this.purge(), this.limits.purgeDelay).unref();
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
    if (this.size === 0) this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  clear(): void {
    this.#stop();
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

  /** An idle connection to the server, the one last used, that was asked by this name. */
  take(server: Server, name?: string, reuse: Reuse = 'idle-first'): Upstream | undefined {
    const pool = this.#of(server);
    for (let upstream = pool.take(name, reuse); upstream; upstream = pool.take(name, reuse)) {
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
   * the request was not its first.
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
    pool.limits = server.config.pool ?? DEFAULT_LIMITS;
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
