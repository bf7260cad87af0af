import { parseCluster } from '#core/config/cluster.ts';
import { devPorts } from '#core/contracts/ports.ts';
import { newClusterYaml } from '../../../provisioning/dev/cluster-file.ts';
import type { Plan } from '../../../provisioning/render/plan.ts';

export interface PlanOptions {
  secret?: string;
  stats?: { user: string; password: string } | undefined;
  syncInterval?: boolean;
  openStats?: boolean;
  root?: string;
}

/** The plan of a dev cluster on high ports. */
export function planOf(nodes: number, options: PlanOptions = {}): Plan {
  const { root = '/tmp/bramble', syncInterval = false } = options;
  const cluster = parseCluster(newClusterYaml(nodes));
  if (options.secret !== undefined) cluster.cluster.secret = options.secret;
  if ('stats' in options) {
    if (options.stats) cluster.balancer.stats = options.stats;
    else delete cluster.balancer.stats;
  }
  const ports = devPorts(nodes, 40_000);
  return {
    cluster,
    clusterFile: `${root}/cluster.yaml`,
    by: 'a test',
    host: '127.0.0.1',
    publicHost: '127.0.0.1',
    trusted: ['127.0.0.1'],
    ports,
    nodes: cluster.nodes.map(({ name }, index) => ({
      name,
      number: index + 1,
      host: '127.0.0.1',
      ports: ports.nodes[index]!,
      store: `${root}/store/nats-${index + 1}`,
      pidFile: `${root}/nats-${index + 1}.pid`,
      drain: `${root}/drain-${index + 1}`,
    })),
    natsSyncInterval: syncInterval,
    openStats: options.openStats ?? false,
  };
}
