import { createHmac } from 'node:crypto';
import { header, type Plan, type PlannedNode } from './plan.ts';

/** How the nats-servers of a cluster know each other. */
export type NatsTopology = 'alone' | 'hub' | 'cluster';

/**
 * One node: no peers. Two: the first carries JetStream alone and the second hangs on it as a leaf
 * node. Three or more: a cluster.
 *
 * Two clustered servers would be worse than one: JetStream's own Raft group then needs both of
 * them, so the death of either stops every durable write, and each restart costs an election of 4
 * to 9 s. As hub and leaf, the second may die without notice, and the first is back as fast as it
 * starts.
 */
export function natsTopology(nodes: number): NatsTopology {
  if (nodes === 1) return 'alone';
  return nodes === 2 ? 'hub' : 'cluster';
}

export interface NatsLogin {
  user: string;
  password: string;
}

/**
 * Logins derived from the cluster's secret, one for each use, so that a leaked one does not open
 * the other. Hexadecimal, hence safe in URLs and in the configuration's syntax.
 */
export function natsLogin(secret: string, use: 'client' | 'route'): NatsLogin {
  return { user: use, password: createHmac('sha256', secret).update(`nats ${use}`).digest('hex') };
}

/** Largest NATS message over the largest MQTT packet: topic, properties and routing headers. */
const PAYLOAD_MARGIN = 64 << 10;
const DEFAULT_MAX_PAYLOAD = 1 << 20;

/** nats-N.conf, in nats-server's own language. */
export function renderNats(plan: Plan, node: PlannedNode): string {
  const { cluster, host } = plan;
  const client = natsLogin(cluster.cluster.secret, 'client');
  const payload = Math.max(DEFAULT_MAX_PAYLOAD, cluster.mqtt.limits.packet) + PAYLOAD_MARGIN;
  return `${header(`nats-server of ${node.name}`, plan)}

server_name: ${JSON.stringify(node.name)}

# Brokers connect here. The password is derived from cluster.secret.
listen: "${host}:${node.ports.nats}"
authorization {
  user: ${client.user}
  password: "${client.password}"
  timeout: 5
}

# Monitoring: /healthz, /varz, /jsz …
http: "${host}:${node.ports.natsMonitor}"

# The largest MQTT packet (mqtt.limits.packet) and what comes around it.
max_payload: ${payload}

# A peer that is gone without closing its connection is noticed after three of these.
ping_interval: "5s"
ping_max: 2
${jetStream(plan, node)}${peers(plan, node)}`;
}

function jetStream(plan: Plan, node: PlannedNode): string {
  if (isLeaf(plan, node)) return '';
  const sync = plan.natsSyncInterval
    ? `
  # After a power cut at most this much is lost.
  sync_interval: "1s"`
    : `
  # This nats-server has no sync_interval (2.10 and later have): a power cut may lose two minutes.`;
  return `
jetstream {
  store_dir: ${JSON.stringify(node.store)}
  # Sized for a Pi: streams live in files, memory is for the few that ask for it.
  max_memory_store: 64MB
  max_file_store: 2GB${sync}
}
`;
}

function isLeaf(plan: Plan, node: PlannedNode): boolean {
  return natsTopology(plan.nodes.length) === 'hub' && node.number > 1;
}

function peers(plan: Plan, node: PlannedNode): string {
  const { cluster, host, nodes } = plan;
  const { user, password } = natsLogin(cluster.cluster.secret, 'route');
  const login = `authorization {
    user: ${user}
    password: "${password}"
    timeout: 5
  }`;
  const at = (peer: PlannedNode) => `${user}:${password}@${host}:${peer.ports.natsRoute}`;

  switch (natsTopology(nodes.length)) {
    case 'alone':
      return '';
    case 'hub':
      if (!isLeaf(plan, node)) {
        return `
# Two nodes have no majority, so JetStream is here alone and the other node is a leaf of this one.
leafnodes {
  listen: "${host}:${node.ports.natsRoute}"
  ${login}
}
`;
      }
      return `
# Two nodes have no majority, so JetStream is on ${nodes[0]!.name} and this one is its leaf.
leafnodes {
  reconnect: 1
  remotes: [ { url: "nats-leaf://${at(nodes[0]!)}" } ]
}
`;
    case 'cluster':
      return `
cluster {
  name: ${JSON.stringify(cluster.cluster.name)}
  listen: "${host}:${node.ports.natsRoute}"
  ${login}
  routes: [
${nodes
  .filter((peer) => peer !== node)
  .map((peer) => `    "nats-route://${at(peer)}"`)
  .join('\n')}
  ]
}
`;
  }
}
