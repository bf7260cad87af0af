/**
 * Which port everything listens on. On a Pi each service has its standard port; in `bramble dev`
 * all nodes share one machine, so every port is an offset from one base.
 */
export const STANDARD_PORTS = {
  mqtt: 1883,
  mqttTls: 8883,
  connectors: 1884,
  websocket: 8083,
  websocketTls: 8084,
  page: 80,
  stats: 8081,
  brokerMqtt: 11883,
  brokerWebsocket: 11083,
  nats: 4222,
  natsRoute: 6222,
  kafka: 9092,
} as const;

/**
 * What decides on a Pi whether it may have the virtual address: its heartbeats between nodes (UDP),
 * its health, and where it asks the balancer, both on loopback.
 */
export const VIP_PORTS = { heartbeat: 21_895, health: 21_894, serving: 21_893 } as const;

/** What one node listens on. */
export interface NodePorts {
  mqtt: number;
  websocket: number;
  health: number;
  nats: number;
  natsRoute: number;
  natsMonitor: number;
  /** The broker's own TLS listeners, where cluster.yaml has `mqtt.tls`. */
  mqttTls: number;
  websocketTls: number;
  /** Health of the broker's second and third worker (`mqtt.workers`). */
  workerHealth: readonly [number, number];
}

/** What the whole cluster listens on. */
export interface ClusterPorts {
  mqtt: number;
  connectors: number;
  websocket: number;
  /** Where cluster.yaml has `mqtt.tls`. */
  mqttTls: number;
  websocketTls: number;
  page: number;
  stats: number;
  balancerHealth: number;
  statsHealth: number;
  supervisorHealth: number;
  nodes: NodePorts[];
  /** By node, where cluster.yaml has `bridge`. */
  bridgeHealth: number[];
  /** Of the Kafka that `--kafka` starts: clients, itself, its controller. */
  kafka: { clients: number; inside: number; controller: number };
}

/** Public ports of `bramble dev` without `--base-port`: the standard ones that need no privilege. */
const DEV_PUBLIC = {
  mqtt: 1883,
  connectors: 1884,
  websocket: 8083,
  mqttTls: 8883,
  websocketTls: 8084,
  page: 8080,
  stats: 8081,
};
/** Base of the internal ports without `--base-port`. */
const DEV_INTERNAL_BASE = 21_880;
/** Offset of the first node's ports from the base, and from one node to the next. */
const FIRST_NODE = 10;
const NODE_STEP = 10;
const KAFKA_PORTS = 3;

/**
 * The dev layout. With `base`: mqtt +0, connectors +1, websocket +2, page +3, stats +4, balancer
 * health +5, stats health +6, supervisor +7, MQTT over TLS +8, WebSocket over TLS +9; node i (from 0) has its broker's mqtt at
 * +10+10·i, websocket +1, health +2, nats +3, nats route +4, nats monitor +5, MQTT over TLS +6,
 * WebSocket over TLS +7 and the health of more workers +8 and +9 from there; behind the last node
 * the health of each node's bridge, and Kafka's clients, itself and its controller.
 */
export function devPorts(nodes: number, base?: number): ClusterPorts {
  const from = base ?? DEV_INTERNAL_BASE;
  const behind = from + FIRST_NODE + NODE_STEP * nodes;
  const moved = {
    mqtt: from,
    connectors: from + 1,
    websocket: from + 2,
    page: from + 3,
    stats: from + 4,
    mqttTls: from + 8,
    websocketTls: from + 9,
  };
  return {
    ...(base === undefined ? DEV_PUBLIC : moved),
    balancerHealth: from + 5,
    statsHealth: from + 6,
    supervisorHealth: from + 7,
    bridgeHealth: Array.from({ length: nodes }, (_, index) => behind + index),
    kafka: {
      clients: base === undefined ? STANDARD_PORTS.kafka : behind + nodes,
      inside: behind + nodes + 1,
      controller: behind + nodes + 2,
    },
    nodes: Array.from({ length: nodes }, (_, index) => {
      const first = from + FIRST_NODE + NODE_STEP * index;
      return {
        mqtt: first,
        websocket: first + 1,
        health: first + 2,
        nats: first + 3,
        natsRoute: first + 4,
        natsMonitor: first + 5,
        mqttTls: first + 6,
        websocketTls: first + 7,
        workerHealth: [first + 8, first + 9],
      };
    }),
  };
}

/** How many consecutive ports a dev cluster of `nodes` takes from its base. */
export function devPortSpan(nodes: number): number {
  return FIRST_NODE + NODE_STEP * nodes + nodes + KAFKA_PORTS;
}

/** On a Pi each node has a machine of its own, so all have the same ports. */
const PI_NODE: NodePorts = {
  mqtt: STANDARD_PORTS.brokerMqtt,
  websocket: STANDARD_PORTS.brokerWebsocket,
  health: 21_890,
  nats: STANDARD_PORTS.nats,
  natsRoute: STANDARD_PORTS.natsRoute,
  natsMonitor: 8222,
  mqttTls: 11_884,
  websocketTls: 11_084,
  workerHealth: [21_891, 21_892],
};

/** The layout of a cluster of Pis. */
export function piPorts(nodes: number): ClusterPorts {
  const { mqtt, connectors, websocket, mqttTls, websocketTls, page, stats } = STANDARD_PORTS;
  return {
    ...{ mqtt, connectors, websocket, mqttTls, websocketTls, page, stats },
    balancerHealth: 21_885,
    statsHealth: 21_886,
    supervisorHealth: 21_887,
    bridgeHealth: Array.from({ length: nodes }, () => 21_888),
    kafka: { clients: STANDARD_PORTS.kafka, inside: 9094, controller: 9093 },
    nodes: Array.from({ length: nodes }, () => PI_NODE),
  };
}
