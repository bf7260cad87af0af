import type { ExchangeClient } from './client-side.ts';
import type { Upstream } from './upstream.ts';

/** A server's connection is done with an exchange: kept for the next one, or ended. */
export function handBack(upstream: Upstream, client: ExchangeClient, keep: boolean): void {
  upstream.resume();
  const { config, backend } = upstream.server;
  const worn = config.maxReuse !== undefined && upstream.served >= config.maxReuse;
  if (keep && !worn) {
    const { httpReuse, dispatch } = backend.config;
    const shared = config.sendProxy === undefined && httpReuse !== 'never' && config !== dispatch;
    if (shared) client.pools.put(upstream, upstream.served > 0);
    else client.own.put(upstream);
    return;
  }
  client.pools.closed(upstream.server);
  upstream.finish();
}
