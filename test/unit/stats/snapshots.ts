import type { BrokerStatus } from '#core/contracts/status.ts';
import type { ClusterSnapshot, NodeView } from '../../../services/stats/model/snapshot.ts';
import type { Fresh, Stale } from '../../../services/stats/model/sourced.ts';
import {
  balancerStatus,
  brokerStatus,
  statRow,
  supervisorStatus,
  vitals,
} from '../../support/stats-peers.ts';

/** The moment of every snapshot made here. */
export const NOW = Date.UTC(2026, 10, 21, 10, 0, 0);

export const fresh = <T>(value: T): Fresh<T> => ({ state: 'fresh', at: NOW, value });
export const stale = <T>(value?: T): Stale<T> => ({
  state: 'stale',
  staleSince: NOW - 60_000,
  reason: 'does not answer: connection refused',
  ...(value === undefined ? {} : { value }),
});

export function node(name: string, changes: Partial<NodeView> = {}): NodeView {
  return {
    name,
    address: '192.168.1.11',
    roles: ['balancer', 'broker'],
    vitals: fresh(vitals({ hostname: name })),
    cpuHistory: [],
    broker: {
      status: fresh(brokerStatus({ node: name })),
      rates: { messagesIn: 100, messagesOut: 400, bytesIn: 1e4, bytesOut: 4e4 },
      history: { messagesIn: [1, 2, null, 4], messagesOut: [1, 2, 3, 4] },
    },
    nats: fresh({
      name,
      version: '2.10.27',
      startedAt: NOW - 1e6,
      rss: 1e7,
      clients: 1,
      routes: 1,
      slowConsumers: 0,
    }),
    ...changes,
  };
}

/** The same node with another answer of its broker. */
export function withBroker(name: string, changes: Partial<BrokerStatus>): NodeView {
  return node(name, {
    broker: {
      status: fresh(brokerStatus({ node: name, ...changes })),
      history: { messagesIn: [], messagesOut: [] },
    },
  });
}

export const ROWS = [
  statRow('mqtt', 'FRONTEND', { scur: 12 }),
  statRow('mqtt', 'pi1', { scur: 5, check_status: 'L4OK', lastchg: 90, downtime: 3 }),
  statRow('mqtt', 'pi2', { scur: 7, check_status: 'L4OK', lastchg: 90, downtime: 3 }),
  statRow('mqtt', 'BACKEND', { scur: 12, lastchg: 90, downtime: 0 }),
];

/** A cluster of two that is well. */
export function snapshot(changes: Partial<ClusterSnapshot> = {}): ClusterSnapshot {
  return {
    cluster: 'home',
    sequence: 1,
    at: NOW,
    health: { state: 'healthy', since: NOW - 5000, problems: [] },
    connect: { host: '192.168.1.10', port: 1883, credentials: true },
    nodes: [node('pi1'), node('pi2')],
    balancers: [{ node: 'pi1', status: fresh(balancerStatus(ROWS)) }],
    supervisor: fresh(
      supervisorStatus([
        {
          name: 'broker-1',
          node: 'pi1',
          state: 'ready',
          pid: 1201,
          startedAt: NOW - 9e6,
          restarts: 0,
        },
        {
          name: 'broker-2',
          node: 'pi2',
          state: 'ready',
          pid: 1312,
          startedAt: NOW - 9e5,
          restarts: 2,
          lastExit: { at: NOW - 9.1e5, reason: 'killed by SIGKILL' },
        },
      ]),
    ),
    events: [{ id: 1, at: NOW - 9.1e5, level: 'warning', subject: 'broker-2', text: 'ended' }],
    ...changes,
  };
}
