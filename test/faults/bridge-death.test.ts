// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import {
  clusterParts,
  Publisher,
  startBridges,
  type TestBridge,
  type TestBridges,
} from '../support/bridge.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, readTopic, staleKeys } from '../support/kafka/read.ts';
import { LONG } from './duration.ts';
import { report } from './report.ts';

const START = 300_000;
const RATE = 500;
const KILLS = LONG ? 50 : 4;
/** What a hand-over may take, milliseconds. */
const HAND_OVER = 5_000;

/** Two bridges share a mapping's work; each test breaks the one that has it. */
describe('a bridge dies', () => {
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
          toKafka: ['killed', 'frozen', 'stopped'].map((name) => ({
            name,
            filters: [`${name}/#`],
            topic: name,
            key: '${topic.2}',
          })),
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

  const rowOf = async (bridge: TestBridge, name: string) =>
    (await bridge.status()).toKafka.find((row) => row.name === name)!;

  /** The bridge that carries the mapping, of those that answer. */
  const ownerOf = async (name: string): Promise<TestBridge | undefined> => {
    for (const bridge of bridges.bridges) {
      if (bridge.process?.exitCode !== null || bridge.process.signalCode !== null) continue;
      try {
        const { state } = await rowOf(bridge, name);
        if (state === 'carrying' || state === 'buffering') return bridge;
      } catch {
        // Being killed.
      }
    }
    return undefined;
  };

  const caughtUp = (name: string) =>
    eventually(
      'nothing is behind',
      async () => {
        const owner = await ownerOf(name);
        if (owner === undefined) return false;
        const { lag, pending } = await rowOf(owner, name);
        return pending === 0 && lag?.messages === 0;
      },
      60_000,
    );

  const check = async (context: TestContext, name: string, publisher: Publisher, note = '') => {
    await caughtUp(name);
    // The lag is measured now and then.
    await pause(4_000);
    await caughtUp(name);
    const found = await readTopic(kafka.bootstrap, name);
    const audit = auditRecords(publisher.acknowledged, found);
    report(context, {
      acknowledged: `${publisher.acknowledged.length}/${publisher.sent}`,
      received: found.length,
      repeated: audit.copies,
      lost: audit.missing.length,
      disorder: audit.disordered,
      note,
    });
    expect(publisher.acknowledged.length).toBe(publisher.sent);
    expect(audit.missing).toEqual([]);
    expect(audit.disordered).toBe(0);
    expect(staleKeys(found)).toEqual([]);
    return audit;
  };

  test(`killed ${KILLS} times at random moments`, async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'killed' });
    publisher.startLoad(RATE);
    for (let i = 0; i < KILLS; i++) {
      await pause(200 + Math.random() * 1_500);
      const owner = await ownerOf('killed');
      if (owner === undefined) {
        i--;
        continue;
      }
      await owner.kill();
      await owner.start();
    }
    await publisher.stopLoad();
    await check(context, 'killed', publisher);
  }, 600_000);

  test('frozen, so that the other takes over, and thawed again', async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'frozen' });
    publisher.startLoad(RATE);
    await pause(2_000);
    const owner = (await ownerOf('frozen'))!;
    const other = bridges.bridges.find((bridge) => bridge !== owner)!;
    owner.freeze();
    const began = performance.now();
    await eventually(
      'the other takes over',
      async () => (await rowOf(other, 'frozen')).state === 'carrying',
      15_000,
    );
    const took = performance.now() - began;
    await pause(4_000);
    owner.thaw();
    await pause(4_000);
    await publisher.stopLoad();
    await check(context, 'frozen', publisher, `taken over after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(HAND_OVER);
  }, 120_000);

  test('stopped in order, with no copy', async (context) => {
    const publisher = new Publisher(await cluster.connect(0), { topic: 'stopped' });
    publisher.startLoad(RATE);
    await pause(2_000);
    const owner = (await ownerOf('stopped'))!;
    await owner.kill('SIGTERM');
    await eventually(
      'the other takes over',
      async () => (await ownerOf('stopped')) !== undefined,
      15_000,
    );
    await owner.start();
    await pause(2_000);
    await publisher.stopLoad();
    const { copies } = await check(context, 'stopped', publisher);
    expect(copies).toBe(0);
  }, 120_000);
});
