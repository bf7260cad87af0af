import { z } from 'zod';

/**
 * The bodies of the broker's `/admin/`: who is connected, what is kept, who is banned. Times are
 * milliseconds since the epoch, sizes bytes, rates per second over the last five seconds. Readers
 * ignore keys they do not know.
 */
const rates = z.object({
  messagesIn: z.number(),
  messagesOut: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
});

export const clientRowSchema = z.object({
  clientId: z.string(),
  /** User name; '' = anonymous. */
  user: z.string(),
  address: z.string(),
  port: z.number(),
  /** `mqtt`, `mqtts`, `ws`, `wss`. */
  listener: z.string(),
  /** Protocol level: 3 = MQTT 3.1, 4 = 3.1.1, 5. */
  version: z.number(),
  /** Seconds; 0 = none. */
  keepAlive: z.number(),
  connectedAt: z.number(),
  subscriptions: z.number(),
  /** QoS 1 and 2 that were sent and not acknowledged. */
  inflight: z.number(),
  /** Messages outside the log that wait. */
  queued: z.number(),
  /** It does not keep up, and reads the log on its own. */
  behind: z.boolean(),
  /** What its socket has not taken yet. */
  waiting: z.number(),
  /** PUBLISH packets from and to it. */
  messagesIn: z.number(),
  messagesOut: z.number(),
  /** All bytes from and to it. */
  bytesIn: z.number(),
  bytesOut: z.number(),
  rates,
});
export type ClientRow = z.output<typeof clientRowSchema>;

export const subscriptionRowSchema = z.object({
  filter: z.string(),
  qos: z.number(),
  noLocal: z.boolean(),
  retainAsPublished: z.boolean(),
  retainHandling: z.number(),
});

export const clientDetailSchema = clientRowSchema.extend({
  node: z.string(),
  sessionExpiry: z.number(),
  receiveMaximum: z.number(),
  /** Publishes that were refused. */
  refusals: z.number(),
  will: z
    .object({ topic: z.string(), qos: z.number(), retain: z.boolean(), delay: z.number() })
    .optional(),
  filters: z.array(subscriptionRowSchema),
});
export type ClientDetail = z.output<typeof clientDetailSchema>;

/** One page of a list; `next` is the `from` of the one after it, absent on the last. */
const page = <T extends z.ZodType>(rows: T) =>
  z.object({
    node: z.string(),
    total: z.number(),
    next: z.number().optional(),
    rows: z.array(rows),
  });

export const clientsSchema = page(clientRowSchema);

export const sessionRowSchema = z.object({
  clientId: z.string(),
  user: z.string(),
  connected: z.boolean(),
  /** The node that has it, or had it last. */
  node: z.string(),
  subscriptions: z.number(),
  /** Session expiry interval, seconds; 4294967295 = never. */
  expiry: z.number(),
  /** When it ends; 0 while connected, null = never. */
  endsAt: z.number().nullable(),
  /** A will waits to be published. */
  will: z.boolean(),
});
export type SessionRow = z.output<typeof sessionRowSchema>;
export const sessionsSchema = page(sessionRowSchema);

export const retainedRowSchema = z.object({
  topic: z.string(),
  qos: z.number(),
  /** Of the payload. */
  size: z.number(),
  /** When it expires; absent = never. */
  expiresAt: z.number().optional(),
  /** Its first bytes, as text where they are text, else in base64. */
  preview: z.string(),
  encoding: z.enum(['utf8', 'base64']),
  truncated: z.boolean(),
});
export type RetainedRow = z.output<typeof retainedRowSchema>;
export const retainedSchema = z.object({
  node: z.string(),
  /** Retained messages of the cluster and their bytes. */
  total: z.number(),
  bytes: z.number(),
  next: z.number().optional(),
  rows: z.array(retainedRowSchema),
});

export const topicRowSchema = z.object({
  topic: z.string(),
  /** Publishes to it by this node's clients a second, and their payload bytes. */
  messages: z.number(),
  bytes: z.number(),
});
export type TopicRow = z.output<typeof topicRowSchema>;
export const topicsSchema = z.object({
  node: z.string(),
  /** Seconds that the rates are over. */
  seconds: z.number(),
  /** A topic that is not listed has had at most this many messages a second. */
  error: z.number(),
  rows: z.array(topicRowSchema),
});

export const banSchema = z.object({
  kind: z.enum(['client', 'user', 'address']),
  value: z.string(),
  why: z.string(),
  by: z.string(),
  since: z.number(),
  until: z.number(),
});
export type BanRow = z.output<typeof banSchema>;
export const bansSchema = z.object({ node: z.string(), rows: z.array(banSchema) });

export const shardRowSchema = z.object({
  shard: z.number(),
  stream: z.string(),
  leader: z.string().optional(),
  replicas: z.array(z.object({ node: z.string(), current: z.boolean(), lag: z.number() })),
  firstSequence: z.number(),
  lastSequence: z.number(),
  bytes: z.number(),
  /** Sequence up to which this node has read. */
  read: z.number(),
});
export type ShardRow = z.output<typeof shardRowSchema>;
export const shardsSchema = z.object({ node: z.string(), rows: z.array(shardRowSchema) });

export const membersSchema = z.object({
  node: z.string(),
  startedAt: z.number(),
  ready: z.boolean(),
  reasons: z.array(z.string()),
  /** The other brokers that this one hears. */
  peers: z.array(z.string()),
});

export const kickedSchema = z.object({ kicked: z.boolean() });
export const liftedSchema = z.object({ lifted: z.boolean() });
