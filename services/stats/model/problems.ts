import type { StatRow, SupervisorStatus, WatchdogStatus } from '#core/contracts/status.ts';
import { bridgeProblems } from './bridge-problems.ts';
import { clockProblems } from './clock-problems.ts';
import { isUp, kindOf, stateOf, textOf } from './haproxy-row.ts';
import type { BalancerView, ClusterSnapshot, Health, NodeView, Problem } from './snapshot.ts';
import { lastKnown, type Sourced } from './sourced.ts';
import { vipFault, vipProblems } from './vip-problems.ts';

/** A problem before it is known since when; `since` only where the source itself says. */
type Finding = Omit<Problem, 'since'> & { readonly since?: number };

/** Share of a disk that leaves too little to write to, percent. */
const DISK_FULL = 92;

type State = Omit<ClusterSnapshot, 'health' | 'events'>;

/** Everything that is wrong now, and since when: what lasted keeps its beginning. */
export function assess(now: State, before: Health | undefined): Health {
  const findings: Finding[] = [
    ...now.nodes.flatMap(ofNode),
    ...now.nodes.flatMap((node) => vipFault(node, now.at)),
    ...vipProblems(now.addresses, now.at),
    ...clockProblems(now.nodes),
    ...brokersTogether(now.nodes),
    ...now.balancers.flatMap(ofBalancer),
    ...bridgeProblems(now.bridge),
    ...ofSupervisor(now.supervisor),
  ];
  const problems = findings.map((finding): Problem => {
    const known = before?.problems.find((problem) => problem.key === finding.key);
    return { ...finding, since: known?.since ?? finding.since ?? now.at };
  });
  problems.sort((a, b) => rank(a) - rank(b) || a.since - b.since);
  const state = stateFrom(now, problems);
  return { state, problems, since: before?.state === state ? before.since : now.at };
}

function rank(problem: Problem): number {
  return problem.level === 'critical' ? 0 : 1;
}

function stateFrom(now: State, problems: readonly Problem[]): Health['state'] {
  if (problems.some((problem) => problem.level === 'critical')) return 'critical';
  if (problems.length > 0) return 'degraded';
  return sourcesOf(now).some((source) => source.state === 'pending') ? 'starting' : 'healthy';
}

/** Every source of the snapshot. */
export function sourcesOf(now: State): Sourced<unknown>[] {
  const optional = (source: Sourced<unknown> | undefined) => (source ? [source] : []);
  return [
    ...now.nodes.flatMap((n) => [
      n.vitals,
      ...optional(n.broker?.status),
      ...optional(n.nats),
      ...optional(n.bridge?.status),
      ...optional(n.watchdog),
      ...optional(n.vip),
    ]),
    ...now.balancers.map((balancer) => balancer.status),
    ...optional(now.supervisor),
  ];
}

/** A source that does not answer, as a finding. */
function silent(source: Sourced<unknown> | undefined, key: string, subject: string): Finding[] {
  if (source?.state !== 'stale') return [];
  const { reason: text, staleSince: since } = source;
  return [{ key: `silent ${key}`, level: 'warning', subject, text, since }];
}

/** A process that answers, and says that it cannot do its work now. */
function unready(
  source: Sourced<{ ready: boolean; reasons: string[] }> | undefined,
  key: string,
  subject: string,
): Finding[] {
  if (source?.state !== 'fresh' || source.value.ready) return [];
  const text = `is not ready: ${source.value.reasons.join(', ') || 'no reason given'}`;
  return [{ key: `unready ${key}`, level: 'warning', subject, text }];
}

function ofNode(node: NodeView): Finding[] {
  const { name } = node;
  const { vitals: own, broker: front, nats, bridge, watchdog, vip } = node;
  const sources = [own, front?.status, nats, bridge?.status, watchdog, vip].filter(
    (source) => source !== undefined,
  );
  // A node that is gone altogether is one problem, not one for each thing on it.
  if (sources.length > 1 && sources.every((source) => source.state === 'stale')) {
    return silent(node.broker?.status ?? node.vitals, `node ${name}`, name);
  }
  const found = silent(node.vitals, `vitals ${name}`, `${name} vitals`);
  found.push(...silent(node.broker?.status, `broker ${name}`, `${name} broker`));
  found.push(...silent(node.nats, `nats ${name}`, `${name} nats-server`));
  found.push(...silent(bridge?.status, `bridge ${name}`, `${name} bridge`));
  found.push(...unready(front?.status, name, `${name} broker`));
  found.push(...unready(bridge?.status, `bridge ${name}`, `${name} bridge`));
  found.push(...silent(watchdog, `watchdog ${name}`, `${name} watchdog`));
  found.push(...silent(vip, `vip ${name}`, `${name} vip`));
  found.push(...mended(watchdog, name));
  const vitals = lastKnown(node.vitals);
  for (const disk of vitals?.disks ?? []) {
    const used = (disk.used / disk.size) * 100;
    const about = { level: 'warning', subject: name } as const;
    if (disk.readOnly) {
      found.push({ ...about, key: `ro ${name} ${disk.mount}`, text: `${disk.mount} is read-only` });
    } else if (used >= DISK_FULL) {
      const text = `${disk.mount} is over ${DISK_FULL} % full`;
      found.push({ ...about, key: `full ${name} ${disk.mount}`, text });
    }
  }
  if (vitals?.throttled?.now.includes('undervoltage')) {
    const text = 'undervoltage: the power supply or its cable is too weak';
    found.push({ key: `power ${name}`, level: 'warning', subject: name, text });
  }
  for (const text of vitals?.problems ?? []) {
    found.push({ key: `own ${name} ${text}`, level: 'warning', subject: name, text });
  }
  return found;
}

/** One broker away is a warning; none left is an outage. */
function brokersTogether(nodes: readonly NodeView[]): Finding[] {
  const brokers = nodes.flatMap((node) => (node.broker ? [node.broker.status] : []));
  const lost = (status: Sourced<{ ready: boolean }>) =>
    status.state === 'stale' || (status.state === 'fresh' && !status.value.ready);
  if (brokers.length === 0 || !brokers.every(lost)) return [];
  const text = 'no broker can serve clients';
  return [{ key: 'no broker', level: 'critical', subject: 'cluster', text }];
}

/** What the watchdog could not mend, and what it is about. */
function mended(watchdog: Sourced<WatchdogStatus> | undefined, node: string): Finding[] {
  const known = watchdog?.state === 'fresh' ? watchdog.value.services : [];
  return known.flatMap(({ name, state, rung, reason, since }): Finding[] => {
    if (state === 'up' || state === 'starting') return [];
    const about = { key: `watchdog ${node} ${name}`, subject: `${node} ${name}`, since } as const;
    if (state === 'stopped') return [{ ...about, level: 'warning', text: 'is stopped' }];
    const given = rung === 'quarantine' ? ', and the watchdog could not mend it' : '';
    const level = rung === 'quarantine' ? 'critical' : 'warning';
    return [{ ...about, level, text: `is down: ${reason}${given}` }];
  });
}

function ofBalancer({ node, status }: BalancerView, _: number, all: unknown[]): Finding[] {
  // With one balancer its node adds nothing for the reader.
  const subject = all.length > 1 ? `${node} balancer` : 'balancer';
  if (status.state !== 'fresh') return silent(status, `balancer ${node}`, subject);
  const found = unready(status, `balancer ${node}`, subject);
  for (const row of status.value.rows) {
    const finding = ofRow(row, `${node} ${textOf(row, 'pxname')}/${textOf(row, 'svname')}`);
    if (finding) found.push({ ...finding, subject });
  }
  return found;
}

function ofRow(row: StatRow, key: string): Omit<Finding, 'subject'> | undefined {
  const kind = kindOf(row);
  const state = stateOf(row);
  const proxy = textOf(row, 'pxname');
  if (kind === 'backend' && !isUp(state) && state !== 'unknown' && state !== 'maint') {
    return { key: `backend ${key}`, level: 'critical', text: `${proxy} has no server left` };
  }
  if (kind === 'server' && (state === 'down' || state === 'going-up')) {
    const check = textOf(row, 'check_status').replace(/^\* /, '');
    const why = check === '' ? '' : ` (${check})`;
    const name = `${proxy}/${textOf(row, 'svname')}`;
    return { key: `server ${key}`, level: 'warning', text: `${name} is DOWN${why}` };
  }
  return undefined;
}

function ofSupervisor(supervisor: Sourced<SupervisorStatus> | undefined): Finding[] {
  if (supervisor?.state !== 'fresh') return silent(supervisor, 'supervisor', 'supervisor');
  return supervisor.value.processes
    .filter(({ state }) => state === 'backoff' || state === 'stopped')
    .map(({ name, state, lastExit }) => {
      const why = lastExit ? `: ${lastExit.reason}` : '';
      const text = state === 'backoff' ? `waits to be restarted${why}` : `is stopped${why}`;
      const since = lastExit ? { since: lastExit.at } : {};
      return { key: `process ${name}`, level: 'warning', subject: name, text, ...since };
    });
}
