import { createHmac } from 'node:crypto';
import { at, header, type Plan, type PlannedNode } from './plan.ts';

export interface NatsLogin {
  user: string;
  password: string;
}

/** A broker, another nats-server, who administers all of them, who listens to them. */
export type NatsUse = 'client' | 'route' | 'system' | 'listener';

/**
 * Logins derived from the cluster's secret, one for each use, so that a leaked one does not open
 * the other. Hexadecimal, hence safe in URLs and in the configuration's syntax.
 */
export function natsLogin(secret: string, use: NatsUse): NatsLogin {
  return { user: use, password: createHmac('sha256', secret).update(`nats ${use}`).digest('hex') };
}

/** Largest NATS message over the largest MQTT packet: topic, properties and routing headers. */
const PAYLOAD_MARGIN = 64 << 10;
const DEFAULT_MAX_PAYLOAD = 1 << 20;
/** On disk beside the log (mqtt.log.bytes): sessions, retained messages, Raft's own files. */
const STORE_MARGIN = 1_280 << 20;

/**
 * nats-N.conf, in nats-server's own language.
 *
 * One node is alone. Two or more are a cluster in which each carries JetStream. With two, a
 * majority is both: nothing stored is lost when one of them ends, but storing waits until it is
 * back, while messages between the living go on. From three on, any one may be missing.
 */
export function renderNats(plan: Plan, node: PlannedNode): string {
  const { cluster, host } = plan;
  const client = natsLogin(cluster.cluster.secret, 'client');
  const system = natsLogin(cluster.cluster.secret, 'system');
  const listener = natsLogin(cluster.cluster.secret, 'listener');
  const payload = Math.max(DEFAULT_MAX_PAYLOAD, cluster.mqtt.limits.packet) + PAYLOAD_MARGIN;
  return `${header(`nats-server of ${node.name}`, plan)}

server_name: ${JSON.stringify(node.name)}
# Where streams of this node are to stay when it joins others.
server_tags: [${JSON.stringify(`node:${node.name}`)}]

# The broker ends this process when it runs and does not answer.
pid_file: ${JSON.stringify(node.pidFile)}

# Brokers connect here. The password is derived from cluster.secret.
listen: "${host}:${node.ports.nats}"
authorization {
  users: [ { user: ${client.user}, password: "${client.password}" } ]
  timeout: 5
}

# Who takes a node out of the cluster for good (bramble remove-node) logs in as the first. The
# broker listens as the second whether this server answers the others after its start.
accounts {
  $SYS {
    users: [
      { user: ${system.user}, password: "${system.password}" }
      {
        user: ${listener.user}, password: "${listener.password}"
        permissions: { publish: { deny: ">" }, subscribe: ["$NRG.R.*", "$NRG.V.*"] }
      }
    ]
  }
}

# Monitoring: /healthz, /varz, /jsz …
http: "${host}:${node.ports.natsMonitor}"

# The largest MQTT packet (mqtt.limits.packet) and what comes around it.
max_payload: ${payload}

# A peer that is gone without closing its connection is noticed after three of these.
ping_interval: "5s"
ping_max: 2

jetstream {
  store_dir: ${JSON.stringify(node.store)}
  # Sized for a Pi: streams live in files, memory is for the few that ask for it.
  max_memory_store: 64MB
  max_file_store: ${cluster.mqtt.log.bytes + STORE_MARGIN}
${syncInterval(plan)}
}
${routes(plan, node)}`;
}

function syncInterval({ natsSyncInterval, cluster }: Plan): string {
  const { flush } = cluster.mqtt.durability;
  if (!natsSyncInterval) {
    return `  # This nats-server is older than 2.10 and has no sync_interval: it writes through to the disk
  # every two minutes, and a power cut of all nodes may lose that much, whatever
  # mqtt.durability says.`;
  }
  if (flush === 'always') {
    return `  # mqtt.durability: each record is on the disk before it counts, so a power cut loses nothing.
  sync_interval: always`;
  }
  return `  # mqtt.durability.flush: after a power cut of all nodes at most this much is lost.
  sync_interval: "${flush}ms"`;
}

/** What brokers store passes from node to node here. */
function tls({ routeTls }: PlannedNode): string {
  if (routeTls === undefined) return '';
  return `  # Both ends show a certificate that follows from cluster.secret, for the node's own address.
  tls {
    cert_file: ${JSON.stringify(routeTls.certificate)}
    key_file: ${JSON.stringify(routeTls.certificate)}
    ca_file: ${JSON.stringify(routeTls.authority)}
    verify: true
    timeout: 5
  }
`;
}

function routes({ cluster, nodes }: Plan, node: PlannedNode): string {
  if (nodes.length === 1) return '';
  const { user, password } = natsLogin(cluster.cluster.secret, 'route');
  const urls = nodes
    .filter((peer) => peer !== node)
    .map((peer) => `    "nats-route://${user}:${password}@${at(peer.host, peer.ports.natsRoute)}"`);
  return `
# The other nodes. Who does not know this login, derived from cluster.secret too, is no peer.
cluster {
  name: ${JSON.stringify(cluster.cluster.name)}
  listen: "${at(node.host, node.ports.natsRoute)}"
  authorization {
    user: ${user}
    password: "${password}"
    timeout: 5
  }
${tls(node)}  routes: [
${urls.join('\n')}
  ]
}
`;
}
