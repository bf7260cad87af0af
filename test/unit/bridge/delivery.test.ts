import { describe, expect, test } from 'vitest';
import { createDeliveryCounters } from '../../../services/bridge/delivery/counters.ts';
import { Delivery, type DeliveryOptions } from '../../../services/bridge/delivery/delivery.ts';
import type { Mark } from '../../../services/bridge/delivery/ledger.ts';
import { TopicDirectory } from '../../../services/bridge/delivery/topic-directory.ts';
import { type PackedRecord, unpackRecord } from '../../../services/bridge/kafka/packed-record.ts';
import {
  type KafkaRecord,
  ProduceError,
  type RecordProducer,
} from '../../../services/bridge/kafka/port.ts';
import { createLog } from '../../../services/core/log.ts';

const log = createLog({ service: 'test', level: 'silent' });

const record = (key: string, value: string, padding = 0): KafkaRecord => ({
  key: Buffer.from(key),
  value: Buffer.from(value.padEnd(value.length + padding)),
  headers: {},
  timestamp: 1,
});

/** A Kafka of two partitions that fails as it is told to, and keeps what it took. */
class FakeKafka implements RecordProducer {
  readonly written = new Map<string, string[]>();
  /** Batches by partition, as they came, failed ones included. */
  readonly attempts: { at: string; batch: readonly PackedRecord[] }[] = [];
  fail: (values: string[], attempt: number) => ProduceError | undefined = () => undefined;
  readonly busy = new Set<string>();
  overlaps = 0;
  largest = 0;

  async produce(topic: string, partition: number, batch: readonly PackedRecord[]): Promise<void> {
    const at = `${topic}/${partition}`;
    if (this.busy.has(at)) this.overlaps++;
    this.busy.add(at);
    this.attempts.push({ at, batch });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    this.busy.delete(at);
    const values = batch.map((one) => unpackRecord(one).value!.toString().trim());
    const failure = this.fail(values, this.attempts.length);
    if (failure !== undefined) throw failure;
    this.largest = Math.max(this.largest, batch.length);
    this.written.set(at, [...(this.written.get(at) ?? []), ...values]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  sever(): void {}
}

function setUp(options: Partial<DeliveryOptions> = {}) {
  const abort = new AbortController();
  const kafka = new FakeKafka();
  const counters = createDeliveryCounters();
  const settled: Mark[] = [];
  const delivery = new Delivery({
    producer: kafka,
    topics: new TopicDirectory({
      kafka: { partitions: () => Promise.resolve(2), createTopic: () => Promise.resolve() },
      create: true,
      log,
      signal: abort.signal,
    }),
    compression: 'none',
    partition: 'key',
    batch: { bytes: 2_000, wait: 1 },
    buffer: 10_000,
    deadLetter: 'dead',
    counters,
    admission: () => undefined,
    onSettled: (mark) => {
      mark.pending--;
      settled.push(mark);
    },
    onDelivered: () => {},
    log,
    signal: abort.signal,
    ...options,
  });
  return { delivery, kafka, counters, settled, abort };
}

const again = (): ProduceError => new ProduceError('again', 'TIMEOUT', 'no answer', undefined);

describe('delivery', () => {
  test('random failures lose nothing, break no order and send identical batches again', async () => {
    const { delivery, kafka, counters, settled } = setUp();
    kafka.fail = () => (Math.random() < 0.3 ? again() : undefined);
    for (let i = 0; i < 600; i++) {
      await delivery.relief();
      delivery.offer('t', record(`k${i % 7}`, `${i % 7}:${i}`), { pending: 0 });
    }
    await delivery.drained();
    const all = [...kafka.written.values()].flat();
    expect(new Set(all).size).toBe(600);
    expect(all).toHaveLength(600);
    const last = new Map<string, number>();
    for (const value of all) {
      const [key, number] = value.split(':');
      expect(Number(number)).toBeGreaterThan(last.get(key!) ?? -1);
      last.set(key!, Number(number));
    }
    expect(settled).toHaveLength(600);
    expect(kafka.overlaps).toBe(0);
    expect(counters.retries).toBeGreaterThan(0);
    // After a failure the next attempt of that partition is the very same batch.
    const byPartition = Map.groupBy(kafka.attempts, ({ at }) => at);
    let identical = 0;
    for (const attempts of byPartition.values()) {
      for (const [i, { batch }] of attempts.entries())
        if (attempts[i + 1]?.batch === batch) identical++;
    }
    expect(identical).toBe(counters.retries);
    expect(delivery.pendingBytes).toBe(0);
    console.log(`600 records, ${counters.batches} batches, ${counters.retries} sent again`);
  }, 60_000);

  test('what waits is bounded, and whoever reads is held', async () => {
    const { delivery, kafka } = setUp();
    let down = true;
    kafka.fail = () => (down ? again() : undefined);
    let offered = 0;
    while (!delivery.full) delivery.offer('t', record('k', String(offered++), 900), { pending: 0 });
    expect(offered).toBeLessThan(20);
    const relief = delivery.relief();
    expect(relief).toBeInstanceOf(Promise);
    down = false;
    await relief;
    expect(delivery.pendingBytes).toBeLessThanOrEqual(5_000);
    await delivery.drained();
    expect(kafka.largest).toBeLessThanOrEqual(2);
  });

  test('a record that Kafka never takes goes to the dead-letter topic, alone', async () => {
    const { delivery, kafka, counters, settled } = setUp();
    const tooLarge = new ProduceError('too-large', 'MESSAGE_TOO_LARGE', 'too large', undefined);
    kafka.fail = (values) =>
      values.includes('poison') && !kafka.attempts.at(-1)!.at.startsWith('dead')
        ? tooLarge
        : undefined;
    for (let i = 0; i < 10; i++)
      delivery.offer('t', record('k', i === 4 ? 'poison' : `${i}`), { pending: 0 });
    await delivery.drained();
    const of = (topic: string) =>
      [...kafka.written].filter(([at]) => at.startsWith(topic)).flatMap(([, values]) => values);
    expect(of('t')).toEqual(['0', '1', '2', '3', '5', '6', '7', '8', '9']);
    expect(of('dead')).toEqual(['poison']);
    const buried = kafka.attempts.find(({ at }) => at.startsWith('dead'))!.batch[0]!;
    const { headers } = unpackRecord(buried);
    expect(String(headers['bramble.dead-letter-topic'])).toBe('t');
    expect(String(headers['bramble.dead-letter-reason'])).toBe('too large');
    expect(counters.deadLetters).toBe(1);
    expect(settled).toHaveLength(10);
  });

  test('what not even the dead-letter topic takes is counted and given up', async () => {
    const { delivery, kafka, counters, settled } = setUp();
    kafka.fail = () => new ProduceError('rejected', 'INVALID_RECORD', 'no', undefined);
    delivery.offer('t', record('k', 'poison'), { pending: 0 });
    await delivery.drained();
    expect(counters).toMatchObject({ deadLetters: 1, refused: 1 });
    expect(settled).toHaveLength(1);
  });

  test('nothing is written while it may not be', async () => {
    let go: () => void = () => {};
    let admitted = false;
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { delivery, kafka } = setUp({ admission: () => (admitted ? undefined : wait) });
    delivery.offer('t', record('k', 'x'), { pending: 0 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(kafka.attempts).toHaveLength(0);
    admitted = true;
    go();
    await delivery.drained();
    expect(kafka.attempts).toHaveLength(1);
  });

  test('records without a key go round the partitions', async () => {
    const { delivery, kafka } = setUp();
    for (let i = 0; i < 10; i++) {
      delivery.offer('t', { ...record('', String(i)), key: null }, { pending: 0 });
    }
    await delivery.drained();
    expect([...kafka.written.values()].map((values) => values.length)).toEqual([5, 5]);
  });
});
