import { afterEach, expect, test } from 'vitest';
import { ClusterLab } from '../support/cluster-lab.ts';
import { Receiver } from '../support/faults/receiver.ts';
import { Rotation } from '../support/faults/rotation.ts';
import { Publisher } from '../support/load.ts';
import { seconds } from './duration.ts';
import { report } from './report.ts';
import { until } from './wait.ts';

const MEMBERS = 6;
const RATE = 60;
const BEFORE = seconds(2, 5);
const HOLD = seconds(6, 20);
/** Until the last member has the last message, milliseconds. */
const SETTLE = 30_000;

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** Publishers on every node, and a group with members on every node, while `fault` happens. */
async function run(fault: (lab: ClusterLab, members: Receiver[]) => Promise<void>) {
  const lab = await ClusterLab.start();
  const rotation = new Rotation(lab.nodes);
  const members: Receiver[] = [];
  const publishers: Publisher[] = [];
  stop = async () => {
    for (const publisher of publishers) publisher.close();
    for (const member of members) member.leave();
    rotation.close();
    await lab.stop();
  };
  rotation.start();
  const filter = '$share/workers/jobs/#';
  for (let i = 0; i < MEMBERS; i++) {
    const home = lab.nodes[i % lab.nodes.length]!;
    const options = { id: `member-${i}`, filter, qos: 1 as const, rotation, home };
    members.push(new Receiver({ ...options, version: i % 2 ? 4 : 5, clean: i >= MEMBERS / 2 }));
  }
  await Promise.all(members.map((member) => member.subscribe()));
  for (const [i, home] of lab.nodes.entries()) {
    const id = `boss-${i}`;
    const options = { id, topic: `jobs/${id}`, qos: 1 as const, version: 5 as const };
    publishers.push(new Publisher({ ...options, rate: RATE, rotation, home, payload: 64 }));
  }
  for (const publisher of publishers) publisher.connect();
  await until('publishers are connected', () => publishers.every((p) => p.connected));
  for (const publisher of publishers) publisher.produce();
  await pause(BEFORE);
  await fault(lab, members);
  await pause(HOLD);
  for (const publisher of publishers) publisher.finish();
  await until('all is acknowledged', () => publishers.every((p) => p.settled), SETTLE);
  const books = () => {
    let [made, missing, repeated] = [0, 0, 0];
    for (const { options, sent } of publishers) {
      const times = new Array<number>(sent.length).fill(0);
      for (const { taken } of members) {
        for (const number of taken.get(options.topic) ?? []) times[number]!++;
      }
      made += times.length;
      missing += times.filter((count) => count === 0).length;
      repeated += times.filter((count) => count > 1).length;
    }
    return { made, missing, repeated };
  };
  await until('every message was taken', () => books().missing === 0, SETTLE).catch(() => {});
  const shares = members.map(({ count }) => count);
  return { ...books(), shares };
}

function show(context: Parameters<typeof report>[0], result: Awaited<ReturnType<typeof run>>) {
  const { made, missing, repeated, shares } = result;
  report(context, {
    acknowledged: String(made),
    lost: String(missing),
    repeated: String(repeated),
    note: `taken by each member: ${shares.join(' ')}`,
  });
}

test('a shared subscription, no fault: each message to one member', async (context) => {
  const result = await run(async () => {});
  show(context, result);
  expect({ missing: result.missing, repeated: result.repeated }).toEqual({
    missing: 0,
    repeated: 0,
  });
  expect(Math.min(...result.shares)).toBeGreaterThan(0);
});

test('members that go without a word: others get what they did not acknowledge', async (context) => {
  const result = await run(async (_, members) => {
    for (const member of members.slice(MEMBERS / 2)) member.leave();
  });
  show(context, result);
  expect(result.missing).toBe(0);
});

/** One of them is the node that hands out; the long form kills each. */
const NODES = process.env.BRAMBLE_FAULTS === 'long' ? [0, 1, 2] : [Math.floor(Math.random() * 3)];

test.for(NODES)('a node of a shared subscription dies: node %i', async (node, context) => {
  const result = await run(async (lab) => {
    const { broker, engine } = lab.nodes[node]!;
    await Promise.all([broker.kill('SIGKILL'), engine.kill('SIGKILL')]);
  });
  show(context, result);
  expect(result.missing).toBe(0);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
