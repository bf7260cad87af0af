import { at } from './plan.ts';

export interface KafkaNodeConfig {
  id: number;
  host: string;
  /** Clients, the other nodes, and the controllers among themselves. */
  ports: { clients: number; inside: number; controller: number };
  /** `host:port` of every controller. */
  controllers: readonly string[];
  /** Where it keeps its logs. */
  data: string;
  nodes: number;
  /** Of the clients' listener: PLAINTEXT, SASL_PLAINTEXT, SSL, SASL_SSL. */
  security?: string;
  /** Of the listeners between nodes. */
  inside?: string;
  /** Milliseconds of silence after which a node's partitions get other leaders. */
  sessionTimeout?: number;
  retentionHours?: number;
  /** Of each internal topic. */
  internalPartitions?: number;
  /** More lines. */
  extra?: string;
}

const HEARTBEATS_PER_SESSION = 6;
const SEGMENT = 16 << 20;
const WEEK = 168;

/** server.properties of one Kafka node (KRaft, controller and broker in one process). */
export function renderKafka(config: KafkaNodeConfig): string {
  const { id, host, ports, controllers, data, nodes, extra = '' } = config;
  const { security = 'PLAINTEXT', inside = 'PLAINTEXT', sessionTimeout = 9_000 } = config;
  const { retentionHours = WEEK, internalPartitions = nodes >= 3 ? 6 : 1 } = config;
  const advertised = `CLIENTS://${at(host, ports.clients)},INSIDE://${at(host, ports.inside)}`;
  const replicas = Math.min(nodes, 3);
  const inSync = nodes >= 3 ? 2 : 1;
  return `# One Kafka node in KRaft mode, controller and broker in one process.
# Sized for a Raspberry Pi: the heap is set by whoever starts it (256 to 512 MB).

process.roles=broker,controller
node.id=${id}
listeners=${advertised},CONTROLLER://${at(host, ports.controller)}
advertised.listeners=${advertised}
listener.security.protocol.map=CLIENTS:${security},INSIDE:${inside},CONTROLLER:${inside}
inter.broker.listener.name=INSIDE
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=${controllers.join(',')}
log.dirs=${data}

# Every copy of a record before it counts as written: with three nodes any one may be missing.
default.replication.factor=${replicas}
min.insync.replicas=${inSync}
offsets.topic.replication.factor=${replicas}
transaction.state.log.replication.factor=${replicas}
transaction.state.log.min.isr=${inSync}
share.coordinator.state.topic.replication.factor=${replicas}
share.coordinator.state.topic.min.isr=${inSync}
unclean.leader.election.enable=false
# Topics are made by who knows how many partitions they need.
auto.create.topics.enable=false

# Few internal partitions: each is a handful of files and some memory.
num.partitions=1
offsets.topic.num.partitions=${internalPartitions}
transaction.state.log.num.partitions=${internalPartitions}
share.coordinator.state.topic.num.partitions=${internalPartitions}
group.initial.rebalance.delay.ms=0

# Memory and wear of a card: a small buffer for the cleaner, small segments, and metadata that is
# written every 5 s where nothing happens, not every 500 ms.
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=${SEGMENT}
metadata.max.idle.interval.ms=5000
num.network.threads=2
num.io.threads=4
background.threads=2
queued.max.requests=64
log.retention.hours=${retentionHours}
log.retention.bytes=-1

# A node that is silent for so long is out, and its partitions get other leaders.
broker.session.timeout.ms=${sessionTimeout}
broker.heartbeat.interval.ms=${Math.floor(sessionTimeout / HEARTBEATS_PER_SESSION)}
${extra}
`;
}
