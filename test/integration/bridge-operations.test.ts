// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ToKafkaRow } from '#core/contracts/bridge.ts';
import { Authority } from '../support/authority.ts';
import {
  ADMIN_TOKEN,
  clusterParts,
  Publisher,
  startBridges,
  type TestBridge,
  type TestBridges,
} from '../support/bridge.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, type Found, readTopic } from '../support/kafka/read.ts';

const START = 300_000;
const PASSWORD = 'a-good-password';

const mappings = {
  toKafka: [
    { name: 'plant', filters: ['plant/#'], topic: 'plant', key: '${topic.2}' },
    { name: 'back', filters: ['back/#'], topic: 'back', key: '${topic.2}' },
  ],
};

/** Over TLS, with SCRAM: that is what this Kafka asks for. */
describe('operations', () => {
  const authority = new Authority();
  let kafka: TestKafka;
  let cluster: TestBrokers;
  let bridges: TestBridges;
  let bridge: TestBridge;
  const broken = () => ({
    bootstrap: kafka.bootstrap,
    tls: { authority: authority.file },
    sasl: { mechanism: 'scram-sha-512', user: 'bridge', password: 'wrong' },
    topics: { partitions: 2 },
  });
  const mended = () => ({ ...broken(), sasl: { ...broken().sasl, password: PASSWORD } });

  beforeAll(async () => {
    const { file } = authority.issue('kafka.pem', ['localhost']);
    kafka = await startKafka({
      security: 'SASL_SSL',
      scram: { bridge: PASSWORD },
      extra: `listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=${file}`,
    });
    cluster = await startBrokers({
      count: 1,
      mqtt: clusterParts('{ anonymous: true }', broken(), mappings),
    });
    bridges = await startBridges(cluster);
    bridge = bridges.bridges[0]!;
  }, START);

  afterAll(async () => {
    await bridges?.stop();
    await cluster?.stop();
    await kafka?.stop();
    authority.remove();
  });

  /** A mapping that begins again is not there for a moment. */
  const rowOf = async (name: string): Promise<Partial<ToKafkaRow>> =>
    (await bridge.status()).toKafka.find((row) => row.name === name) ?? {};

  const admin = async (what: string, body: unknown = {}, token = ADMIN_TOKEN) => {
    const response = await fetch(`${bridge.health}/admin/${what}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  const read = (topic: string): Promise<Found[]> =>
    readTopic(kafka.bootstrap, topic, {
      ssl: { ca: [authority.certificate] },
      sasl: { mechanism: 'scram-sha-512', username: 'bridge', password: PASSWORD },
    });

  test('authentication that fails is told, loses nothing, and goes on when it is mended', async () => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'plant' });
    await publisher.burst(300, 50);
    await eventually(
      'it is told',
      async () => /auth/i.test((await bridge.status()).kafka.reason ?? ''),
      30_000,
    );
    const { ready, toKafka } = await bridge.status();
    expect(ready).toBe(true);
    expect(toKafka[0]).toMatchObject({ delivered: 0, state: 'buffering' });
    await cluster.writeCluster(clusterParts('{ anonymous: true }', mended(), mappings));
    bridge.process!.kill('SIGHUP');
    await eventually(
      'all is carried',
      async () => ((await rowOf('plant')).delivered ?? 0) >= 300,
      60_000,
    );
    const audit = auditRecords(publisher.acknowledged, await read('plant'));
    expect(audit).toMatchObject({ missing: [], disordered: 0 });
  });

  test('paused, a mapping waits and loses nothing; replayed, it writes again', async () => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'back' });
    expect((await admin('mappings/back/pause')).status).toBe(200);
    await eventually('it pauses', async () => (await rowOf('back')).state === 'paused');
    await pause(1_500);
    await publisher.burst(200, 50);
    await eventually(
      'it is behind',
      async () => ((await rowOf('back')).lag?.messages ?? 0) > 0,
      20_000,
    );
    expect((await rowOf('back')).delivered).toBe(0);
    const { lag } = await rowOf('back');
    expect(lag!.bytes).toBeGreaterThan(0);
    expect(lag!.seconds).toBeGreaterThan(0);
    await admin('mappings/back/resume');
    await eventually('it goes on', async () => (await rowOf('back')).delivered === 200, 20_000);
    const half = Date.now();
    await pause(1_100);
    await publisher.burst(100, 50);
    await eventually('more', async () => (await rowOf('back')).delivered === 300, 20_000);
    await admin('mappings/back/replay', { from: half });
    await eventually('again', async () => (await rowOf('back')).delivered === 400, 20_000);
    await pause(1_000);
    const found = await read('back');
    const audit = auditRecords(publisher.acknowledged, found);
    expect(audit).toEqual({ missing: [], copies: 100, disordered: 0 });
    // A copy is told by its id.
    expect(new Set(found.map(({ headers }) => headers['bramble.id'])).size).toBe(300);
  });

  test('a dry run shows what would be written, and writes nothing', async () => {
    const client = await cluster.connect(0, { clientId: 'dry' });
    const mapping = {
      name: 'try',
      filters: ['dry/+'],
      topic: 'x.${topic.2}',
      key: '${payload.id}',
    };
    const running = admin('dry-run', { mapping, count: 2, wait: 15_000 });
    await pause(500);
    await client.publishAsync('dry/a', '{"id":7}', { qos: 1 });
    await client.publishAsync('other', 'x', { qos: 1 });
    await client.publishAsync('dry/b', 'no json', { qos: 1 });
    const { status, body } = await running;
    expect(status).toBe(200);
    expect(body).toMatchObject({
      seen: 3,
      matched: 2,
      records: [
        { topic: 'x.a', key: '7', value: '{"id":7}' },
        { topic: 'x.b', key: null, value: 'no json' },
      ],
    });
    expect(await read('x.a')).toEqual([]);
  });

  test('what is wrong is refused', async () => {
    expect((await admin('mappings/back/pause', {}, 'a-wrong-token-of-length')).status).toBe(401);
    expect((await admin('mappings/nope/pause')).status).toBe(404);
    expect((await admin('mappings/back/replay', { from: 'soon' })).status).toBe(400);
    const wrong = { name: 'a', filters: ['a'], topic: '${nope}' };
    const answer = await admin('dry-run', { mapping: wrong });
    expect(answer.status).toBe(400);
    expect(String(answer.body.error)).toContain('"nope" is none of');
  });

  test('metrics tell the same', async () => {
    const text = await (await fetch(`${bridge.health}/metrics`)).text();
    expect(text).toContain('bramble_bridge_kafka_reachable{service="bridge",node="pi1"} 1');
    expect(text).toMatch(
      /bramble_bridge_to_kafka\{[^}]*mapping="back",what="delivered"[^}]*\} 400/,
    );
    expect(text).toMatch(/what="lag_messages"/);
    expect(text).toMatch(/bramble_bridge_produce_seconds_count\{[^}]*\} [1-9]/);
  });
});
