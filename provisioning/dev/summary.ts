import type { ClusterConfig } from '#core/config/cluster.ts';
import type { Plan } from '../render/plan.ts';

/** What the owner needs to know once everything is up. */
export interface Summary {
  host: string;
  ports: {
    mqtt: number;
    connectors: number;
    websocket: number;
    /** Where cluster.yaml has `mqtt.tls`. */
    mqttTls?: number;
    websocketTls?: number;
    page: number;
    stats?: number;
    /** Where a Kafka was started. */
    kafka?: number;
  };
  nodes: readonly string[];
  /** Whom to log in as; undefined where no credentials are needed. */
  login: { user: string; password: string } | undefined;
  /** Nobody can log in at all. */
  closed: boolean;
  /** Who may see the balancer's statistics; undefined where they are open or not served. */
  stats: { user: string; password: string } | undefined;
  /** Milliseconds from the start of the command. */
  took: number;
}

const HASHED = /^\$(scrypt|argon2id)\$/;
/** Shown where only a hash is known. */
const UNKNOWN_PASSWORD = 'PASSWORD';

export function summarize(plan: Plan, took: number): Summary {
  const { cluster, host, ports, nodes, openStats } = plan;
  const stats = openStats ? undefined : cluster.balancer.stats;
  return {
    host,
    ports: {
      mqtt: ports.mqtt,
      connectors: ports.connectors,
      websocket: ports.websocket,
      ...(cluster.mqtt.tls === undefined
        ? {}
        : { mqttTls: ports.mqttTls, websocketTls: ports.websocketTls }),
      page: ports.page,
      ...(stats === undefined && !openStats ? {} : { stats: ports.stats }),
      ...(plan.kafka === undefined ? {} : { kafka: ports.kafka.clients }),
    },
    nodes: nodes.map(({ name }) => name),
    login: loginOf(cluster),
    closed: !cluster.mqtt.anonymous && cluster.mqtt.users.length === 0,
    stats,
    took,
  };
}

/** An admin whose password can be shown, else the first user. */
function loginOf({ mqtt }: ClusterConfig): Summary['login'] {
  if (mqtt.anonymous) return undefined;
  const users = mqtt.users.flatMap(({ name, admin, password }) =>
    password === undefined ? [] : [{ name, admin, password }],
  );
  const readable = users.filter(({ password }) => !HASHED.test(password));
  const chosen = readable.find(({ admin }) => admin) ?? readable[0] ?? users[0];
  if (!chosen) return undefined;
  const password = HASHED.test(chosen.password) ? UNKNOWN_PASSWORD : chosen.password;
  return { user: chosen.name, password };
}
