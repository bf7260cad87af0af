import { piPorts, VIP_PORTS } from '#core/contracts/ports.ts';
import { drainedBy } from '#core/drain.ts';
import { describeError } from '#core/errors.ts';
import { kafkaReasons } from '../kafka/gate.ts';
import { vipReasons, watchdogReasons } from './gate-reasons.ts';
import type { Generation } from './generation.ts';
import { CLUSTER_FILE } from './layout.ts';
import { activeFor } from './systemctl.ts';

/** One thing that a node must do before the next one is touched. */
interface Check {
  what: string;
  url: string;
  /** Whether it needs a majority of the cluster; without one it cannot be asked for yet. */
  needsCluster: boolean;
  /** Why it is not well, from an answer of status 200; an error where that is no such answer. */
  reasons?: (answer: unknown) => string[];
}

export interface GateOptions {
  files: Generation['files'];
  /** Whether a majority of the brokers runs, so that everything must be well. */
  whole: boolean;
  /** Milliseconds. */
  patience: number;
  /** Who has asked for a drain is not a fault of the node. */
  drain: string;
  /** Where those files lie: certificates are relative to it. */
  directory: string;
  /** For how long a unit has run; default: as systemd says. */
  activeFor?: (unit: string) => number | undefined;
}

export interface GateResult {
  ready: boolean;
  reasons: string[];
  /** Milliseconds that it took. */
  took: number;
}

const INTERVAL = 500;
const TIMEOUT = 3_000;
const LOOPBACK = '127.0.0.1';
/** What has no port to ask must have run for so long, milliseconds. */
const LASTS = 3_000;

/** What the files of a node say it runs. */
export function checksFor(files: Generation['files']): Check[] {
  const { nodes, balancerHealth, statsHealth, bridgeHealth, supervisorHealth } = piPorts(1);
  const { health, natsMonitor } = nodes[0]!;
  const ready = (port: number) => `http://${LOOPBACK}:${port}/readyz`;
  const status = (port: number) => `http://${LOOPBACK}:${port}/status`;
  const all: [string, Check][] = [
    // With JetStream it answers 200 only when every replica here has caught up.
    [
      'nats.conf',
      { what: 'nats-server', url: `http://${LOOPBACK}:${natsMonitor}/healthz`, needsCluster: true },
    ],
    ['broker.yaml', { what: 'broker', url: ready(health), needsCluster: true }],
    ['balancer.cfg', { what: 'balancer', url: ready(balancerHealth), needsCluster: true }],
    ['stats.yaml', { what: 'page', url: ready(statsHealth), needsCluster: false }],
    ['bridge.yaml', { what: 'bridge', url: ready(bridgeHealth[0]!), needsCluster: true }],
    [
      'vip.yaml',
      { what: 'vip', url: status(VIP_PORTS.health), needsCluster: true, reasons: vipReasons },
    ],
    [
      'watchdog.yaml',
      {
        what: 'watchdog',
        url: status(supervisorHealth),
        needsCluster: true,
        reasons: watchdogReasons,
      },
    ],
  ];
  return all.filter(([file]) => files.has(file)).map(([, check]) => check);
}

/** Waits until a node does what its files say, or patience ends. */
export async function passGate(options: GateOptions): Promise<GateResult> {
  const from = performance.now();
  for (;;) {
    const drained = drainedBy(options.drain).map((who) => `drained by ${who}`);
    const told = await Promise.all(
      checksFor(options.files).map((check) => complaints(check, options.whole, drained)),
    );
    const kafka = await kafkaOf(options);
    const reasons = [...told.flat(), ...kafka, ...keepalivedReasons(options)];
    const took = Math.round(performance.now() - from);
    if (reasons.length === 0 || took > options.patience) {
      return { ready: reasons.length === 0, reasons, took };
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}

async function complaints(check: Check, whole: boolean, drained: string[]): Promise<string[]> {
  const { what, url, needsCluster } = check;
  let response: Response;
  try {
    response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT),
      headers: { connection: 'close' },
    });
  } catch {
    return [`${what}: does not answer`];
  }
  const { reasons } = check;
  if ((response.ok && reasons === undefined) || (needsCluster && !whole)) {
    await response.body?.cancel();
    return [];
  }
  if (response.ok && reasons !== undefined) {
    try {
      return reasons(await response.json()).map((reason) => `${what}: ${reason}`);
    } catch (error) {
      return [`${what}: answers with something else (${describeError(error)})`];
    }
  }
  const body = (await response.json().catch(() => ({}))) as {
    reasons?: string[];
    error?: string;
  };
  return (body.reasons ?? [body.error ?? `status ${response.status}`])
    .filter((reason) => !drained.includes(reason))
    .map((reason) => `${what}: ${reason}`);
}

function kafkaOf({ files, directory, activeFor: lasts = activeFor }: GateOptions) {
  const properties = files.get('kafka.properties');
  if (properties === undefined) return [];
  const cluster = files.get(CLUSTER_FILE) ?? '';
  const active = lasts('bramble-kafka.service');
  return kafkaReasons({ properties, cluster, directory, activeFor: active });
}

/** It has no port: systemd knows for how long it has run without ending. */
function keepalivedReasons({ files, activeFor: lasts = activeFor }: GateOptions): string[] {
  if (!files.has('keepalived.conf')) return [];
  const lasted = lasts('bramble-keepalived.service');
  if (lasted === undefined) return ['keepalived: does not run'];
  return lasted < LASTS ? ['keepalived: has just started'] : [];
}
