// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterParts, Publisher, startBridges, type TestBridges } from '../support/bridge.ts';
import { eventually, inbox, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, readTopic } from '../support/kafka/read.ts';
import { LONG, seconds } from './duration.ts';
import { report } from './report.ts';

const START = 300_000;
const RATE = 300;
const STORM = LONG ? 20 : 5;
const RECORDS = 3_000;
/** What a hand-over may take, milliseconds. */
const HAND_OVER = 5_000;

/** Three nodes with a broker each, and bridges on two of them. */
describe('nodes die', () => {
  let kafka: TestKafka;
  let cluster: TestBrokers;
  let bridges: TestBridges;

  beforeAll(async () => {
    kafka = await startKafka();
    const admin = new kafkajs.Kafka({
      brokers: kafka.bootstrap,
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic: 'down', numPartitions: 4, replicationFactor: 1 }],
    });
    await admin.disconnect();
    cluster = await startBrokers({
      count: 3,
      mqtt: clusterParts(
        '{ anonymous: true }',
        { bootstrap: kafka.bootstrap, topics: { partitions: 3 } },
        {
          toKafka: [{ name: 'up', filters: ['up/#'], topic: 'up', key: '${topic.2}' }],
          toMqtt: [{ name: 'down', topics: ['down'], topic: 'down/${key}', start: 'earliest' }],
        },
      ),
    });
    bridges = await startBridges(cluster, 2);
  }, START);

  afterAll(async () => {
    await bridges?.stop();
    await cluster?.stop();
    await kafka?.stop();
  });

  test('a whole node, with the bridge that carries', async (context) => {
    const publisher = new Publisher(await cluster.connect(2), { topic: 'up' });
    publisher.startLoad(RATE);
    await pause(3_000);
    const states = await Promise.all(
      bridges.bridges.map(async (bridge) => (await bridge.status()).toKafka[0]!.state),
    );
    const owner = states.indexOf('carrying');
    expect(owner).toBeGreaterThanOrEqual(0);
    const { brokers, natsServers } = cluster;
    await Promise.all([
      bridges.bridges[owner]!.kill(),
      brokers[owner]!.kill(),
      natsServers[owner]!.kill(),
    ]);
    const began = performance.now();
    const other = bridges.bridges[1 - owner]!;
    await eventually(
      'the other takes over',
      async () => (await other.status()).toKafka[0]!.state === 'carrying',
      60_000,
    );
    const took = performance.now() - began;
    await pause(seconds(10, 30));
    await natsServers[owner]!.restart();
    await brokers[owner]!.start();
    await bridges.bridges[owner]!.start();
    await pause(3_000);
    await publisher.stopLoad();
    const done = async (): Promise<boolean> => {
      for (const bridge of bridges.bridges) {
        const { lag, pending } = (await bridge.status()).toKafka[0]!;
        if (lag !== undefined && lag.messages === 0 && pending === 0) return true;
      }
      return false;
    };
    await eventually('nothing is behind', done, 60_000);
    await pause(5_000);
    await eventually('nothing is behind', done, 60_000);
    const found = await readTopic(kafka.bootstrap, 'up');
    const audit = auditRecords(publisher.acknowledged, found);
    report(context, {
      acknowledged: `${publisher.acknowledged.length}/${publisher.sent}`,
      received: found.length,
      repeated: audit.copies,
      lost: audit.missing.length,
      disorder: audit.disordered,
      note: `taken over after ${Math.round(took)} ms`,
    });
    expect(audit.missing).toEqual([]);
    expect(audit.disordered).toBe(0);
    expect(took).toBeLessThan(HAND_OVER);
  }, 240_000);

  test('a storm of rebalances', async (context) => {
    const subscriber = await cluster.connect(2, { protocolVersion: 5 });
    await subscriber.subscribeAsync('down/#', { qos: 1 });
    const producer = new kafkajs.Kafka({
      brokers: kafka.bootstrap,
      logLevel: kafkajs.logLevel.NOTHING,
    }).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    const values: string[] = [];
    const send = async (): Promise<void> => {
      const messages = Array.from({ length: RECORDS / STORM }, (_, i) => {
        const value = `k${i % 12}:${values.length + i}`;
        return { key: value.split(':')[0]!, value };
      });
      values.push(...messages.map(({ value }) => value));
      await producer.send({ topic: 'down', messages });
    };
    for (let i = 0; i < STORM; i++) {
      await send();
      const bridge = bridges.bridges[i % 2]!;
      await bridge.kill(i % 3 === 0 ? 'SIGTERM' : 'SIGKILL');
      await pause(300);
      await bridge.start();
    }
    const got = (): Set<string> => new Set(inbox(subscriber).map(({ payload }) => payload));
    await eventually('all arrive', () => got().size >= values.length, 90_000);
    await producer.disconnect();
    const all = inbox(subscriber);
    const arrived = all.map(({ payload }) => ({ value: payload }));
    const { missing, copies, disordered } = auditRecords(values, arrived);
    report(context, {
      acknowledged: `${values.length} records`,
      received: all.length,
      repeated: copies,
      lost: missing.length,
      disorder: disordered,
    });
    expect(missing).toEqual([]);
    expect(disordered).toBe(0);
  }, 240_000);
});
