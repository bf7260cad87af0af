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
