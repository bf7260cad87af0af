import type { BalancerStatus } from '#core/contracts/status.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { HealthServer, type Unreadiness } from '#core/health.ts';
import { Counter, createRegistry } from '#core/metrics.ts';
import { processPart } from '#core/process-part.ts';
import type { Balancer } from './balancer.ts';
import { registerMetrics } from './metrics.ts';
import { buildRows } from './stats/rows.ts';

/**
 * The health port of a balancer that runs as one of our services; `address` is `host:port` on
 * loopback, as BRAMBLE_HEALTH has it. Throws USAGE for anything else.
 *
 * Ready means that every bind listens. A backend without a usable server is a reason in `/status`,
 * not unreadiness: its clients would be no better off with the other proxies of this process taken
 * away as well.
 */
export function createHealthServer(balancer: Balancer, address: string): HealthServer {
  const { host, port } = parseAddress(address);
  const registry = createRegistry({});
  registerMetrics(registry, balancer);
  new Counter({
    name: 'haproxy_process_dropped_logs_total',
    help: 'Log lines given up because a target did not take them.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(balancer.droppedLogLines);
    },
  });
  const unready = (): Unreadiness => (balancer.listening ? [] : ['not listening']);
  const status = (): BalancerStatus => {
    const part = processPart(unready());
    return {
      service: 'balancer',
      ...part,
      reasons: [...part.reasons, ...lostBackends(balancer)],
      rows: buildRows(balancer, balancer.serverConnections),
    };
  };
  return new HealthServer({ host, port, unready, registry, status });
}

function lostBackends(balancer: Balancer): string[] {
  return balancer.backends
    .filter((backend) => backend.servers.length > 0 && !backend.usable)
    .map((backend) => `${backend.config.name} has no usable server`);
}

function parseAddress(address: string): { host: string; port: number } {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const port = Number(found?.[3]);
  if (!found || port > 0xffff) {
    throw new BrambleError(ERROR_CODES.USAGE, `BRAMBLE_HEALTH: '${address}' is not host:port`);
  }
  return { host: (found[1] ?? found[2])!, port };
}
