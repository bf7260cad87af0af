import type { ClusterConfig } from '#core/config/cluster.ts';
import { virtualAddresses } from '#core/config/vrrp.ts';
import { STANDARD_PORTS } from '#core/contracts/ports.ts';
import type { StatsConfig } from '#core/contracts/service-config.ts';
import type { ClusterFacts } from './model/cluster-model.ts';

/** What the page says of cluster.yaml: names and addresses, never a secret. */
export function clusterFacts(cluster: ClusterConfig, config: StatsConfig): ClusterFacts {
  const front = cluster.nodes.find((node) => node.roles.includes('balancer')) ?? cluster.nodes[0];
  return {
    addresses: virtualAddresses(cluster),
    name: cluster.cluster.name,
    connect: {
      host: config.mqtt?.host ?? cluster.vip ?? front?.address ?? '127.0.0.1',
      port: config.mqtt?.port ?? STANDARD_PORTS.mqtt,
      credentials: !cluster.mqtt.anonymous,
    },
    nodes: new Map(cluster.nodes.map((node) => [node.name, node])),
  };
}
