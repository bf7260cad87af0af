import type { BrokerConfig } from './service-config.ts';

/** No host label has it (RFC 1123), so a worker's name is never another node's. */
const SEPARATOR = '.';

/** The first worker has the node's own name, the others `pi1.2`, `pi1.3`. */
export function workerName(node: string, worker: number): string {
  return worker === 1 ? node : `${node}${SEPARATOR}${worker}`;
}

/** The node that a worker is on. */
export function nodeOfWorker(name: string): string {
  const end = name.indexOf(SEPARATOR);
  return end === -1 ? name : name.slice(0, end);
}

export function workersOf({ workerHealth = [] }: BrokerConfig): number {
  return 1 + workerHealth.length;
}

/** What one worker (from 1) runs with: the same listeners, and a health port of its own. */
export function workerConfig(config: BrokerConfig, worker: number): BrokerConfig {
  const { workerHealth = [] } = config;
  const port = worker === 1 ? config.listen.health.port : workerHealth[worker - 2]!;
  return {
    ...config,
    node: workerName(config.node, worker),
    listen: { ...config.listen, health: { ...config.listen.health, port } },
    // Only the first one asks after the others.
    workerHealth: worker === 1 ? workerHealth : [],
  };
}
