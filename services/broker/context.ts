import type { ClusterConfig } from '#core/config/cluster.ts';
import type { Logger } from '#core/log.ts';
import type { Access } from './auth/access.ts';
import type { Audit } from './auth/audit.ts';
import type { Counters } from './counters.ts';
import type { Gate } from './limits/gate.ts';
import type { Pacer } from './limits/pacer.ts';
import type { Message } from './message.ts';
import type { Pressure } from './router/pressure.ts';
import type { Router } from './router/router.ts';
import type { SessionRegistry } from './session/registry.ts';
import type { RetainedStore } from './store/retained.ts';

export type Limits = ClusterConfig['mqtt']['limits'];

/** The parts of a broker that every connection uses. */
export interface BrokerContext {
  readonly node: string;
  readonly log: Logger;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly access: Access;
  readonly audit: Audit;
  readonly gate: Gate;
  readonly pacer: Pacer;
  readonly router: Router;
  readonly sessions: SessionRegistry;
  readonly retained: RetainedStore;
  readonly pressure: Pressure;
  /**
   * Takes a publication of this node: numbers it, keeps it where it must be kept, routes it.
   * A promise means that the acknowledgement has to wait for it; it rejects when the message
   * could not be made durable. The one place through which every publish passes.
   */
  accept(message: Message): Promise<void> | undefined;
  /** Whether this node has all the connections that it may have. */
  readonly full: boolean;
}
