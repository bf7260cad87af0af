import { randomUUID } from 'node:crypto';
import kafkajs, { type KafkaMessage } from 'kafkajs';
import { installCodecs } from '../../../services/bridge/kafka/codecs.ts';

export interface Found {
  topic: string;
  partition: number;
  offset: number;
  key: string | null;
  value: string;
  headers: Record<string, string>;
  timestamp: number;
}

const TIMEOUT = 60_000;

/** Everything that a topic holds now, each partition in its order. */
export async function readTopic(
  bootstrap: string[],
  topic: string,
  config: Partial<kafkajs.KafkaConfig> = {},
): Promise<Found[]> {
  installCodecs();
  const client = new kafkajs.Kafka({
    brokers: bootstrap,
    clientId: 'reader',
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 20 },
    ...config,
  });
  const admin = client.admin();
  await admin.connect();
  const ends = new Map<number, number>();
  try {
    if (!(await admin.listTopics()).includes(topic)) return [];
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) > Number(low)) ends.set(partition, Number(high));
    }
  } finally {
    await admin.disconnect();
  }
  if (ends.size === 0) return [];
  const found: Found[] = [];
  const consumer = client.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${topic} is not read to its end`)), TIMEOUT);
    void consumer.run({
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages) found.push(foundOf(topic, batch.partition, message));
        const end = ends.get(batch.partition);
        if (end !== undefined && Number(batch.lastOffset()) + 1 >= end) {
          ends.delete(batch.partition);
        }
        if (ends.size === 0) {
          clearTimeout(timer);
          resolve();
        }
      },
    });
  });
  await consumer.disconnect();
  return found;
}

function foundOf(topic: string, partition: number, message: KafkaMessage): Found {
  const { key, value, headers = {}, offset, timestamp } = message;
  return {
    topic,
    partition,
    offset: Number(offset),
    key: key?.toString() ?? null,
    value: value?.toString() ?? '',
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, String(text ?? '')]),
    ),
    timestamp: Number(timestamp),
  };
}

export interface Audit {
  /** Acknowledged and not in Kafka. */
  missing: string[];
  /** Records beyond the first with the same value. */
  copies: number;
  /** First arrivals of a value behind a later one of its key. */
  disordered: number;
}

/**
 * Compares what was acknowledged with what arrived. Values are `KEY:NUMBER`, with numbers that rise
 * within a key.
 */
export function auditRecords(
  acknowledged: Iterable<string>,
  found: readonly Pick<Found, 'value'>[],
): Audit {
  const seen = new Set<string>();
  const last = new Map<string, number>();
  let copies = 0;
  let disordered = 0;
  for (const { value } of found) {
    if (seen.has(value)) {
      copies++;
      continue;
    }
    seen.add(value);
    const colon = value.lastIndexOf(':');
    const [key, number] = [value.slice(0, colon), Number(value.slice(colon + 1))];
    if ((last.get(key) ?? -1) > number) disordered++;
    last.set(key, Math.max(number, last.get(key) ?? -1));
  }
  const missing = [...acknowledged].filter((value) => !seen.has(value));
  return { missing, copies, disordered };
}

/** Keys whose last record is not their latest: who keeps the last value of a key has an old one. */
export function staleKeys(found: readonly Pick<Found, 'value'>[]): string[] {
  const last = new Map<string, number>();
  const highest = new Map<string, number>();
  for (const { value } of found) {
    const colon = value.lastIndexOf(':');
    const [key, number] = [value.slice(0, colon), Number(value.slice(colon + 1))];
    last.set(key, number);
    highest.set(key, Math.max(number, highest.get(key) ?? -1));
  }
  return [...last].filter(([key, number]) => highest.get(key) !== number).map(([key]) => key);
}
