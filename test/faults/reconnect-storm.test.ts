import { afterEach, expect, test } from 'vitest';
import { ClusterLab } from '../support/cluster-lab.ts';
import { Crowd } from '../support/faults/crowd.ts';
import { LONG } from './duration.ts';
import { milliseconds, report } from './report.ts';
import { until } from './wait.ts';

const CLIENTS = LONG ? 10_000 : 2_000;
const ALL_BACK = 60_000;

let lab: ClusterLab | undefined;
let crowd: Crowd | undefined;
afterEach(async () => {
  crowd?.close();
  await lab?.stop();
});

test(`${CLIENTS} clients reconnect at once after a node's death`, async (context) => {
  lab = await ClusterLab.start({ mqtt: '{ anonymous: true, limits: { connections: 20000 } }' });
  const { nodes } = lab;
  crowd = new Crowd(CLIENTS);
  await crowd.connect((index) => nodes[index % nodes.length]!);
  await until('all are connected', () => crowd!.accepted === CLIENTS, ALL_BACK);
  await crowd.subscribe();
  const before = crowd.subscribed;
  await Promise.all([nodes[0]!.broker.kill('SIGKILL'), nodes[0]!.engine.kill('SIGKILL')]);
  crowd.cut();
  const from = performance.now();
  // Everyone comes at once, to the two that are left, and tries again until it is let in.
  await crowd.connect((index) => nodes[1 + (index % 2)]!);
  await until('all are back', () => crowd!.accepted === CLIENTS, ALL_BACK).catch(() => {});
  const took = performance.now() - from;
  const { accepted, present, times } = crowd;
  const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN;
  report(context, {
    acknowledged: `${accepted}/${CLIENTS}`,
    'sessions lost': String(CLIENTS - present),
    'connect max': milliseconds(times.at(-1) ?? Number.NaN),
    note: `CONNACK p50 ${milliseconds(at(0.5))}, p99 ${milliseconds(at(0.99))}; all back after ${milliseconds(took)}`,
  });
  expect(before, 'subscribed').toBe(CLIENTS);
  expect(accepted, 'connected again').toBe(CLIENTS);
  expect(present, 'sessions present').toBe(CLIENTS);
});
