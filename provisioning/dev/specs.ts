import { fileURLToPath } from 'node:url';
import { kafkaCommand } from '../kafka/command.ts';
import { bridgeNodes } from '../render/bridge.ts';
import type { Plan, PlannedNode } from '../render/plan.ts';
import type { ProcessSpec } from '../supervise/process-spec.ts';
import { readyByHttp, readyByMessage, readyByPort } from '../supervise/readiness.ts';
import type { DataDir } from './data-dir.ts';
import { findProgram } from './find-program.ts';

const service = (name: string) =>
  fileURLToPath(new URL(`../../services/${name}/main.ts`, import.meta.url));

/** As in the bridge's unit file: its memory fits a Pi. */
export const BRIDGE_LIMITS = ['--max-semi-space-size=2', '--max-old-space-size=96'];
export const BRIDGE_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' };

/** Ours run under the Node that runs us, with no shell in between: the pid is the process's own. */
const ours = {
  command: process.execPath,
  ipc: true,
  ready: readyByMessage,
  stopSignal: 'SIGTERM',
} as const;

/**
 * The processes of a dev cluster, in the order in which they are started. A broker waits for its
 * nats-server by itself, so that both start side by side; the balancer starts when all brokers
 * answer, so that it never sees one down; the page needs nobody.
 */
export function processSpecs(
  plan: Plan,
  data: DataDir,
  nats: string,
  extraBalancerFile: string | undefined,
  kafkaClassPath?: string,
): ProcessSpec[] {
  const { host, ports, nodes } = plan;
  const brokers = nodes.map(({ number }) => `broker-${number}`);
  const extra = extraBalancerFile === undefined ? [] : ['-f', extraBalancerFile];
  return [
    ...nodes.map((node) => natsSpec(plan, node, data, nats)),
    ...nodes.map((node) => ({
      ...ours,
      name: `broker-${node.number}`,
      node: node.name,
      args: [service('broker'), '--config', data.rendered(`broker-${node.number}.yaml`)],
      after: [],
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
    ...bridgeNodes(plan).map((node) => ({
      ...ours,
      name: `bridge-${node.number}`,
      node: node.name,
      args: [
        ...BRIDGE_LIMITS,
        service('bridge'),
        '--config',
        data.rendered(`bridge-${node.number}.yaml`),
      ],
      env: BRIDGE_ENVIRONMENT,
      // It waits for its nats-server and for Kafka by itself.
      after: ['balancer'],
      log: data.log(`bridge-${node.number}`),
    })),
    ...(kafkaClassPath === undefined ? [] : [kafkaSpec(plan, data, kafkaClassPath)]),
    {
      ...ours,
      name: 'stats',
      args: [service('stats'), '--config', data.rendered('stats.yaml')],
      after: [],
      log: data.log('stats'),
    },
  ];
}

function natsSpec(plan: Plan, node: PlannedNode, data: DataDir, command: string): ProcessSpec {
  const name = `nats-${node.number}`;
  return {
    name,
    node: node.name,
    ...diesWithUs(command, ['-c', data.rendered(`${name}.conf`)]),
    ipc: false,
    // 200 once JetStream has a leader.
    ready: readyByHttp(`http://${plan.host}:${node.ports.natsMonitor}/healthz`),
    after: [],
    // nats-server ends with code 0 on this one and with 1 on SIGTERM.
    stopSignal: 'SIGINT',
    log: data.log(name),
  };
}

function kafkaSpec({ host, ports }: Plan, data: DataDir, classPath: string): ProcessSpec {
  const { command, args } = kafkaCommand(classPath, data.rendered('kafka.properties'));
  return {
    name: 'kafka',
    ...diesWithUs(command, args),
    ipc: false,
    ready: readyByPort(host, ports.kafka.clients),
    after: [],
    stopSignal: 'SIGTERM',
    log: data.log('kafka'),
  };
}

/**
 * A program that knows no IPC channel is told by the kernel when we end (prctl(2),
 * PR_SET_PDEATHSIG), where setpriv(1) is there to ask for it. It replaces itself with the program,
 * so that the pid is the program's own.
 */
function diesWithUs(command: string, args: string[]): { command: string; args: string[] } {
  const setpriv = findProgram('setpriv');
  if (setpriv === undefined) return { command, args };
  return { command: setpriv, args: ['--pdeathsig', 'INT', command, ...args] };
}
