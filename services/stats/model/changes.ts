import type { BalancerStatus, BrokerStatus, ClusterEvent } from '#core/contracts/status.ts';
import type { ClusterBridge } from './bridge.ts';
import { kindOf, type RowState, stateOf, textOf } from './haproxy-row.ts';
import type { ClusterSnapshot } from './snapshot.ts';
import { lastKnown, type Sourced } from './sourced.ts';

type State = Omit<ClusterSnapshot, 'health' | 'events'>;

/** What happened between two snapshots, as events. */
export function changesBetween(before: State, now: State): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  const report: Report = (level, subject, text) => {
    events.push({ at: now.at, level, subject, text });
  };
  const supervised = new Set(lastKnown(now.supervisor)?.processes.map(({ pid }) => pid));
  const restarted = (subject: string, from: Process, to: Process) => {
    // The supervisor that started it has told so already, and why.
    if (supervised.has(to.pid)) return;
    report('warning', subject, `restarted: process ${from.pid} is now ${to.pid}`);
  };
  const answers = (subject: string, old?: Sourced<unknown>, current?: Sourced<unknown>) => {
    if (!old || !current) return;
    if (current.state === 'stale' && old.state !== 'stale') {
      report('warning', subject, current.reason);
    } else if (current.state === 'fresh' && old.state === 'stale') {
      report('info', subject, 'answers again');
    }
  };
  for (const node of now.nodes) {
    const old = before.nodes.find((n) => n.name === node.name);
    answers(`${node.name} vitals`, old?.vitals, node.vitals);
    answers(`${node.name} broker`, old?.broker?.status, node.broker?.status);
    answers(`${node.name} nats-server`, old?.nats, node.nats);
    answers(`${node.name} watchdog`, old?.watchdog, node.watchdog);
    answers(`${node.name} vip`, old?.vip, node.vip);
    answers(`${node.name} bridge`, old?.bridge?.status, node.bridge?.status);
    const bridges = [lastKnown(old?.bridge?.status), lastKnown(node.bridge?.status)] as const;
    if (bridges[0] && bridges[1] && isOtherProcess(bridges[0], bridges[1])) {
      restarted(`${node.name} bridge`, bridges[0], bridges[1]);
    }
    const [last, current] = [lastKnown(old?.broker?.status), lastKnown(node.broker?.status)];
    if (!last || !current || last === current) continue;
    if (isOtherProcess(last, current)) restarted(`${node.name} broker`, last, current);
    else brokerChanges(`${node.name} broker`, last, current, report);
  }
  for (const balancer of now.balancers) {
    const old = before.balancers.find((b) => b.node === balancer.node);
    const subject = now.balancers.length > 1 ? `${balancer.node} balancer` : 'balancer';
    answers(subject, old?.status, balancer.status);
    const [last, current] = [lastKnown(old?.status), lastKnown(balancer.status)];
    if (!last || !current || last === current) continue;
    if (isOtherProcess(last, current)) restarted(subject, last, current);
    else rowChanges(subject, last, current, report);
  }
  addressChanges(before.addresses, now.addresses, report);
  bridgeChanges(before.bridge, now.bridge, report);
  answers('supervisor', before.supervisor, now.supervisor);
  return events;
}

type Report = (level: ClusterEvent['level'], subject: string, text: string) => void;

/** Virtual addresses that change hands. */
function addressChanges(
  before: State['addresses'],
  now: State['addresses'] = [],
  report: Report,
): void {
  for (const { address, last, previous } of now) {
    const old = before?.find((one) => one.address === address)?.last;
    if (last === undefined || old === undefined || last === old) continue;
    report('warning', address, `is at ${last} now, and was at ${previous ?? old}`);
  }
}

/** Kafka away and back, and mappings that change hands. */
function bridgeChanges(
  last: ClusterBridge | undefined,
  current: ClusterBridge | undefined,
  report: Report,
): void {
  if (!last || !current) return;
  const [from, to] = [last.kafka.state, current.kafka.state];
  if (from === 'reachable' && to === 'away') {
    report('warning', 'Kafka', `is away: ${current.kafka.reason ?? 'no reason given'}`);
  } else if (from === 'away' && to === 'reachable') {
    report('info', 'Kafka', 'answers again');
  }
  for (const { name, owner } of current.toKafka) {
    const before = last.toKafka.find((mapping) => mapping.name === name)?.owner ?? '';
    if (owner === before || owner === '' || before === '') continue;
    report('info', `mapping ${name}`, `goes over from ${before} to ${owner}`);
  }
}

function brokerChanges(
  subject: string,
  last: BrokerStatus,
  status: BrokerStatus,
  report: Report,
): void {
  if (last.ready !== status.ready) {
    if (status.ready) report('info', subject, 'is ready');
    else report('warning', subject, `is not ready: ${status.reasons.join(', ')}`);
  } else if (last.natsConnected !== status.natsConnected) {
    if (status.natsConnected) report('info', subject, 'has its nats-server again');
    else report('warning', subject, 'has lost its nats-server');
  }
}

interface Process {
  pid: number;
  startedAt: number;
}

function isOtherProcess(a: Process, b: Process): boolean {
  return a.pid !== b.pid || a.startedAt !== b.startedAt;
}

/** States worth an event; the steps between them are not. */
const SETTLED: Partial<Record<RowState, string>> = {
  up: 'UP',
  'going-down': 'UP',
  down: 'DOWN',
  'going-up': 'DOWN',
  maint: 'in maintenance',
  drain: 'draining',
};

function rowChanges(
  subject: string,
  last: BalancerStatus,
  current: BalancerStatus,
  report: Report,
): void {
  const keyOf = (row: BalancerStatus['rows'][number]) =>
    `${textOf(row, 'pxname')}/${textOf(row, 'svname')}`;
  const known = new Map(last.rows.map((row) => [keyOf(row), SETTLED[stateOf(row)]]));
  for (const row of current.rows) {
    if (kindOf(row) !== 'server') continue;
    const key = keyOf(row);
    const state = SETTLED[stateOf(row)];
    const old = known.get(key);
    if (state === undefined || old === undefined || state === old) continue;
    const check = state === 'DOWN' ? textOf(row, 'check_status') : '';
    const why = check === '' ? '' : ` (${check})`;
    report(state === 'DOWN' ? 'warning' : 'info', subject, `${key} is ${state}${why}`);
  }
}
