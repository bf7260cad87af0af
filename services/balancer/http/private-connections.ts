import type { Server } from '../servers/server.ts';
import type { Pools } from './pool.ts';
import type { Upstream } from './upstream.ts';

/** HAProxy's `max-session-srv-conns`, its default. */
const MAX_PRIVATE = 5;

/**
 * Idle server connections that only one client may use again: they began with a PROXY header that
 * tells of it, or its backend says `http-reuse never`.
 */
export class PrivateConnections {
  readonly #idle: Upstream[] = [];
  readonly #pools: Pools;

  constructor(pools: Pools) {
    this.#pools = pools;
  }

  put(upstream: Upstream): void {
    this.#pools.closed(upstream.server);
    if (!upstream.alive || !upstream.server.current.running || this.#idle.length >= MAX_PRIVATE) {
      upstream.finish();
      return;
    }
    upstream.user = undefined;
    upstream.deadline.clear();
    upstream.served += 1;
    upstream.onIdleEnd = () => this.#forget(upstream);
    this.#idle.push(upstream);
  }

  take(server: Server, name: string | undefined): Upstream | undefined {
    const found = this.#idle.find((one) => one.server === server && one.key === name);
    if (!found) return undefined;
    this.#forget(found);
    found.onIdleEnd = undefined;
    if (!found.alive) {
      found.destroy();
      return undefined;
    }
    this.#pools.opened(server);
    return found;
  }

  /** Its client is gone. */
  close(): void {
    for (const upstream of this.#idle.splice(0)) upstream.destroy();
  }

  #forget(upstream: Upstream): void {
    const at = this.#idle.indexOf(upstream);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}
