// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { clusterParts, Publisher, startBridges, type TestBridges } from '../support/bridge.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, readTopic } from '../support/kafka/read.ts';
import { seconds } from './duration.ts';
import { report } from './report.ts';

const START = 300_000;
const RATE = 400;
const NAMES = ['leader', 'away', 'slow', 'large', 'missing'];

/** Three Kafka nodes, a broker and a bridge; each test breaks Kafka under load. */
describe('Kafka breaks', () => {
  let kafka: TestKafka;
  let cluster: TestBrokers;
  let bridges: TestBridges;
  let admin: kafkajs.Admin;

  beforeAll(async () => {
    kafka = await startKafka({ nodes: 3 });
    admin = new kafkajs.Kafka({
      brokers: kafka.bootstrap,
      clientId: 'admin',
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await admin.connect();
    const made = NAMES.filter((name) => name !== 'missing');
    await admin.createTopics({
      topics: [
        ...made.map((topic) => ({
          topic,
          numPartitions: 3,
          replicationFactor: 3,
          ...(topic === 'large'
            ? { configEntries: [{ name: 'max.message.bytes', value: '100000' }] }
            : {}),
        })),
        { topic: 'bramble.dead-letter', numPartitions: 1, replicationFactor: 3 },
      ],
    });
    cluster = await startBrokers({
      count: 1,
      mqtt: clusterParts(
        '{ anonymous: true, limits: { packet: 512 KiB } }',
        { bootstrap: kafka.bootstrap, topics: { create: false } },
        {
          toKafka: NAMES.map((name) => ({
            name,
            filters: [`${name}/#`],
            topic: name,
            key: '${topic.2}',
          })),
        },
      ),
    });
    bridges = await startBridges(cluster);
  }, START);

  afterAll(async () => {
    await admin?.disconnect().catch(() => {});
    await bridges?.stop();
    await cluster?.stop();
    await kafka?.stop();
  });

  const rowOf = async (name: string) =>
    (await bridges.bridges[0]!.status()).toKafka.find((row) => row.name === name)!;

  const check = async (context: TestContext, name: string, publisher: Publisher, note = '') => {
    await eventually(
      'all is carried',
      async () => {
        const { delivered, pending } = await rowOf(name);
        return pending === 0 && delivered >= publisher.acknowledged.length;
      },
      90_000,
    );
    const found = await readTopic(kafka.bootstrap, name);
    const audit = auditRecords(publisher.acknowledged, found);
    const { retries, renewals } = await rowOf(name);
    report(context, {
      acknowledged: `${publisher.acknowledged.length}/${publisher.sent}`,
      received: found.length,
      repeated: audit.copies,
      lost: audit.missing.length,
      disorder: audit.disordered,
      note: [note, `${retries} batches sent again, ${renewals} new identities`]
        .filter((text) => text !== '')
        .join('; '),
    });
    expect(audit.missing).toEqual([]);
    expect(audit.disordered).toBe(0);
    if (renewals === 0) expect(audit.copies).toBe(0);
  };

  test('kill -9 of the leader', async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'leader' });
    publisher.startLoad(RATE);
    await pause(2_000);
    const { topics } = await admin.fetchTopicMetadata({ topics: ['leader'] });
    const leader = kafka.nodes.find(({ id }) => id === topics[0]!.partitions[0]!.leader)!;
    await leader.kill();
    await pause(seconds(8, 30));
    await leader.start();
    await pause(2_000);
    await publisher.stopLoad();
    await check(context, 'leader', publisher);
  }, 180_000);

  test('frozen disks: all nodes stop for a while', async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'slow' });
    publisher.startLoad(RATE);
    await pause(2_000);
    for (const node of kafka.nodes) node.freeze();
    await pause(10_000);
    for (const node of kafka.nodes) node.thaw();
    await pause(3_000);
    await publisher.stopLoad();
    await check(context, 'slow', publisher);
  }, 180_000);

  test('all of Kafka is away, and comes back', async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'away' });
    publisher.startLoad(RATE);
    await pause(1_000);
    await Promise.all(kafka.nodes.map((node) => node.kill()));
    // Longer than the brokers wait with what nobody needs any more: they must not take this.
    await pause(seconds(35, 65));
    const { ready, kafka: seen } = await bridges.bridges[0]!.status();
    expect(ready).toBe(true);
    expect(seen.reachable).toBe(false);
    const { state, lag } = await rowOf('away');
    expect(state).toBe('buffering');
    expect(lag!.messages).toBeGreaterThan(0);
    await Promise.all(kafka.nodes.map((node) => node.start()));
    await publisher.stopLoad();
    await check(context, 'away', publisher, `${lag!.messages} messages behind at the end`);
  }, 240_000);

  test('a record too large goes to the dead-letter topic, and holds nobody up', async (context) => {
    const client = await cluster.connect(0);
    const publisher = new Publisher(client, { topic: 'large' });
    await publisher.burst(100, 50);
    await client.publishAsync('large/k-0', Buffer.alloc(400 << 10, 'x'), { qos: 1 });
    await publisher.burst(100, 50);
    await check(context, 'large', publisher);
    await eventually('it is buried', async () => (await rowOf('large')).deadLetters === 1, 30_000);
    const dead = await readTopic(kafka.bootstrap, 'bramble.dead-letter');
    expect(dead).toHaveLength(1);
    expect(dead[0]!.headers).toMatchObject({
      'bramble.dead-letter-topic': 'large',
      'bramble.value-bytes': String(400 << 10),
    });
    expect(dead[0]!.headers['bramble.dead-letter-reason']).toMatch(/larger|large/i);
  }, 120_000);

  test('a topic that is not there yet', async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'missing' });
    await publisher.burst(200, 50);
    await eventually(
      'it is told',
      async () => /missing/.test((await rowOf('missing')).problem ?? ''),
      20_000,
    );
    await admin.createTopics({
      topics: [{ topic: 'missing', numPartitions: 2, replicationFactor: 3 }],
    });
    await check(context, 'missing', publisher);
  }, 120_000);
});
