import { z } from 'zod';

/**
 * The small files that provisioning renders for each service: where to listen and whom to call.
 * What the owner decides stays in cluster.yaml, which they point to.
 */
const port = z.number().int().min(0).max(65_535);
const listen = z.strictObject({ host: z.string(), port });

export const brokerConfigSchema = z.strictObject({
  /** Node name, as in cluster.yaml. */
  node: z.string(),
  /** Path of cluster.yaml (users, ACLs, limits); read again on SIGHUP. */
  cluster: z.string(),
  listen: z.strictObject({
    /** MQTT over TCP. `proxyProtocol`: a PROXY v2 header from one of `trusted` is required. */
    mqtt: listen.extend({ proxyProtocol: z.boolean().default(false) }),
    /** MQTT over WebSocket, RFC 6455 subprotocol `mqtt`. */
    websocket: listen.extend({ proxyProtocol: z.boolean().default(false) }).optional(),
    /** The same over TLS, with the certificates of `mqtt.tls` in cluster.yaml. */
    mqttTls: listen.extend({ proxyProtocol: z.boolean().default(false) }).optional(),
    websocketTls: listen.extend({ proxyProtocol: z.boolean().default(false) }).optional(),
    health: listen,
  }),
  /**
   * Health ports of the second worker and the further ones: so many more processes share the
   * listeners. The first one's `/readyz` tells of all.
   */
  workerHealth: z.array(port).optional(),
  /** A directory whose files each ask that this node takes no clients: see core/drain.ts. */
  drain: z.string().optional(),
  /** Who may use `/admin/` on the health port; without it nobody. */
  admin: z.strictObject({ token: z.string().min(16) }).optional(),
  /** Addresses that may speak PROXY v2 to us. */
  trusted: z.array(z.string()).default(['127.0.0.1', '::1']),
  /** The nats-server of this node; without it the broker is alone. */
  nats: z
    .strictObject({
      url: z.string(),
      user: z.string(),
      password: z.string(),
      /** Its `pid_file`: a nats-server that runs and does not answer is ended, so name it only where
       * something starts it again. */
      pidFile: z.string().optional(),
      /**
       * Where it stores: when a majority of such disks is nearly full, messages are refused. With
       * `pidFile`, it stands still while its disk is full.
       */
      store: z.string().optional(),
      /** Who may hear what nats-servers tell each other; with it, one that is mute is ended too. */
      listener: z.strictObject({ user: z.string(), password: z.string() }).optional(),
      /**
       * Its monitoring URL. With it, and `node:NAME` in its `server_tags`, what a node stored when
       * it was alone is taken into the cluster that it becomes part of.
       */
      monitor: z.string().optional(),
    })
    .optional(),
});
export type BrokerConfig = z.output<typeof brokerConfigSchema>;

export const bridgeConfigSchema = z.strictObject({
  node: z.string(),
  /** Path of cluster.yaml (its `bridge` and `kafka` parts); read again on SIGHUP. */
  cluster: z.string(),
  health: listen,
  /** Who may use `/admin/` on the health port; without it nobody. */
  admin: z.strictObject({ token: z.string().min(16) }).optional(),
  /** The nats-server of this node, where the log is. */
  nats: z.strictObject({ url: z.string(), user: z.string(), password: z.string() }),
  /**
   * Where to publish what comes from Kafka, and where QoS 0 comes from: `mqtt://host:port`. `more`
   * are tried in turn when it does not answer.
   */
  mqtt: z.strictObject({ url: z.url(), more: z.array(z.url()).optional() }),
});
export type BridgeConfig = z.output<typeof bridgeConfigSchema>;

export const statsConfigSchema = z.strictObject({
  cluster: z.string(),
  /** The page. */
  page: listen,
  health: listen,
  /** Where clients reach MQTT, as the page shows it; default the VIP or the first balancer, 1883. */
  mqtt: listen.optional(),
  /** Path of the dev supervisor's or watchdog's `/status`, for process states and events. */
  supervisor: z.string().optional(),
  /** `/metrics` of the other services of this machine, for whom `monitoring` of cluster.yaml lets in. */
  metrics: z.array(z.strictObject({ service: z.string(), url: z.string() })).optional(),
  balancers: z.array(z.strictObject({ node: z.string(), status: z.string() })),
  nodes: z.array(
    z.strictObject({
      name: z.string(),
      /** `local`: this machine's own vitals; else the URL of the other node's `/api/vitals`. */
      vitals: z.string(),
      /** `/status` of the node's broker. */
      broker: z.string().optional(),
      /** `/status` of the node's watchdog. */
      watchdog: z.string().optional(),
      /** `/status` of what decides whether the node may have the virtual addresses. */
      vip: z.string().optional(),
      /** `/status` of the node's bridge. */
      bridge: z.string().optional(),
      /** nats-server's monitoring URL. */
      nats: z.string().optional(),
    }),
  ),
});
export type StatsConfig = z.output<typeof statsConfigSchema>;

const url = z.url({ protocol: /^http$/ });
export const watchdogConfigSchema = z.strictObject({
  node: z.string(),
  health: listen,
  /** From one round of checks to the next, milliseconds. */
  interval: z.number().int().min(50).default(5000),
  /** Factor on the times that a service is given to start, to settle and to prove itself well. */
  pace: z.number().min(0.01).max(10).default(1),
  /** Directory for what outlives a reboot. */
  state: z.string(),
  /** Where the services keep their data: full or read-only, nothing is restarted. */
  data: z.string(),
  /** Where this node's wish to be drained is put: see core/drain.ts. */
  drain: z.string(),
  services: z.array(
    z.strictObject({
      name: z.string(),
      /** Its systemd unit. */
      unit: z.string(),
      alive: z
        .array(
          z.union([
            z.strictObject({ tcp: listen }),
            z.strictObject({ mqtt: listen.extend({ proxyProtocol: z.boolean().default(false) }) }),
            z.strictObject({ http: url }),
            /** A file with its process id: it does something all the time. */
            z.strictObject({ pulse: z.string() }),
            z.strictObject({
              kafka: listen.extend({
                /** Its listener for clients speaks TLS. */
                tls: z.boolean().default(false),
                /** Of all nodes: without a majority of them none takes clients. */
                controllers: z.array(listen).min(1),
              }),
            }),
          ]),
        )
        .min(1),
      /** Its `/readyz`: unready for minutes counts as down, unless what it needs is unready too. */
      ready: url.optional(),
      needs: z.array(z.string()).default([]),
      /** Whether clients are sent to other nodes before its second restart. */
      drain: z.boolean().default(false),
      /** Whether the node may be restarted for its sake. */
      reboot: z.boolean().default(false),
    }),
  ),
  /** What the other nodes' watchdogs say, on their pages. */
  peers: z.array(z.strictObject({ name: z.string(), status: url })).default([]),
});
export type WatchdogConfig = z.output<typeof watchdogConfigSchema>;

export const vipConfigSchema = z.strictObject({
  node: z.string(),
  /** This node's address: the network card that has it is to have the virtual ones. */
  address: z.string(),
  /** Those that it may come to have. None: it only tells the others that it is there. */
  addresses: z.array(z.string()),
  /** The other nodes of the cluster. */
  peers: z.array(z.strictObject({ name: z.string(), address: z.string() })),
  /** Datagrams from node to node, signed with `key`. */
  heartbeat: z.strictObject({
    port,
    key: z.string().min(16),
    /** Between two, milliseconds. */
    interval: z.number().positive(),
    /** A node that was not heard for so long is not reached, milliseconds. */
    lost: z.number().positive(),
  }),
  /** Answers 200 to `GET /` while the balancer has a usable MQTT broker. */
  serving: listen.optional(),
  /** What two nodes ask; default: the router of the default route. */
  gateway: z.string().optional(),
  health: listen,
  /** A directory whose files each ask that this node gives its addresses away: core/drain.ts. */
  drain: z.string().optional(),
  /** Where keepalived is told: `fault` and `fault-others` (0 or 1), and `interface.conf`. */
  run: z.string(),
});
export type VipConfig = z.output<typeof vipConfigSchema>;
