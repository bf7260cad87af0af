import { z } from 'zod';

/** The three JetStream streams in which the bridges keep where they are, and their subjects. */
export const BRIDGE_STREAM = 'BRAMBLE_BRIDGE';
export const BRIDGE_SUBJECT = 'bramble.mapping';

/** Who carries a mapping, and how far it has come. */
export function bridgeStateKey(mapping: string): string {
  return `state.${mapping}`;
}

/** What the owner of the cluster wants of a mapping: that it pauses, or starts again elsewhere. */
export function bridgeControlKey(mapping: string): string {
  return `control.${mapping}`;
}

/** What the brokers need of a mapping's state: by shard the first record that it has to read. */
export const holdSchema = z.object({ floor: z.array(z.number().int().nonnegative()) });

/** A mapping's state. */
export const bridgeStateSchema = holdSchema.extend({
  /** Node and incarnation of the bridge that has it; '' = nobody. */
  owner: z.string(),
  /** Counts the changes of hands. */
  epoch: z.number().int().nonnegative(),
  /** The place in the log, as Base64; '' = none yet. */
  cursor: z.string(),
  /** When the place was stored last, milliseconds since the epoch. */
  savedAt: z.number(),
  /** Last command of `bridgeControlKey` that was carried out. */
  control: z.number().int().nonnegative().default(0),
  /** Tells one write from all others. */
  nonce: z.string(),
});
export type BridgeState = z.output<typeof bridgeStateSchema>;

export const bridgeControlSchema = z.object({
  paused: z.boolean(),
  /** Start again at this time (milliseconds since the epoch), or at an end of the log. */
  replay: z.union([z.number(), z.literal('earliest'), z.literal('latest')]).optional(),
  /** Counts the replays that were asked for. */
  number: z.number().int().nonnegative(),
});
export type BridgeControl = z.output<typeof bridgeControlSchema>;

const lagSchema = z.object({
  /** Not in Kafka yet; by what a record of the log held on average. */
  messages: z.number(),
  bytes: z.number(),
  /** Age of the oldest message that is not in Kafka, seconds; 0 = none. */
  seconds: z.number(),
  /** How much of what the log keeps is behind, by bytes or by age: 1 = the next ones are lost. */
  retention: z.number(),
});
export type BridgeLag = z.output<typeof lagSchema>;

export const toKafkaRowSchema = z.object({
  name: z.string(),
  /** `carrying`: at work here; `elsewhere`: another bridge has it; `paused` by its owner. */
  state: z.enum(['carrying', 'buffering', 'paused', 'elsewhere', 'doubtful']),
  /** Bridge that has it; '' = nobody. */
  owner: z.string(),
  /** What is wrong, in words. */
  problem: z.string().optional(),
  lag: lagSchema.optional(),
  delivered: z.number(),
  bytes: z.number(),
  retries: z.number(),
  /** Times after which copies are possible. */
  renewals: z.number(),
  deadLetters: z.number(),
  refused: z.number(),
  /** QoS 0 messages that found no room. */
  dropped: z.number(),
  /** Records of the log that were gone before they were read. */
  lost: z.number(),
  /** Records that wait in memory. */
  pending: z.number(),
});
export type ToKafkaRow = z.output<typeof toKafkaRowSchema>;

export const toMqttRowSchema = z.object({
  name: z.string(),
  /** Partitions that this bridge reads, by topic. */
  assigned: z.record(z.string(), z.array(z.number())),
  problem: z.string().optional(),
  /** Records that Kafka holds and that are not published, as far as this bridge reads them. */
  lag: z.number(),
  published: z.number(),
  bytes: z.number(),
  looped: z.number(),
  deadLetters: z.number(),
});
export type ToMqttRow = z.output<typeof toMqttRowSchema>;

/** `/status` of a bridge. */
export const bridgeStatusSchema = z.object({
  service: z.literal('bridge'),
  node: z.string(),
  pid: z.number().int(),
  startedAt: z.number(),
  rss: z.number(),
  cpu: z.number(),
  ready: z.boolean(),
  reasons: z.array(z.string()),
  /** `reachable`, or why not: then the log buffers. `asked`: whether that is known by now. */
  kafka: z.object({
    asked: z.boolean(),
    reachable: z.boolean(),
    brokers: z.number(),
    reason: z.string().optional(),
  }),
  /** Bridges that are alive, as this one hears. */
  bridges: z.array(z.string()),
  toKafka: z.array(toKafkaRowSchema),
  toMqtt: z.array(toMqttRowSchema),
});
export type BridgeStatus = z.output<typeof bridgeStatusSchema>;
