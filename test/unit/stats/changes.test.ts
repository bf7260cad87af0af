import { expect, test } from 'vitest';
import type { StatRow } from '#core/contracts/status.ts';
import { changesBetween } from '../../../services/stats/model/changes.ts';
import {
  balancerStatus,
  brokerStatus,
  supervisorStatus,
  vitals,
} from '../../support/stats-peers.ts';
import { fresh, node, ROWS, snapshot, stale, withBroker } from './snapshots.ts';

const told = (...states: Parameters<typeof changesBetween>) =>
  changesBetween(...states).map(({ level, subject, text }) => `${level}: ${subject} ${text}`);

const rows = (...rows: StatRow[]) =>
  snapshot({ balancers: [{ node: 'pi1', status: fresh(balancerStatus(rows)) }] });
const server = (status: string, columns: StatRow = {}) => ({ ...ROWS[1]!, status, ...columns });

test('nothing happened, nothing told', () => {
  expect(told(snapshot(), snapshot())).toEqual([]);
});

test('a source falls silent and comes back', () => {
  const silent = snapshot({ nodes: [node('pi1', { vitals: stale(vitals()) }), node('pi2')] });
  expect(told(snapshot(), silent)).toEqual([
    'warning: pi1 vitals does not answer: connection refused',
  ]);
  expect(told(silent, silent)).toEqual([]);
  expect(told(silent, snapshot())).toEqual(['info: pi1 vitals answers again']);
});

test('another pid is a restart', () => {
  const before = snapshot({ nodes: [withBroker('pi1', { pid: 10 })] });
  const after = snapshot({ nodes: [withBroker('pi1', { pid: 11 })] });
  expect(told(before, after)).toEqual(['warning: pi1 broker restarted: process 10 is now 11']);
});

test('a restart is seen across the silence between', () => {
  const lost = brokerStatus({ pid: 10 });
  const history = { messagesIn: [], messagesOut: [] };
  const before = snapshot({ nodes: [node('pi1', { broker: { status: stale(lost), history } })] });
  const after = snapshot({ nodes: [withBroker('pi1', { pid: 11 })] });
  expect(told(before, after)).toEqual([
    'info: pi1 broker answers again',
    'warning: pi1 broker restarted: process 10 is now 11',
  ]);
});

test('a restart that the supervisor has told is not told again', () => {
  const process = { name: 'broker-1', node: 'pi1', state: 'ready' as const, restarts: 1 };
  const supervisor = fresh(supervisorStatus([{ ...process, pid: 11 }]));
  const before = snapshot({ supervisor, nodes: [withBroker('pi1', { pid: 10 })] });
  const after = snapshot({ supervisor, nodes: [withBroker('pi1', { pid: 11 })] });
  expect(told(before, after)).toEqual([]);
});

test('readiness and the nats-server are told once each way', () => {
  const ready = snapshot({ nodes: [withBroker('pi1', {})] });
  const unready = snapshot({
    nodes: [withBroker('pi1', { ready: false, reasons: ['nats-server is away'] })],
  });
  expect(told(ready, unready)).toEqual(['warning: pi1 broker is not ready: nats-server is away']);
  expect(told(unready, ready)).toEqual(['info: pi1 broker is ready']);
  const alone = snapshot({ nodes: [withBroker('pi1', { natsConnected: false })] });
  expect(told(ready, alone)).toEqual(['warning: pi1 broker has lost its nats-server']);
});

test('a server of the balancer goes down and up, without the steps between', () => {
  const states = [
    rows(server('UP')),
    rows(server('UP 1/3')),
    rows(server('DOWN', { check_status: 'L4CON' })),
    rows(server('DOWN 1/2')),
    rows(server('UP')),
    rows(server('MAINT')),
  ];
  expect(states.flatMap((state, i) => (i === 0 ? [] : told(states[i - 1]!, state)))).toEqual([
    'warning: balancer mqtt/pi1 is DOWN (L4CON)',
    'info: balancer mqtt/pi1 is UP',
    'info: balancer mqtt/pi1 is in maintenance',
  ]);
});

test('a restarted balancer tells of itself, not of each server that it begins with', () => {
  const before = rows(server('UP'));
  const status = fresh(balancerStatus([server('DOWN')], { pid: 77 }));
  const after = snapshot({ balancers: [{ node: 'pi1', status }] });
  expect(told(before, after)).toEqual(['warning: balancer restarted: process 1100 is now 77']);
});
