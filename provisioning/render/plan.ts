import type { ClusterConfig } from '#core/config/cluster.ts';
import type { DevPorts, NodePorts } from '#core/contracts/ports.ts';

/** One node that runs a broker and its nats-server. */
export interface PlannedNode {
  /** As in cluster.yaml. */
  name: string;
  /** Counts from 1: the N of broker-N and nats-N. */
  number: number;
  ports: NodePorts;
  /** Where its nats-server keeps JetStream's files. */
  store: string;
  /** Where its nats-server writes its process id. */
  pidFile: string;
}

/** Everything that the rendered files of a dev cluster depend on. */
export interface Plan {
  cluster: ClusterConfig;
  /** The cluster.yaml that the services read. */
  clusterFile: string;
  /** The address that everything listens on and is called at. */
  host: string;
  ports: DevPorts;
  nodes: readonly PlannedNode[];
  /** Whether this nats-server knows `sync_interval` (2.10 and later). */
  natsSyncInterval: boolean;
  /** A Kafka of its own (`--kafka`), and where it keeps its data. */
  kafka?: { data: string };
  /** Whether the balancer's statistics need no login: only where MQTT needs none either. */
  openStats: boolean;
}

/** The first lines of every rendered file, in the comment syntax that they all share. */
export function header(what: string, plan: Plan): string {
  return `# ${what}
# Rendered by bramble dev from ${plan.clusterFile}.
# Written anew at every start: change that file instead.`;
}
