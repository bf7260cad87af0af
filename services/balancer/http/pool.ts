import type { Server } from '../servers/server.ts';
import type { Upstream } from './upstream.ts';

/** HAProxy's `pool-purge-delay`: every so often half of what is too much is closed. */
const PURGE_INTERVAL = 5000;

/**
 * The idle connections of one server. How many are kept follows HAProxy: as many as were in use
 * at once lately, an estimate that halves its distance to the present with every purge.
 */
class ServerPool {
  readonly idle: Upstream[] = [];
  used = 0;
  #most = 0;
  #need = 0;

  took(): void {
    this.used += 1;
    if (this.used > this.#most) this.#most = this.used;
    if (this.used > this.#need) this.#need = this.used;
  }

  get need(): number {
    return this.#need;
  }

  /** Whether one that is still counted as used may stay. */
  get wantsMore(): boolean {
    return this.used + this.idle.length <= Math.max(this.used, this.#need);
  }

  purge(): void {
    const excess = this.used + this.idle.length - Math.max(this.used, this.#need);
    this.#need = Math.max(this.#most, (this.#need + this.#most) >> 1);
    this.#most = this.used;
    const kill = Math.min(Math.ceil(excess / 2), this.idle.length);
    if (kill > 0) for (const upstream of this.idle.splice(0, kill)) upstream.destroy();
  }
}

/** Idle server connections of the HTTP plane, per server; closed when their server goes down. */
export class Pools {
  readonly #pools = new Map<Server, ServerPool>();
  #timer: NodeJS.Timeout | undefined;

  /** An idle connection to the server, the one last used; undefined without one. */
  take(server: Server): Upstream | undefined {
    const pool = this.#of(server);
    for (let upstream = pool.idle.pop(); upstream; upstream = pool.idle.pop()) {
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

  /** Keeps a connection whose exchange is complete, or closes it when there are enough. */
  put(upstream: Upstream): void {
    const { server } = upstream;
    const pool = this.#of(server);
    const keep = upstream.alive && server.running && pool.wantsMore;
    pool.used -= 1;
    if (!keep) {
      upstream.destroy();
      return;
    }
    upstream.user = undefined;
    upstream.deadline.clear();
    upstream.served += 1;
    upstream.onIdleEnd = () => {
      const at = pool.idle.indexOf(upstream);
      if (at >= 0) pool.idle.splice(at, 1);
    };
    pool.idle.push(upstream);
    this.#timer ??= setInterval(() => this.#purge(), PURGE_INTERVAL).unref();
  }

  /** Idle connections now, of one server or of all. */
  idle(server?: Server): number {
    if (server) return this.#pools.get(server)?.idle.length ?? 0;
    let sum = 0;
    for (const pool of this.#pools.values()) sum += pool.idle.length;
    return sum;
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
    for (const pool of this.#pools.values()) this.#drop(pool);
  }

  #of(server: Server): ServerPool {
    let pool = this.#pools.get(server);
    if (!pool) {
      const fresh = new ServerPool();
      this.#pools.set(server, fresh);
      server.on('down', () => this.#drop(fresh));
      pool = fresh;
    }
    return pool;
  }

  #drop(pool: ServerPool): void {
    for (const upstream of pool.idle.splice(0)) upstream.destroy();
  }

  #purge(): void {
    let idle = 0;
    for (const pool of this.#pools.values()) {
      pool.purge();
      idle += pool.idle.length;
    }
    if (idle > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
