import type { ClusterConfig } from '#core/config/cluster.ts';
import type { Unreadiness } from '#core/health.ts';
import type { Logger } from '#core/log.ts';
import type { Message } from '#core/mqtt/message.ts';
import type { Access } from './auth/access.ts';
import type { Audit } from './auth/audit.ts';
import type { Counters } from './counters.ts';
import type { Gate } from './limits/gate.ts';
import type { Pacer } from './limits/pacer.ts';
import type { MessageLog, Receipt } from './log/message-log.ts';
import type { Pressure } from './router/pressure.ts';
import type { Router } from './router/router.ts';
import type { SessionRegistry } from './session/registry.ts';
import type { GroupKeeper } from './sharing/keeper.ts';
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
  readonly groups: Pick<GroupKeeper, 'ensure'>;
  readonly retained: RetainedStore;
  readonly pressure: Pressure;
  readonly messages: Pick<MessageLog, 'head' | 'caughtUp'>;
  /**
   * Takes a publication of this node: numbers it, keeps it where it must be kept, routes it.
   * `receipt` is told when a QoS 1 or 2 message is durable, which its acknowledgement waits for.
   * The one place through which every publish passes.
   */
  accept(message: Message, receipt: Receipt | undefined): void;
  /** What a publisher has to wait for while the log does not keep up, if anything. */
  logRelief(): Promise<void> | undefined;
  /** Why this node takes no clients now; empty when it does. */
  unready(): Unreadiness;
  /** Whether this node has all the connections that it may have. */
  readonly full: boolean;
}
