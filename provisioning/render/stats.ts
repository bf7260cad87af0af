import { stringify } from 'yaml';
import type { z } from 'zod';
import type { statsConfigSchema } from '#core/contracts/service-config.ts';
import { bridgeNodes } from './bridge.ts';
import { header, type Plan } from './plan.ts';

/** `/metrics` of what runs beside the page. */
function metricsOf(plan: Plan): { service: string; url: string }[] {
  const { host, ports, nodes } = plan;
  const url = (port: number): string => `http://${host}:${port}/metrics`;
  return [
    { service: 'balancer', url: url(ports.balancerHealth) },
    ...nodes.map((node) => ({ service: 'broker', url: url(node.ports.health) })),
    ...bridgeNodes(plan).map(({ number }) => ({
      service: 'bridge',
      url: url(ports.bridgeHealth[number - 1]!),
    })),
  ];
}

/** stats.yaml: statsConfigSchema of core/contracts/service-config.ts. */
export function renderStats(plan: Plan): string {
  const { host, ports, nodes, clusterFile } = plan;
  const bridges = new Set(bridgeNodes(plan).map(({ name }) => name));
  const at = (port: number, path = '') => `http://${host}:${port}${path}`;
  const config: z.input<typeof statsConfigSchema> = {
    cluster: clusterFile,
    page: { host, port: ports.page },
    mqtt: { host, port: ports.mqtt },
    health: { host, port: ports.statsHealth },
    ...(plan.cluster.monitoring === undefined ? {} : { metrics: metricsOf(plan) }),
    supervisor: at(ports.supervisorHealth, '/status'),
    balancers: [{ node: nodes[0]!.name, status: at(ports.balancerHealth, '/status') }],
    nodes: nodes.map((node) => ({
      name: node.name,
      vitals: 'local',
      broker: at(node.ports.health, '/status'),
      nats: at(node.ports.natsMonitor),
      ...(bridges.has(node.name)
        ? { bridge: at(ports.bridgeHealth[node.number - 1]!, '/status') }
        : {}),
    })),
  };
  return `${header('The page: where it listens and whom it asks', plan)}
# All nodes are this one machine, so their vitals are the same.

${stringify(config)}`;
}
