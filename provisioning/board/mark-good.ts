import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterNode } from '#core/config/cluster.ts';
import { piPorts } from '#core/contracts/ports.ts';

export interface Probe {
  name: string;
  /** Rejects, or resolves to false, while it does not answer. */
  answers: (signal: AbortSignal) => Promise<boolean>;
}

export interface Patience {
  /** How long all of them have to answer without a gap, milliseconds. */
  steady: number;
  /** How long this may take in all, milliseconds. */
  limit: number;
  /** From one round of questions to the next, milliseconds. */
  interval: number;
}

export const PATIENCE: Patience = { steady: 60_000, limit: 600_000, interval: 2_000 };
const PROBE_TIMEOUT = 5_000;
const HOST = '127.0.0.1';

/** What a node of these roles has to answer. */
export function probesOf({ roles }: Pick<ClusterNode, 'roles'>): Probe[] {
  const ports = piPorts(1);
  const ready = (name: string, port: number, path = '/readyz'): Probe => ({
    name,
    answers: async (signal) => (await fetch(`http://${HOST}:${port}${path}`, { signal })).ok,
  });
  return [
    ...(roles.includes('broker') ? [ready('broker', ports.nodes[0]!.health)] : []),
    ...(roles.includes('balancer')
      ? [
          ready('balancer', ports.balancerHealth),
          { name: 'MQTT', answers: (signal: AbortSignal) => accepts(ports.mqtt, signal) },
          ready('page', ports.page, '/'),
        ]
      : []),
    ready('stats', ports.statsHealth),
  ];
}

function accepts(port: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect({ host: HOST, port, signal });
  socket.once('connect', () => resolve(true));
  socket.once('error', reject);
  return promise.finally(() => socket.destroy());
}

/**
 * Resolves to an empty list once all have answered for `steady` without a gap, or to the names of
 * those that did not when `limit` is over.
 */
export async function watchUntilSteady(
  probes: readonly Probe[],
  { steady, limit, interval }: Patience,
  now: () => number = () => performance.now(),
): Promise<string[]> {
  const start = now();
  let since: number | undefined;
  for (;;) {
    const silent = await askAll(probes);
    if (silent.length > 0) since = undefined;
    else since ??= now();
    if (since !== undefined && now() - since >= steady) return [];
    if (now() - start >= limit) return silent.length > 0 ? silent : ['steadiness'];
    await sleep(interval);
  }
}

async function askAll(probes: readonly Probe[]): Promise<string[]> {
  const answers = await Promise.all(
    probes.map(async ({ name, answers }) => {
      const ok = await answers(AbortSignal.timeout(PROBE_TIMEOUT)).catch(() => false);
      return ok ? [] : [name];
    }),
  );
  return answers.flat();
}
