import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';
import { DiskRoom } from './disk-room.ts';
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
  if (store !== undefined) {
    const onChange = (low: boolean): void => members.tellFull(low);
    guards.push(new DiskRoom({ directory: store, onChange, log }));
  }
  if (pidFile === undefined) return guards;
  guards.push(new EngineGuard({ bus, pidFile, log }));
  // One listens for all workers of the node.
  if (listener !== undefined && monitor !== undefined && nodeOfWorker(node) === node) {
    guards.push(new VoiceGuard({ bus, url, listener, monitor, pidFile, nodes, log }));
  }
  return guards;
}
