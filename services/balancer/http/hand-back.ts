import type { Pools } from './pool.ts';
import type { Upstream } from './upstream.ts';

/** A server's connection is done with an exchange: kept for the next one, or ended. */
export function handBack(upstream: Upstream, pools: Pools, keep: boolean, again: boolean): void {
  upstream.socket.resume();
  if (keep && upstream.server.config.sendProxy === undefined) {
    pools.put(upstream, again);
    return;
  }
  pools.closed(upstream.server);
  upstream.finish();
}
