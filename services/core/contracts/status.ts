import { z } from 'zod';

/**
 * The bodies of `/status`, by service. Times are milliseconds since the epoch, sizes bytes,
 * counters count since the process started. Readers ignore keys they do not know, so that nodes
 * of two releases can look at each other during an upgrade.
 */
const processPart = {
  pid: z.number().int(),
  startedAt: z.number(),
  rss: z.number(),
  /** CPU time used, seconds. */
  cpu: z.number(),
  ready: z.boolean(),
  reasons: z.array(z.string()),
};

export const brokerStatusSchema = z.object({
  service: z.literal('broker'),
  node: z.string(),
  ...processPart,
  /** Connections that have completed CONNECT, now. */
  clients: z.number(),
  clientsMax: z.number(),
  /** CONNECTs accepted and refused. */
  connects: z.number(),
  refused: z.number(),
  /** Connections ended because the client id connected again, here or elsewhere. */
  takeovers: z.number(),
  /** Subscriptions of this node's sessions. */
  subscriptions: z.number(),
  sessions: z.number(),
  retained: z.number(),
  /** PUBLISH packets from clients, and to clients. */
  messagesIn: z.number(),
  messagesOut: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  /** Messages dropped because their subscriber did not read. */
  dropped: z.number(),
  /** Messages to and from the other nodes. */
  routedOut: z.number(),
  routedIn: z.number(),
  natsConnected: z.boolean(),
  /** The processes that share the node's ports, where they are several; the rest is their sum. */
  workers: z
    .array(
      z.object({
        node: z.string(),
        pid: z.number().int(),
        startedAt: z.number(),
        ready: z.boolean(),
        rss: z.number(),
        cpu: z.number(),
        clients: z.number(),
      }),
    )
    .optional(),
});
export type BrokerStatus = z.output<typeof brokerStatusSchema>;

/** One row of HAProxy's statistics (management guide, section 9.1): its own column names. */
export const statRowSchema = z.record(z.string(), z.union([z.string(), z.number()]));
export type StatRow = z.output<typeof statRowSchema>;

export const balancerStatusSchema = z.object({
  service: z.literal('balancer'),
  ...processPart,
  /** The rows of `;csv`, in its order. */
  rows: z.array(statRowSchema),
});
export type BalancerStatus = z.output<typeof balancerStatusSchema>;

export const PROCESS_STATES = ['starting', 'ready', 'stopping', 'stopped', 'backoff'] as const;

/** Something that happened, for the timeline. */
export const eventSchema = z.object({
  at: z.number(),
  level: z.enum(['info', 'warning', 'critical']),
  /** What it is about: `broker-1`, `pi2`, `balancer`, … */
  subject: z.string(),
  text: z.string(),
});
export type ClusterEvent = z.output<typeof eventSchema>;

export const supervisorStatusSchema = z.object({
  service: z.literal('supervisor'),
  pid: z.number().int(),
  startedAt: z.number(),
  processes: z.array(
    z.object({
      /** `balancer`, `stats`, `broker-N`, `nats-N`. */
      name: z.string(),
      node: z.string().optional(),
      state: z.enum(PROCESS_STATES),
      pid: z.number().int().optional(),
      startedAt: z.number().optional(),
      restarts: z.number(),
      /** Why it last ended, in words (`killed by SIGKILL`). */
      lastExit: z.object({ at: z.number(), reason: z.string() }).optional(),
    }),
  ),
  events: z.array(eventSchema),
});
export type SupervisorStatus = z.output<typeof supervisorStatusSchema>;

/** What a node's watchdog sees and does. */
export const watchdogStatusSchema = z.object({
  service: z.literal('watchdog'),
  node: z.string(),
  ...processPart,
  services: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['starting', 'up', 'down', 'stopped']),
      /** Since when, as far as this process knows. */
      since: z.number(),
      /** Why it is down; '' when it is not. */
      reason: z.string(),
      /** What was last done for it and has not been outlived yet. */
      rung: z.enum(['restart', 'drain-restart', 'reboot', 'quarantine']).optional(),
      /** How often that was tried. */
      tries: z.number().optional(),
    }),
  ),
  /** Since when it takes this node down to mend it: one node of a cluster at a time. */
  working: z.number().optional(),
  /** Whether it has begun: others wait for it then, whatever their clocks say. */
  acting: z.boolean().optional(),
  /** How many reboots it may still ask for now. */
  rebootsLeft: z.number(),
  events: z.array(eventSchema),
});
export type WatchdogStatus = z.output<typeof watchdogStatusSchema>;

/** Whether a node may have the virtual addresses, and which it has. */
export const vipStatusSchema = z.object({
  service: z.literal('vip'),
  node: z.string(),
  ...processPart,
  /** keepalived is told that this node must not have them; `reasons` says why. */
  fault: z.boolean(),
  /** Since when that is so. */
  since: z.number(),
  owned: z.array(z.string()),
  /** The same with since when, as far as this process knows; older releases do not say. */
  held: z.array(z.object({ address: z.string(), since: z.number() })).optional(),
  peers: z.array(
    z.object({
      name: z.string(),
      /** It is heard, and hears us. */
      reached: z.boolean(),
      /** It says that it can serve. */
      serves: z.boolean(),
    }),
  ),
});
export type VipStatus = z.output<typeof vipStatusSchema>;
