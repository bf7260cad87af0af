import { z } from 'zod';
import { isTopicFilter } from '../mqtt-topics.ts';
import { type PlaceholderRules, parseTemplate, TemplateError } from './template.ts';
import { duration, size } from './units.ts';

/** What templates of `bridge.toKafka` may name. Levels of a topic count from 1. */
export const MQTT_PLACEHOLDERS = {
  topic: 'level',
  clientId: 'plain',
  node: 'plain',
  qos: 'plain',
  retain: 'plain',
  timestamp: 'plain',
  payload: 'fields',
} as const satisfies PlaceholderRules;

/** What templates of `bridge.toMqtt` may name. */
export const KAFKA_PLACEHOLDERS = {
  topic: 'plain',
  partition: 'plain',
  offset: 'plain',
  key: 'plain',
  timestamp: 'plain',
  header: 'fields',
  value: 'fields',
} as const satisfies PlaceholderRules;

function template(rules: PlaceholderRules) {
  return z
    .string()
    .min(1)
    .transform((text, context) => {
      try {
        return parseTemplate(text, rules);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    });
}

/** Names a mapping in metrics, in stored cursors and on command lines. */
const mappingName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use lower case letters, digits and inner hyphens');

/** Kafka: legal characters of a topic's name, at most 249 of them. */
const kafkaTopic = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,249}$/, 'use letters, digits, ".", "_" and "-"')
  .refine((name) => name !== '.' && name !== '..', 'no name of a topic');

/** A header's own name, and the template of its value. */
const headers = z.record(z.string().min(1).max(256), template(MQTT_PLACEHOLDERS)).default({});

/** One mapping from MQTT to Kafka. */
export const toKafkaSchema = z.strictObject({
  name: mappingName,
  /** MQTT topic filters; a message that several of them match is carried once. */
  filters: z
    .array(z.string().refine(isTopicFilter, 'no MQTT topic filter'))
    .min(1, 'at least one filter'),
  /** Where to. Characters that Kafka does not allow are replaced: `/` by `.`, others by `_`. */
  topic: template(MQTT_PLACEHOLDERS),
  /** Record key; without it records have none. A field that a payload lacks makes no key either. */
  key: template(MQTT_PLACEHOLDERS).optional(),
  /** `key`: murmur2 of the key, as Kafka's Java client; records without a key go round. */
  partition: z.enum(['key', 'round-robin']).default('key'),
  /** More record headers beside those that every record has. */
  headers,
  /** `raw`: the payload's bytes. `json`: an object with the payload and what is known about it. */
  value: z.enum(['raw', 'json']).default('raw'),
  compression: z.enum(['none', 'gzip', 'zstd']).default('none'),
  /** Lowest QoS that is carried. QoS 0 comes at best effort, straight from the brokers. */
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).default(1),
  /** Messages a second at most; the log holds what is above. No limit without it. */
  rate: z.number().positive().optional(),
  /** Where a mapping that is new begins: with what is published from now on, or what the log has. */
  start: z.enum(['latest', 'earliest']).default('latest'),
  /** Carries also what a mapping of `toMqtt` has published, which could go round for ever. */
  loops: z.boolean().default(false),
});

const toMqtt = z.strictObject({
  name: mappingName,
  /** Kafka topics. */
  topics: z.array(kafkaTopic).min(1, 'at least one topic'),
  /** Consumer group; default `bramble.CLUSTER.NAME`. */
  group: z.string().min(1).max(249).optional(),
  topic: template(KAFKA_PLACEHOLDERS),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).default(1),
  retain: z.boolean().default(false),
  /** Where a group that is new begins. */
  start: z.enum(['latest', 'earliest']).default('latest'),
  /** Carries also what a mapping of `toKafka` has written, which could go round for ever. */
  loops: z.boolean().default(false),
});

/** The way between MQTT and Kafka. */
export const bridge = z.strictObject({
  /** Where records go that Kafka or MQTT will never take, with the reason in a header. */
  deadLetter: kafkaTopic.default('bramble.dead-letter'),
  /**
   * Most bytes of one mapping that wait for Kafka in memory; the rest waits in the log. All mappings
   * to Kafka together have 16 MiB at most.
   */
  buffer: size.default(4 << 20),
  /** Most bytes of QoS 0 messages that wait for Kafka; above, they are dropped and counted. */
  buffer0: size.default(2 << 20),
  /** A batch goes when it has so many bytes, or its first record is so old. */
  batch: z
    .strictObject({
      bytes: size.default(512 << 10),
      wait: duration.default(5),
    })
    .prefault({}),
  /** Alert when this share of the log's retention is used up by what a mapping has not carried. */
  alert: z.number().gt(0).lt(1).default(0.5),
  toKafka: z.array(toKafkaSchema).default([]),
  toMqtt: z.array(toMqtt).default([]),
});

/** Kafka, wherever it is. Files are PEM, their paths relative to cluster.yaml. */
export const kafka = z.strictObject({
  /** `host:port`; some of them are enough to find the others. */
  bootstrap: z
    .array(z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'write host:port'))
    .min(1, 'at least one host:port'),
  tls: z
    .strictObject({
      /** Who signs Kafka's certificates; default the system's authorities. */
      authority: z.string().min(1).optional(),
      certificate: z.string().min(1).optional(),
      key: z.string().min(1).optional(),
    })
    .refine((tls) => (tls.certificate === undefined) === (tls.key === undefined), {
      message: 'a certificate and its key go together',
    })
    .optional(),
  sasl: z
    .strictObject({
      mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
      user: z.string().min(1),
      password: z.string().min(1),
    })
    .optional(),
  topics: z
    .strictObject({
      /** Makes topics that a mapping writes to and that are not there. */
      create: z.boolean().default(true),
      partitions: z.number().int().positive().max(1_000).default(6),
      /** Copies of a new topic; default as many as there are Kafka nodes, at most 3. */
      replicas: z.number().int().positive().max(9).optional(),
    })
    .prefault({}),
});

/** The same in cluster.yaml, whose nodes with the role kafka are the default of `bootstrap`. */
export const clusterKafka = kafka.extend({ bootstrap: kafka.shape.bootstrap.optional() });

export type BridgeSettings = z.output<typeof bridge>;
export type ToKafka = BridgeSettings['toKafka'][number];
export type ToMqtt = BridgeSettings['toMqtt'][number];
export type KafkaSettings = z.output<typeof kafka> & {
  /** How many nodes of the cluster itself run Kafka, where it is theirs. */
  own?: number;
};
