import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The file that the ansible role installs on a Pi: a template with plain placeholders. */
const TEMPLATE = fileURLToPath(
  new URL('../../ansible/roles/kafka/templates/server.properties.j2', import.meta.url),
);

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
  const { security = 'PLAINTEXT', sessionTimeout = 9_000, retentionHours = WEEK } = config;
  const { internalPartitions = nodes >= 3 ? 6 : 1 } = config;
  const inside = `INSIDE://${host}:${ports.inside}`;
  const clients = `CLIENTS://${host}:${ports.clients}`;
  return fill({
    kafka_node_id: id,
    kafka_listeners: `${clients},${inside},CONTROLLER://${host}:${ports.controller}`,
    kafka_advertised_listeners: `${clients},${inside}`,
    kafka_security_map: `CLIENTS:${security},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    kafka_inter_broker_listener: 'INSIDE',
    kafka_controllers: controllers.join(','),
    kafka_data: data,
    kafka_replicas: Math.min(nodes, 3),
    kafka_min_insync: nodes >= 3 ? 2 : 1,
    kafka_partitions: 1,
    kafka_internal_partitions: internalPartitions,
    kafka_rebalance_delay: 0,
    kafka_segment_bytes: SEGMENT,
    kafka_retention_hours: retentionHours,
    kafka_retention_bytes: -1,
    kafka_session_timeout: sessionTimeout,
    kafka_heartbeat: Math.floor(sessionTimeout / HEARTBEATS_PER_SESSION),
    kafka_extra: extra,
  });
}

function fill(values: Record<string, string | number>): string {
  return readFileSync(TEMPLATE, 'utf8').replace(/\{\{ (\w+) \}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${TEMPLATE} wants ${name}`);
    return String(value);
  });
}
