import { afterEach, expect, test } from 'vitest';
import { audit } from '../support/accounting.ts';
import { ClusterLab, type LabNode } from '../support/cluster-lab.ts';
import { Receiver } from '../support/faults/receiver.ts';
import { Rotation } from '../support/faults/rotation.ts';
import { Stopwatch } from '../support/faults/stopwatch.ts';
import { Publisher } from '../support/load.ts';
import { LONG } from './duration.ts';
import { milliseconds, report } from './report.ts';
import { until } from './wait.ts';

const MIB = 2 ** 20;
const BACKLOG = (LONG ? 1024 : 64) * MIB;
const PAYLOAD = 16_384;
const PUBLISHERS = 4;
/** Bytes a second, all publishers together. */
const RATE = (LONG ? 16 : 10) * MIB;
/** What a broker may grow by while the backlog builds, whatever its size. */
const GROWTH_MAX = 48 * MIB;
/** Nothing for so long: it gets no more, milliseconds. */
const STALLED = 5_000;
const CATCH_UP = LONG ? 300_000 : 60_000;

let lab: ClusterLab | undefined;
let close = (): void => {};
afterEach(async () => {
  close();
  await lab?.stop();
});

test(`a frozen subscriber with ${BACKLOG / MIB} MiB waiting: bounded memory, and the others as before`, async (context) => {
  lab = await ClusterLab.start({ mqtt: '{ anonymous: true, limits: { offline: 1000000 } }' });
  const [first, second, third] = lab.nodes as [LabNode, LabNode, LabNode];
  const rotation = new Rotation(lab.nodes);
  const publishers = (round: string) =>
    Array.from({ length: PUBLISHERS }, (_, i) => {
      const id = `bulk-${round}-${i}`;
      const rate = RATE / PAYLOAD / PUBLISHERS;
      const home = lab!.nodes[i % lab!.nodes.length]!;
      const topic = `${round}/${i}`;
      const options = { id, qos: 1, version: 5, topic, rate, rotation, home } as const;
      return new Publisher({ ...options, payload: PAYLOAD });
    });
  const frozen = new Receiver({
    id: 'frozen',
    filter: 'bulk/#',
    qos: 1,
    version: 5,
    clean: false,
    rotation,
    home: first,
  });
  const stopwatch = new Stopwatch(second, third);
  const open: Publisher[] = [];
  close = () => {
    for (const publisher of open) publisher.close();
    frozen.leave();
    stopwatch.close();
  };
  await stopwatch.start();

  /** Publishes `bytes` and watches the nodes; returns what the largest broker came to. */
  const load = async (round: string, bytes: number): Promise<number> => {
    const some = publishers(round);
    open.push(...some);
    for (const publisher of some) publisher.connect();
    await until('publishers are connected', () => some.every((p) => p.connected));
    for (const publisher of some) publisher.produce();
    const made = () => some.reduce((sum, { sent }) => sum + sent.length * PAYLOAD, 0);
    let largest = 0;
    while (made() < bytes) {
      const statuses = await Promise.all(lab!.nodes.map((node) => node.status()));
      largest = Math.max(largest, ...statuses.map(({ rss }) => rss));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    for (const publisher of some) publisher.finish();
    await until('all is acknowledged', () => some.every((p) => p.settled), 60_000);
    return largest;
  };

  // The same load with nobody frozen, to compare with.
  const reader = new Receiver({ ...frozen.options, id: 'reader', filter: 'warm/#' });
  await reader.subscribe();
  stopwatch.reset();
  const before = await load('warm', BACKLOG / 2);
  const without = stopwatch.p99();
  reader.leave();

  await frozen.subscribe();
  frozen.connection.pause();
  stopwatch.reset();
  const after = await load('bulk', BACKLOG);
  const withFrozen = stopwatch.p99();
  const growth = after - before;

  frozen.connection.resume();
  const bulk = open.filter(({ options }) => options.topic.startsWith('bulk/'));
  const books = () =>
    audit(
      bulk.map(({ options: { topic, qos }, sent }) => ({
        topic,
        qos,
        made: sent.length,
        acknowledged: new Set([...sent.keys()].filter((n) => sent[n]!.acknowledged > 0)),
      })),
      [{ subscriber: 'frozen', qos: 1, taken: frozen.taken, complete: true }],
    );
  const thawed = performance.now();
  const stalled = () => performance.now() - Math.max(thawed, frozen.lastAt) > STALLED;
  const caughtUp = () => books().lost === 0 || stalled();
  await until('the frozen one has caught up', caughtUp, CATCH_UP).catch(() => {});
  const result = books();
  report(context, {
    acknowledged: `${result.acknowledged}/${result.published}`,
    received: String(result.received),
    repeated: String(result.repeated),
    lost: String(result.lost),
    disorder: String(result.disordered),
    'sessions lost': String(frozen.sessionsLost),
    p99: milliseconds(withFrozen),
    note:
      `p99 of the others ${without.toFixed(1)} ms without, ${withFrozen.toFixed(1)} ms with it; ` +
      `largest broker ${(before / MIB).toFixed(0)} → ${(after / MIB).toFixed(0)} MiB; disconnected ${frozen.connection.losses} times`,
  });
  expect(result.acknowledged, 'acknowledged').toBeGreaterThan((0.9 * BACKLOG) / PAYLOAD);
  expect(result.lost, 'lost').toBe(0);
  expect(result.disordered, 'out of order').toBe(0);
  expect(frozen.sessionsLost, 'sessions lost').toBe(0);
  expect(growth, 'growth of the largest broker, bytes').toBeLessThan(GROWTH_MAX);
});
