import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';
import { EngineGuard } from './engine-guard.ts';
import { VoiceGuard } from './voice-guard.ts';

export interface Guard {
  /** Why this node should get no clients now. */
  readonly unready?: string | undefined;
  start(): void;
  close(): void;
}

/** What ends the nats-server of this node when that is the only help; `node` is this worker's name. */
export function engineGuards(
  bus: Bus,
  nats: NonNullable<BrokerConfig['nats']>,
  node: string,
  log: Logger,
): Guard[] {
  const { url, pidFile, monitor, listener } = nats;
  if (pidFile === undefined) return [];
  const guards: Guard[] = [new EngineGuard({ bus, pidFile, log })];
  // One listens for all workers of the node.
  if (listener !== undefined && monitor !== undefined && nodeOfWorker(node) === node) {
    guards.push(new VoiceGuard({ bus, url, listener, monitor, pidFile, log }));
  }
  return guards;
}
