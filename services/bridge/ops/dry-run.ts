import { z } from 'zod';
import { type ToKafka, toKafkaSchema } from '#core/config/bridge.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import { partitionOf } from '../kafka/murmur2.ts';
import type { KafkaPort } from '../kafka/port.ts';
import type { SourceMessage } from '../outbound/source-message.ts';
import { Translator } from '../outbound/translator.ts';

export interface DryRunOptions {
  consumer: LogConsumer;
  kafka: Pick<KafkaPort, 'partitions'>;
  cluster: () => string;
}

const VALUE_SHOWN = 200;
const HEAD_WAIT = 200;
const RUNS_MAX = 2;

const requestSchema = z.strictObject({
  mapping: toKafkaSchema,
  /** Records to show, and how long to wait for them, milliseconds. */
  count: z.number().int().min(1).max(100).default(10),
  wait: z.number().int().min(1).max(60_000).default(10_000),
});

interface Shown {
  topic?: string;
  partition?: number;
  key: string | null;
  headers: Record<string, string>;
  value: string;
  /** Why there is no topic to which it could go. */
  problem?: string;
}

/** What a mapping would make of the traffic of this moment; nothing is written. */
export class DryRun {
  readonly #options: DryRunOptions;
  #running = 0;

  constructor(options: DryRunOptions) {
    this.#options = options;
  }

  /** Throws ZodError for a mapping that is none, RangeError when too many run. */
  async run(body: unknown): Promise<{ seen: number; matched: number; records: Shown[] }> {
    const { mapping, count, wait } = requestSchema.parse(body);
    if (this.#running >= RUNS_MAX) throw new RangeError(`${RUNS_MAX} dry runs at a time`);
    this.#running++;
    try {
      return await this.#watch(mapping, count, performance.now() + wait);
    } finally {
      this.#running--;
    }
  }

  async #watch(mapping: ToKafka, count: number, until: number) {
    const { consumer, cluster } = this.#options;
    const translator = new Translator(mapping, cluster());
    const reader = consumer.reader(consumer.head);
    const records: Shown[] = [];
    let seen = 0;
    let matched = 0;
    while (records.length < count && performance.now() < until) {
      const result = reader.next();
      if (result === 'head') await consumer.advanced(HEAD_WAIT);
      else if (result === 'wait') await reader.load();
      else {
        for (const message of result.messages) {
          seen++;
          const found = translator.translate(message as SourceMessage, result.time);
          if (message.qos === 0 || found === undefined) continue;
          matched++;
          if (records.length < count) records.push(await this.#show(mapping, found));
        }
      }
    }
    return { seen, matched, records };
  }

  async #show(
    mapping: ToKafka,
    found: NonNullable<ReturnType<Translator['translate']>>,
  ): Promise<Shown> {
    const { topic, record } = found;
    const { key, value, headers } = record;
    const partitions =
      topic === undefined ? undefined : await this.#options.kafka.partitions(topic).catch(() => 0);
    const byKey = key !== null && mapping.partition === 'key';
    return {
      ...(topic === undefined ? { problem: found.reason } : { topic }),
      ...(byKey && partitions ? { partition: partitionOf(key, partitions) } : {}),
      key: key?.toString() ?? null,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, `${text}`])),
      value: value?.subarray(0, VALUE_SHOWN).toString() ?? '',
    };
  }
}
