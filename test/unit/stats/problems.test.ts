import { expect, test } from 'vitest';
import { assess } from '../../../services/stats/model/problems.ts';
import type { ClusterSnapshot } from '../../../services/stats/model/snapshot.ts';
import {
  balancerStatus,
  brokerStatus,
  statRow,
  supervisorStatus,
  vitals,
  watchdogStatus,
} from '../../support/stats-peers.ts';
import { fresh, NOW, node, ROWS, snapshot, stale, withBroker } from './snapshots.ts';

const told = (state: ClusterSnapshot) => {
  const { state: health, problems } = assess(state, undefined);
  return [health, ...problems.map(({ level, subject, text }) => `${level}: ${subject} ${text}`)];
};
const lostBroker = {
  status: stale(brokerStatus()),
  history: { messagesIn: [], messagesOut: [] },
};

test('all well is healthy', () => {
  expect(told(snapshot())).toEqual(['healthy']);
});

test('until everything has been heard it is starting', () => {
  const pending = { state: 'pending', since: NOW } as const;
  expect(told(snapshot({ nodes: [node('pi1', { vitals: pending })] }))).toEqual(['starting']);
});

test('one silent broker degrades, none left is critical', () => {
  const one = snapshot({ nodes: [node('pi1'), node('pi2', { broker: lostBroker })] });
  expect(told(one)).toEqual([
    'degraded',
    'warning: pi2 broker does not answer: connection refused',
  ]);
  const none = snapshot({
    nodes: [
      node('pi1', { broker: lostBroker }),
      withBroker('pi2', { ready: false, reasons: ['x'] }),
    ],
  });
  expect(told(none).slice(0, 2)).toEqual([
    'critical',
    'critical: cluster no broker can serve clients',
  ]);
});

test('a node that is gone altogether is one problem', () => {
  const gone = node('pi2', { vitals: stale(vitals()), broker: lostBroker, nats: stale() });
  expect(told(snapshot({ nodes: [node('pi1'), gone] }))).toEqual([
    'degraded',
    'warning: pi2 does not answer: connection refused',
  ]);
});

test('servers that are down, and a backend without any', () => {
  const rows = [
    { ...ROWS[1]!, status: 'DOWN', check_status: '* L4CON' },
    { ...ROWS[2]!, status: 'UP 2/3' },
    statRow('web', 'www', { status: 'MAINT' }),
    statRow('web', 'BACKEND', { status: 'DOWN' }),
  ];
  const state = snapshot({ balancers: [{ node: 'pi1', status: fresh(balancerStatus(rows)) }] });
  expect(told(state)).toEqual([
    'critical',
    'critical: balancer web has no server left',
    'warning: balancer mqtt/pi1 is DOWN (L4CON)',
  ]);
});

test('what a machine suffers from', () => {
  const disk = { mount: '/', device: '/dev/mmcblk0p2', size: 100, used: 10, readOnly: true };
  const full = { ...disk, mount: '/data', used: 93, readOnly: false };
  const throttled = { now: ['undervoltage' as const], sinceBoot: [] };
  const ill = node('pi1', { vitals: fresh(vitals({ disks: [disk, full], throttled })) });
  expect(told(snapshot({ nodes: [ill] }))).toEqual([
    'degraded',
    'warning: pi1 / is read-only',
    'warning: pi1 /data is over 92 % full',
    'warning: pi1 undervoltage: the power supply or its cable is too weak',
  ]);
});

test('a process that the supervisor cannot keep running', () => {
  const lastExit = { at: NOW - 3000, reason: 'exited with 1' };
  const process = { name: 'broker-2', state: 'backoff' as const, restarts: 3, lastExit };
  const { problems } = assess(
    snapshot({ supervisor: fresh(supervisorStatus([process])) }),
    undefined,
  );
  expect(problems).toMatchObject([
    { subject: 'broker-2', text: 'waits to be restarted: exited with 1', since: NOW - 3000 },
  ]);
});

test('what lasts keeps its beginning, what returns begins anew', () => {
  const ill = snapshot({
    nodes: [withBroker('pi1', { ready: false, reasons: ['a'] }), node('pi2')],
  });
  const first = assess(ill, undefined);
  const later = assess({ ...ill, at: NOW + 60_000 }, first);
  expect(later.since).toBe(NOW);
  expect(later.problems[0]?.since).toBe(NOW);
  const well = assess({ ...snapshot(), at: NOW + 70_000 }, later);
  expect(well).toMatchObject({ state: 'healthy', since: NOW + 70_000, problems: [] });
  const again = assess({ ...ill, at: NOW + 80_000 }, well);
  expect(again.problems[0]?.since).toBe(NOW + 80_000);
});

test('what a watchdog mends is a warning, and what it could not mend critical', () => {
  const broker = { name: 'broker', since: NOW - 1000, reason: 'nothing within 4 s' };
  const of = (over: object) =>
    told(
      snapshot({
        nodes: [
          node('pi1', {
            watchdog: fresh(
              watchdogStatus({ services: [{ ...broker, state: 'down' as const, ...over }] }),
            ),
          }),
        ],
      }),
    );
  expect(of({ rung: 'restart' })).toEqual([
    'degraded',
    'warning: pi1 broker is down: nothing within 4 s',
  ]);
  expect(of({ rung: 'quarantine' })).toEqual([
    'critical',
    'critical: pi1 broker is down: nothing within 4 s, and the watchdog could not mend it',
  ]);
  expect(of({ state: 'stopped' })).toEqual(['degraded', 'warning: pi1 broker is stopped']);
  expect(of({ state: 'up', rung: 'restart' })).toEqual(['healthy']);
});

test('what a node says of itself, on every page that hears it', () => {
  const problems = ['/var cannot be changed.', 'The card is read-only: it may be worn out.'];
  const ill = node('pi2', { vitals: fresh(vitals({ hostname: 'pi2', problems })) });
  expect(told(snapshot({ nodes: [node('pi1'), ill] }))).toEqual([
    'degraded',
    'warning: pi2 /var cannot be changed.',
    'warning: pi2 The card is read-only: it may be worn out.',
  ]);
});

test('a clock that is not that of the other nodes', () => {
  const at = (name: string, offset: number) =>
    node(name, { vitals: fresh(vitals({ hostname: name, at: NOW + offset })) });
  const hour = 3_600_000;
  const nodes = (...offsets: number[]) =>
    snapshot({ nodes: offsets.map((offset, n) => at(`pi${n + 1}`, offset)) });
  expect(told(nodes(0, -9_000, 2_000))).toEqual(['healthy']);
  expect(told(nodes(0, -1_000, 26 * hour))).toEqual([
    'degraded',
    'warning: pi3 its clock is 26 hours ahead of that of the other nodes',
  ]);
  // Whose page it is makes no difference: here every other node's answer comes late by years.
  const years = 56 * 365 * 24 * hour;
  expect(told(nodes(0, years, years + 1_000))).toEqual([
    'degraded',
    'warning: pi1 its clock is 56 years behind that of the other nodes',
  ]);
  expect(told(nodes(0, 40_000))).toEqual([
    'degraded',
    'warning: pi2 its clock is 40 seconds ahead of that of pi1; one of them is wrong',
  ]);
});
