// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterParts, Publisher, startBridges, type TestBridges } from '../support/bridge.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, readTopic } from '../support/kafka/read.ts';

const MESSAGES = 3_000;
const START = 300_000;

describe('MQTT to Kafka', () => {
  let kafka: TestKafka;
  let cluster: TestBrokers;
  let bridges: TestBridges;

  beforeAll(async () => {
    kafka = await startKafka();
    cluster = await startBrokers({
      count: 1,
      mqtt: clusterParts(
        '{ anonymous: true }',
        { bootstrap: kafka.bootstrap, topics: { partitions: 3 } },
        {
          toKafka: [
            { name: 'plant', filters: ['plant/#'], topic: 'plant', key: '${topic.2}' },
            {
              name: 'json',
              filters: ['doc/+/state'],
              topic: 'docs.${topic.2}',
              key: '${payload.device.id}',
              value: 'json',
              compression: 'zstd',
              headers: { unit: '${payload.unit}' },
            },
          ],
        },
      ),
    });
    bridges = await startBridges(cluster);
  }, START);

  afterAll(async () => {
    await bridges?.stop();
    await cluster?.stop();
    await kafka?.stop();
  });

  const carried = async (name: string): Promise<number> => {
    const { toKafka } = await bridges.bridges[0]!.status();
    return toKafka.find((row) => row.name === name)?.delivered ?? 0;
  };

  test('a message arrives as the mapping says', async () => {
    const client = await cluster.connect(0, { protocolVersion: 5, clientId: 'meter' });
    const before = Date.now();
    await client.publishAsync('doc/hall/state', '{"device":{"id":"d7"},"unit":"°C"}', {
      qos: 2,
      properties: {
        contentType: 'application/json',
        userProperties: { trace: ['a', 'b'] },
      },
    });
    await eventually('it is carried', async () => (await carried('json')) === 1, 30_000);
    const [found] = await readTopic(kafka.bootstrap, 'docs.hall');
    expect(found).toMatchObject({
      key: 'd7',
      headers: {
        'mqtt.topic': 'doc/hall/state',
        'mqtt.qos': '2',
        'mqtt.client': 'meter',
        'content-type': 'application/json',
        'bramble.node': 'pi1',
        'bramble.cluster': 'test',
        trace: 'a,b',
        unit: '°C',
      },
    });
    expect(found!.headers['bramble.position']).toMatch(/^\d:\d+:\d+$/);
    expect(found!.headers['bramble.id']).toMatch(/^pi1\/\d+$/);
    expect(Math.abs(found!.timestamp - before)).toBeLessThan(60_000);
    expect(JSON.parse(found!.value)).toMatchObject({
      topic: 'doc/hall/state',
      clientId: 'meter',
      payloadEncoding: 'json',
      payload: { device: { id: 'd7' } },
    });
  });

  test('what is acknowledged while Kafka dies and comes back is all there, in order', async () => {
    const client = await cluster.connect(0);
    const publisher = new Publisher(client, { topic: 'plant' });
    await publisher.burst(MESSAGES / 3);
    await kafka.nodes[0]!.kill();
    await publisher.burst(MESSAGES / 3);
    await pause(2_000);
    const away = await bridges.bridges[0]!.status();
    expect(away.ready).toBe(true);
    await kafka.nodes[0]!.start();
    await publisher.burst(MESSAGES / 3);
    await eventually('all is carried', async () => (await carried('plant')) >= MESSAGES, 60_000);
    const found = await readTopic(kafka.bootstrap, 'plant');
    const audit = auditRecords(publisher.acknowledged, found);
    console.log(
      `kafka killed: ${publisher.acknowledged.length} acknowledged, ${found.length} found, ` +
        `${audit.copies} copies, ${audit.disordered} out of order, ${audit.missing.length} missing`,
    );
    expect(publisher.acknowledged).toHaveLength(MESSAGES);
    expect(audit).toEqual({ missing: [], copies: 0, disordered: 0 });
    expect(new Set(found.map(({ partition }) => partition)).size).toBeGreaterThan(1);
  });
});
