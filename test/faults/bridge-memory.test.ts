// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  clusterParts,
  startBridges,
  type TestBridge,
  type TestBridges,
} from '../support/bridge.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { LONG } from './duration.ts';
import { report } from './report.ts';

const START = 300_000;
const BACKLOG = LONG ? 1_000_000 : 60_000;
const STEPS = 6;
const SIZE = 128;
/** Resident at most, at any time; the unit file's MemoryMax leaves room above. MiB. */
const RESIDENT = 200;
/** What may come on top while the backlog grows to six times its first part, MiB. */
const GROWTH = 24;

let kafka: TestKafka;
let cluster: TestBrokers;
let bridges: TestBridges;
let bridge: TestBridge;

beforeAll(async () => {
  kafka = await startKafka();
  cluster = await startBrokers({
    count: 1,
    mqtt: clusterParts(
      '{ anonymous: true }',
      { bootstrap: kafka.bootstrap, topics: { partitions: 3 } },
      { toKafka: [{ name: 'away', filters: ['away/#'], topic: 'away', key: '${topic.2}' }] },
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

const resident = async (): Promise<number> => (await bridge.status()).rss >> 20;
const delivered = async (): Promise<number> => (await bridge.status()).toKafka[0]!.delivered;

async function publish(count: number): Promise<void> {
  const client = await cluster.connect(0);
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      await client.publishAsync(`away/k${left % 200}`, Buffer.alloc(SIZE, 'x'), { qos: 1 });
    }
  };
  await Promise.all(Array.from({ length: 1_000 }, lane));
  await client.endAsync();
}

test('memory while Kafka is away for the whole of a backlog, and while that is carried', async (context) => {
  await publish(100);
  await eventually('it carries', async () => (await delivered()) === 100, 60_000);
  const rest = await resident();
  await kafka.nodes[0]!.kill();
  const away: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    await publish(BACKLOG / STEPS);
    away.push(await resident());
  }
  await kafka.nodes[0]!.start();
  let highest = 0;
  await eventually(
    'all is carried',
    async () => {
      await pause(200);
      highest = Math.max(highest, await resident());
      return (await delivered()) >= BACKLOG + 100;
    },
    600_000,
  );
  report(context, {
    acknowledged: String(BACKLOG),
    received: (await delivered()) - 100,
    note: `resident ${rest} MiB at rest, ${away.join(' ')} as the backlog grew, ${highest} at most while it was carried`,
  });
  expect(Math.max(...away)).toBeLessThan(RESIDENT);
  expect(away.at(-1)! - away[0]!).toBeLessThan(GROWTH);
  expect(highest).toBeLessThan(RESIDENT);
}, 900_000);
