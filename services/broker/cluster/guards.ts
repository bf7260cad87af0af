import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';
import { DiskGuard } from './disk-guard.ts';
import { EngineGuard } from './engine-guard.ts';
import type { Members } from './members.ts';
import { VoiceGuard } from './voice-guard.ts';

export interface Guard {
  /** Why this node should get no clients now. */
  readonly unready?: string | undefined;
  start(): void;
  close(): void;
}

export interface GuardOptions {
  bus: Bus;
  nats: NonNullable<BrokerConfig['nats']>;
  /** This worker's name. */
  node: string;
  members: Members;
  /** How many nodes the cluster has. */
  nodes: () => number;
  log: Logger;
}

/** What watches the nats-server of this node, and ends it when that is the only help. */
export function engineGuards({ bus, nats, node, members, nodes, log }: GuardOptions): Guard[] {
  const { url, pidFile, monitor, listener, store } = nats;
  const guards: Guard[] = [];
  // One sees to it for all workers of the node.
  const first = nodeOfWorker(node) === node;
  if (store !== undefined) {
    const process = first ? pidFile : undefined;
    guards.push(new DiskGuard({ directory: store, members, pidFile: process, log }));
  }
  if (pidFile === undefined) return guards;
  guards.push(new EngineGuard({ bus, pidFile, log }));
  if (first && listener !== undefined && monitor !== undefined) {
    guards.push(new VoiceGuard({ bus, url, listener, monitor, pidFile, nodes, log }));
  }
  return guards;
}
