import { stringify } from 'yaml';
import type { z } from 'zod';
import type { bridgeConfigSchema } from '#core/contracts/service-config.ts';
import { adminToken } from './broker.ts';
import { natsLogin } from './nats.ts';
import { at, header, type Plan, type PlannedNode } from './plan.ts';

/** The nodes that run a bridge: those with the role, or all where none has it. */
export function bridgeNodes({ cluster, nodes }: Plan): readonly PlannedNode[] {
  if (cluster.bridge === undefined) return [];
  const named = new Set(
    cluster.nodes.filter(({ roles }) => roles.includes('bridge')).map(({ name }) => name),
  );
  return named.size === 0 ? nodes : nodes.filter(({ name }) => named.has(name));
}

/** bridge-N.yaml: bridgeConfigSchema of core/contracts/service-config.ts. */
export function renderBridge(plan: Plan, node: PlannedNode): string {
  const { host, cluster, clusterFile, ports } = plan;
  const { secret } = cluster.cluster;
  const config: z.input<typeof bridgeConfigSchema> = {
    node: node.name,
    cluster: clusterFile,
    health: { host, port: ports.bridgeHealth[node.number - 1]! },
    admin: { token: adminToken(secret) },
    nats: { url: `nats://${host}:${node.ports.nats}`, ...natsLogin(secret, 'client') },
    mqtt: connectors(plan, node),
  };
  return `${header(`Bridge of ${node.name}: where it listens and whom it calls`, plan)}
# Mappings, and where Kafka is, are read from cluster.yaml itself (bridge, kafka).
# mqtt: the connectors' port of a balancer; the bridge's user there is derived from cluster.secret.

${stringify(config)}`;
}

/** The balancer of its own node, or where there is none those of the others. */
function connectors({ balancers, host, ports }: Plan, { name }: PlannedNode) {
  const isNear = balancers === undefined || balancers.some((node) => node.name === name);
  const hosts = isNear ? [host] : balancers.map(({ address }) => address);
  const [url, ...more] = hosts.map((one) => `mqtt://${at(one, ports.connectors)}`);
  return { url: url!, ...(more.length === 0 ? {} : { more }) };
}
