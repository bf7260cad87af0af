// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterParts, startBridges, type TestBridges } from '../support/bridge.ts';
import { eventually, inbox, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { readTopic } from '../support/kafka/read.ts';

const START = 300_000;
const RECORDS = 500;

describe('Kafka to MQTT, and QoS 0', () => {
  let kafka: TestKafka;
  let cluster: TestBrokers;
  let bridges: TestBridges;
  let client: kafkajs.Kafka;
  let producer: kafkajs.Producer;

  beforeAll(async () => {
    kafka = await startKafka();
    client = new kafkajs.Kafka({
      brokers: kafka.bootstrap,
      clientId: 'app',
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic: 'commands', numPartitions: 2, replicationFactor: 1 }],
    });
    await admin.disconnect();
    producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    cluster = await startBrokers({
      count: 1,
      // Nobody but the bridge and one user may do anything.
      mqtt: clusterParts(
        "{ users: [{ name: u, password: p }], acl: [{ topic: '#', access: readwrite }] }",
        { bootstrap: kafka.bootstrap, topics: { partitions: 1 } },
        {
          toKafka: [{ name: 'all', filters: ['#'], topic: 'all', qos: 0 }],
          toMqtt: [
            {
              name: 'commands',
              topics: ['commands'],
              topic: 'cmd/${key}/${header.kind}',
              start: 'earliest',
            },
          ],
        },
      ),
    });
    bridges = await startBridges(cluster);
  }, START);

  afterAll(async () => {
    await producer?.disconnect();
    await bridges?.stop();
    await cluster?.stop();
    await kafka?.stop();
  });

  const user = { username: 'u', password: 'p', protocolVersion: 5 as const };
  const row = async () => (await bridges.bridges[0]!.status()).toMqtt[0]!;

  test('records become messages, in the order of their key; what cannot is kept with a reason', async () => {
    const subscriber = await cluster.connect(0, user);
    await subscriber.subscribeAsync('cmd/#', { qos: 1 });
    const messages = Array.from({ length: RECORDS }, (_, i) => ({
      key: `d${i % 5}`,
      value: `d${i % 5}:${i}`,
      headers: { kind: 'set', trace: 'x' },
    }));
    await producer.send({ topic: 'commands', messages });
    await producer.send({
      topic: 'commands',
      messages: [
        { key: 'no-kind', value: 'poison' },
        { key: 'a/#', value: 'poison', headers: { kind: 'set' } },
        { key: 'loop', value: 'x', headers: { kind: 'set', 'bramble.cluster': 'test' } },
      ],
    });
    await eventually('all arrive', () => inbox(subscriber).length >= RECORDS, 40_000);
    await eventually('all is done', async () => (await row()).deadLetters === 2, 20_000);
    const got = inbox(subscriber);
    expect(got).toHaveLength(RECORDS);
    const last = new Map<string, number>();
    for (const { payload, topic, qos, properties } of got) {
      const [key, number] = payload.split(':');
      expect(topic).toBe(`cmd/${key}/set`);
      expect(qos).toBe(1);
      expect(properties.userProperties).toMatchObject({ trace: 'x' });
      expect(Number(number)).toBeGreaterThan(last.get(key!) ?? -1);
      last.set(key!, Number(number));
    }
    expect((await row()).looped).toBe(1);
    const dead = await readTopic(kafka.bootstrap, 'bramble.dead-letter');
    expect(dead.map(({ headers }) => headers['bramble.dead-letter-reason']).sort()).toEqual([
      'its topic names what it lacks',
      'no MQTT topic: "cmd/a/#/set"',
    ]);
  });

  test('what came from Kafka does not go back, and QoS 0 is carried', async () => {
    const publisher = await cluster.connect(0, user);
    // The first ones may come before the bridge has subscribed.
    await eventually(
      'QoS 0 is carried',
      async () => {
        await publisher.publishAsync('light', 'on', { qos: 0 });
        const { toKafka } = await bridges.bridges[0]!.status();
        return toKafka[0]!.delivered > 0;
      },
      20_000,
    );
    const found = await readTopic(kafka.bootstrap, 'all');
    expect(found.length).toBeGreaterThan(0);
    expect(found.every(({ value, headers }) => value === 'on' && headers['mqtt.qos'] === '0')).toBe(
      true,
    );
  });

  test('a bridge that is killed with records on their way loses none', async () => {
    const subscriber = await cluster.connect(0, {
      ...user,
      clientId: 'lasting',
      clean: false,
      properties: { sessionExpiryInterval: 600 },
    });
    await subscriber.subscribeAsync('cmd/#', { qos: 1 });
    const before = inbox(subscriber).length;
    const bridge = bridges.bridges[0]!;
    const send = async (from: number) => {
      const messages = Array.from({ length: 1_000 }, (_, i) => ({
        key: `k${i % 5}`,
        value: `k${i % 5}:${from + i}`,
        headers: { kind: 'run' },
      }));
      await producer.send({ topic: 'commands', messages });
    };
    await send(0);
    await eventually('some arrive', () => inbox(subscriber).length > before + 50, 20_000);
    await bridge.kill();
    await send(1_000);
    await bridge.start();
    const values = () =>
      new Set(
        inbox(subscriber)
          .slice(before)
          .map(({ payload }) => payload),
      );
    await eventually('all arrive', () => values().size === 2_000, 60_000);
    const copies = inbox(subscriber).length - before - 2_000;
    console.log(`bridge killed: 2000 records, 2000 messages, ${copies} copies`);
  });
});
