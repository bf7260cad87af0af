// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ToKafkaRow } from '#core/contracts/bridge.ts';
import {
  ADMIN_TOKEN,
  clusterParts,
  startBridges,
  type TestBridge,
  type TestBridges,
} from '../support/bridge.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, type Found, readTopic } from '../support/kafka/read.ts';

const START = 300_000;
const PASSWORD = 'a-good-password';
const BURST = 250;
const BYTES = 4_000;
const BUFFER0 = 64 << 10;

/** A small log, a small buffer for QoS 0, and a Kafka that asks for SASL PLAIN. */
describe('bounds', () => {
  let kafka: TestKafka;
  let cluster: TestBrokers;
  let bridges: TestBridges;
  let bridge: TestBridge;

  beforeAll(async () => {
    kafka = await startKafka({
      security: 'SASL_PLAINTEXT',
      extra: `listener.name.clients.sasl.enabled.mechanisms=PLAIN
listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_bridge="${PASSWORD}";`,
    });
    cluster = await startBrokers({
      count: 1,
      mqtt: clusterParts(
        '{ anonymous: true, log: { bytes: 6 MiB } }',
        {
          bootstrap: kafka.bootstrap,
          sasl: { mechanism: 'plain', user: 'bridge', password: PASSWORD },
          topics: { partitions: 2 },
        },
        {
          buffer0: BUFFER0,
          toKafka: [
            { name: 'kept', filters: ['kept/#'], topic: 'kept', key: '${topic.2}' },
            { name: 'live', filters: ['live/#'], topic: 'live', key: '${topic.2}', qos: 0 },
          ],
        },
      ),
    });
    bridges = await startBridges(cluster);
    bridge = bridges.bridges[0]!;
  }, START);

  afterAll(async () => {
    await bridges?.stop();
    await cluster?.stop();
    await kafka?.stop();
  });

  const rowOf = async (name: string): Promise<ToKafkaRow> =>
    (await bridge.status()).toKafka.find((row) => row.name === name)!;

  const ask = async (what: string): Promise<void> => {
    const { ok } = await fetch(`${bridge.health}/admin/mappings/${what}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: '{}',
    });
    expect(ok).toBe(true);
  };

  const read = (topic: string): Promise<Found[]> =>
    readTopic(kafka.bootstrap, topic, {
      sasl: { mechanism: 'plain', username: 'bridge', password: PASSWORD },
    });

  /** How often the bridge has said aloud that much waits, and that it waits no more. */
  const said = (text: string): number => bridge.output.split(text).length - 1;

  test('it is told well before the log drops anything, each time anew; then nothing is lost', async () => {
    const client = await cluster.connect(0);
    const sent: string[] = [];
    const burst = async (): Promise<void> => {
      const all = Array.from({ length: BURST }, () => {
        const key = `k${sent.length % 20}`;
        const value = `${'x'.repeat(BYTES)}${key}:${sent.length}`;
        sent.push(value);
        return client.publishAsync(`kept/${key}`, value, { qos: 1 });
      });
      await Promise.all(all);
    };
    for (const round of [1, 2]) {
      await ask('kept/pause');
      await eventually('it pauses', async () => (await rowOf('kept')).state === 'paused');
      const before = (await rowOf('kept')).delivered;
      let retention = 0;
      for (let bursts = 0; said('of what the log keeps waits for Kafka') < round; bursts++) {
        expect(bursts).toBeLessThan(6);
        await burst();
        // It is measured now and then.
        await pause(4_000);
        retention = (await rowOf('kept')).lag?.retention ?? 0;
      }
      console.log(`told at ${Math.round(100 * retention)} % of the log, ${sent.length} published`);
      expect(retention).toBeGreaterThanOrEqual(0.5);
      expect(retention).toBeLessThan(0.9);
      expect((await rowOf('kept')).delivered).toBe(before);
      await ask('kept/resume');
      await eventually(
        'all is carried',
        async () => (await rowOf('kept')).delivered >= sent.length,
        60_000,
      );
      await eventually('it waits no more', () => said('less than') >= round, 20_000);
      expect((await rowOf('kept')).lag?.retention).toBeLessThan(0.5);
    }
    expect((await rowOf('kept')).lost).toBe(0);
    expect(auditRecords(sent, await read('kept'))).toEqual({
      missing: [],
      copies: 0,
      disordered: 0,
    });
  }, 120_000);

  test('QoS 0 beyond its buffer is dropped and counted', async () => {
    const client = await cluster.connect(0);
    await client.publishAsync('live/a', 'first', { qos: 0 });
    await eventually('it runs', async () => (await rowOf('live')).delivered === 1, 20_000);
    await kafka.nodes[0]!.kill();
    const COUNT = 500;
    for (let i = 0; i < COUNT; i++) {
      await client.publishAsync('live/a', 'x'.repeat(1_000), { qos: 0 });
      if (i % 20 === 0) await pause(10);
    }
    await eventually('some are dropped', async () => (await rowOf('live')).dropped > 0, 20_000);
    await kafka.nodes[0]!.start();
    await eventually(
      'all are accounted for',
      async () => {
        const { delivered, dropped } = await rowOf('live');
        return delivered + dropped === COUNT + 1;
      },
      60_000,
    );
    const { delivered, dropped } = await rowOf('live');
    console.log(`${COUNT + 1} published, ${delivered} in Kafka, ${dropped} dropped`);
    // What was kept is what fits the buffer, and the last one, which filled it.
    expect((delivered - 2) * 1_000).toBeLessThanOrEqual(BUFFER0);
    expect(delivered).toBeGreaterThan(20);
    expect(await read('live')).toHaveLength(delivered);
    const metrics = await (await fetch(`${bridge.health}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`mapping="live",what="dropped"[^}]*\\} ${dropped}\\n`));
  }, 120_000);
});
