import type {
  BalancerStatus,
  BrokerStatus,
  ClusterEvent,
  SupervisorStatus,
  VipStatus,
  WatchdogStatus,
} from '#core/contracts/status.ts';
import type { Vitals } from '#core/contracts/vitals.ts';
import type { BridgeView, ClusterBridge } from './bridge.ts';
import type { LoggedEvent } from './event-log.ts';
import type { Rates } from './rates.ts';
import type { Sourced } from './sourced.ts';
import type { VirtualAddress } from './virtual-addresses.ts';

/** Counters of a broker of which the page shows rates. */
export const BROKER_COUNTERS = ['messagesIn', 'messagesOut', 'bytesIn', 'bytesOut'] as const;
export type BrokerCounter = (typeof BROKER_COUNTERS)[number];

/** Points of the last minutes, oldest first; null where nothing was known. */
export type Series = readonly (number | null)[];

/** One broker: what it says, and what follows from two of its answers. */
export interface BrokerView {
  readonly status: Sourced<BrokerStatus>;
  /** A second; absent until two answers of the same run are there. As old as the status is. */
  readonly rates?: Rates<BrokerCounter>;
  readonly history: Readonly<Record<'messagesIn' | 'messagesOut', Series>>;
}

/** The nats-server of a node, reduced from its `/varz`. Sizes are bytes. */
export interface NatsStatus {
  readonly name: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly rss: number;
  readonly clients: number;
  readonly routes: number;
  readonly slowConsumers: number;
  readonly jetstream?: {
    readonly storage: number;
    /** Of the cluster's metadata group; absent on one node alone, '' while there is none. */
    readonly leader?: string;
  };
}

export interface NodeView {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly string[];
  readonly vitals: Sourced<Vitals>;
  readonly cpuHistory: Series;
  readonly broker?: BrokerView;
  readonly nats?: Sourced<NatsStatus>;
  readonly bridge?: BridgeView;
  readonly watchdog?: Sourced<WatchdogStatus>;
  readonly vip?: Sourced<VipStatus>;
}

export interface BalancerView {
  readonly node: string;
  readonly status: Sourced<BalancerStatus>;
}

export type Level = ClusterEvent['level'];

/** Something that is wrong now. `key` stays the same for as long as it lasts. */
export interface Problem {
  readonly key: string;
  readonly level: Exclude<Level, 'info'>;
  readonly subject: string;
  readonly text: string;
  readonly since: number;
}

/**
 * `starting`: some source has not been heard yet. `degraded`: something is wrong, clients are
 * served. `critical`: some clients cannot be served.
 */
export type HealthState = 'starting' | 'healthy' | 'degraded' | 'critical';

export interface Health {
  readonly state: HealthState;
  readonly since: number;
  /** Critical ones first, then the oldest. */
  readonly problems: readonly Problem[];
}

/** Where clients go, without secrets. */
export interface Connect {
  readonly host: string;
  readonly port: number;
  /** Whether clients must bring a user name and a password. */
  readonly credentials: boolean;
}

/**
 * The whole cluster at one moment, as this node sees it: the body of `/api/cluster`. Immutable.
 * Times are milliseconds since the epoch, sizes bytes, rates a second.
 */
export interface ClusterSnapshot {
  readonly cluster: string;
  /** Counts from 1 since this process started. */
  readonly sequence: number;
  readonly at: number;
  readonly health: Health;
  readonly connect: Connect;
  readonly nodes: readonly NodeView[];
  readonly balancers: readonly BalancerView[];
  /** The virtual addresses; absent where there are none. */
  readonly addresses?: readonly VirtualAddress[];
  /** Absent where no node has a bridge. */
  readonly bridge?: ClusterBridge;
  /** Absent where no supervisor is configured. */
  readonly supervisor?: Sourced<SupervisorStatus>;
  /** Newest first. */
  readonly events: readonly LoggedEvent[];
}
