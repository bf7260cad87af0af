import type { ClusterConfig } from '#core/config/cluster.ts';
import type { ClusterPorts, NodePorts } from '#core/contracts/ports.ts';

/** One node that runs a broker and its nats-server. */
export interface PlannedNode {
  /** As in cluster.yaml. */
  name: string;
  /** Counts from 1: the N of broker-N and nats-N. */
  number: number;
  /** The address that the other nodes reach it at. */
  host: string;
  ports: NodePorts;
  /** Where its nats-server keeps JetStream's files. */
  store: string;
  /** Where its nats-server writes its process id. */
  pidFile: string;
  /** Paths of what its nats-server shows others, and checks them by; none where all are on loopback. */
  routeTls?: { certificate: string; authority: string };
  /** Whose files ask that it takes no clients: see core/drain.ts. */
  drain: string;
}

/** Everything that the rendered files depend on. */
export interface Plan {
  cluster: ClusterConfig;
  /** The cluster.yaml that the services read. */
  clusterFile: string;
  /** The command that renders, for the files' first lines. */
  by: string;
  /** The address of what is for this machine alone. */
  host: string;
  /** Where the balancer listens for clients. */
  publicHost: string;
  /** Addresses of the balancers, which alone may tell brokers who a client is. */
  trusted: readonly string[];
  /** The nodes with a balancer, and where it is; undefined: it is on `host`. */
  balancers?: readonly { name: string; address: string }[];
  ports: ClusterPorts;
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
# Rendered by ${plan.by} from ${plan.clusterFile}.
# Written anew each time: change that file instead.`;
}

/** An address with its port, as URLs and configuration files write it (RFC 3986, 3.2.2). */
export function at(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
