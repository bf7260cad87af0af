import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { natsTopology } from '../render/nats.ts';
import type { Plan, PlannedNode } from '../render/plan.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { readyByHttp, readyByMessage } from '../supervise/readiness.ts';
import type { DataDir } from './data-dir.ts';

const service = (name: string) =>
  fileURLToPath(new URL(`../../services/${name}/main.ts`, import.meta.url));

/** Ours run under the Node that runs us, with no shell in between: the pid is the process's own. */
const ours = {
  command: process.execPath,
  ipc: true,
  ready: readyByMessage,
  stopSignal: 'SIGTERM',
} as const;

/**
 * The processes of a dev cluster. Each broker needs its own nats-server; the balancer starts when
 * all brokers answer, so that it never sees one down; the page needs nobody.
 */
export function processSpecs(
  plan: Plan,
  data: DataDir,
  nats: string,
  extraBalancerFile: string | undefined,
): ProcessSpec[] {
  const { host, ports, nodes } = plan;
  const brokers = nodes.map(({ number }) => `broker-${number}`);
  const extra = extraBalancerFile === undefined ? [] : ['-f', extraBalancerFile];
  const specs: ProcessSpec[] = [
    ...nodes.map((node) => natsSpec(plan, node, data, nats)),
    ...nodes.map((node) => ({
      ...ours,
      name: `broker-${node.number}`,
      node: node.name,
      args: [service('broker'), '--config', data.rendered(`broker-${node.number}.yaml`)],
      after: [`nats-${node.number}`],
      log: data.log(`broker-${node.number}`),
    })),
    {
      ...ours,
      name: 'balancer',
      args: [service('balancer'), '-f', data.rendered('balancer.cfg'), ...extra],
      env: { BRAMBLE_HEALTH: `${host}:${ports.balancerHealth}` },
      after: brokers,
      log: data.log('balancer'),
    },
    {
      ...ours,
      name: 'stats',
      args: [service('stats'), '--config', data.rendered('stats.yaml')],
      after: [],
      log: data.log('stats'),
    },
  ];
  const there = specs.filter(({ ipc, args }) => !ipc || existsSync(args[0]!));
  return there.map((spec) => ({
    ...spec,
    after: spec.after.filter((name) => there.some((other) => other.name === name)),
  }));
}

function natsSpec(plan: Plan, node: PlannedNode, data: DataDir, command: string): ProcessSpec {
  const name = `nats-${node.number}`;
  const monitor = `http://${plan.host}:${node.ports.natsMonitor}`;
  const isLeaf = natsTopology(plan.nodes.length) === 'hub' && node.number > 1;
  return {
    name,
    node: node.name,
    command,
    args: ['-c', data.rendered(`${name}.conf`)],
    ipc: false,
    // A leaf is of use once it hangs on its hub; the others once JetStream has a leader.
    ready: isLeaf
      ? readyByHttp(`${monitor}/leafz`, (body) => (body as { leafnodes?: number }).leafnodes === 1)
      : readyByHttp(`${monitor}/healthz`, () => true),
    after: isLeaf ? ['nats-1'] : [],
    stopSignal: 'SIGTERM',
    log: data.log(name),
  };
}
