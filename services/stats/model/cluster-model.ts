import type { ClusterConfig } from '#core/config/cluster.ts';
import type { BrokerStatus } from '#core/contracts/status.ts';
import type { Sources } from '../sources/sources.ts';
import { bridgeOf } from './bridge.ts';
import { BridgeMemory } from './bridge-rates.ts';
import { changesBetween } from './changes.ts';
import { EventLog } from './event-log.ts';
import { History } from './history.ts';
import { assess } from './problems.ts';
import { RateMeter, type Rates } from './rates.ts';
import {
  BROKER_COUNTERS,
  type BrokerCounter,
  type BrokerView,
  type ClusterSnapshot,
  type Connect,
  type NodeView,
  type Series,
} from './snapshot.ts';
import { lastKnown } from './sourced.ts';
import { VirtualAddresses } from './virtual-addresses.ts';

/** What is remembered of one node from one snapshot to the next. */
interface NodeMemory {
  meter: RateMeter<BrokerCounter>;
  /** The last answer that the meter has counted. */
  metered: BrokerStatus | undefined;
  rates: Rates<BrokerCounter> | undefined;
  cpu: History;
  messagesIn: History;
  messagesOut: History;
  bridge: BridgeMemory;
}

/** What of cluster.yaml the page shows; changes with SIGHUP. */
export interface ClusterFacts {
  name: string;
  connect: Connect;
  /** The virtual ones. */
  addresses: readonly string[];
  /** By node name. */
  nodes: ReadonlyMap<string, ClusterConfig['nodes'][number]>;
}

/** Turns what the sources say into one immutable snapshot, and differences into events. */
export class ClusterModel {
  readonly #sources: Sources;
  readonly #log = new EventLog();
  readonly #memory = new Map<string, NodeMemory>();
  readonly #addresses = new VirtualAddresses();
  #facts: ClusterFacts;
  #sequence = 0;
  #snapshot: ClusterSnapshot | undefined;

  constructor(sources: Sources, facts: ClusterFacts) {
    this.#sources = sources;
    this.#facts = facts;
  }

  set facts(facts: ClusterFacts) {
    this.#facts = facts;
  }

  /** The newest snapshot; the first is made on demand. */
  get snapshot(): ClusterSnapshot {
    return this.#snapshot ?? this.refresh();
  }

  /** Makes the next snapshot. */
  refresh(at = Date.now(), monotonic = performance.now()): ClusterSnapshot {
    const { balancers, supervisor } = this.#sources;
    const before = this.#snapshot;
    const nodes = this.#sources.nodes.map((source) => this.#node(source, monotonic));
    const bridge = bridgeOf(nodes);
    const addresses = this.#addresses.view(this.#facts.addresses, nodes, at);
    const state = {
      cluster: this.#facts.name,
      sequence: ++this.#sequence,
      at,
      connect: this.#facts.connect,
      nodes,
      balancers: balancers.map(({ node, status }) => ({ node, status: status.state })),
      ...(bridge ? { bridge } : {}),
      ...(addresses.length > 0 ? { addresses } : {}),
      ...(supervisor ? { supervisor: supervisor.state } : {}),
    };
    if (before) this.#log.add(changesBetween(before, state));
    this.#log.add(lastKnown(supervisor?.state)?.events ?? []);
    for (const { watchdog } of nodes) this.#log.add(lastKnown(watchdog)?.events ?? []);
    const health = assess(state, before?.health);
    this.#snapshot = { ...state, health, events: this.#log.events };
    return this.#snapshot;
  }

  #node(source: Sources['nodes'][number], monotonic: number): NodeView {
    const memory = this.#memoryOf(source.name);
    const vitals = source.vitals.state;
    memory.cpu.add(monotonic, vitals.state === 'fresh' ? vitals.value.cpu.usage : undefined);
    const fact = this.#facts.nodes.get(source.name);
    return {
      name: source.name,
      address: fact?.address ?? '',
      roles: fact?.roles ?? [],
      vitals,
      cpuHistory: series(memory.cpu),
      ...(source.broker ? { broker: broker(source.broker, memory, monotonic) } : {}),
      ...(source.nats ? { nats: source.nats.state } : {}),
      ...(source.watchdog ? { watchdog: source.watchdog.state } : {}),
      ...(source.vip ? { vip: source.vip.state } : {}),
      ...(source.bridge
        ? { bridge: memory.bridge.view(source.bridge.state, source.bridge.answeredAt) }
        : {}),
    };
  }

  #memoryOf(name: string): NodeMemory {
    let memory = this.#memory.get(name);
    if (!memory) {
      memory = {
        meter: new RateMeter(),
        metered: undefined,
        rates: undefined,
        cpu: new History(),
        messagesIn: new History(),
        messagesOut: new History(),
        bridge: new BridgeMemory(),
      };
      this.#memory.set(name, memory);
    }
    return memory;
  }
}

function broker(
  source: NonNullable<Sources['nodes'][number]['broker']>,
  memory: NodeMemory,
  monotonic: number,
): BrokerView {
  const status = source.state;
  if (status.state === 'fresh' && status.value !== memory.metered) {
    memory.metered = status.value;
    memory.meter.add({
      at: source.answeredAt,
      incarnation: `${status.value.pid} ${status.value.startedAt}`,
      counters: pick(status.value),
    });
    memory.rates = memory.meter.rates();
  }
  const { rates } = memory;
  const current = status.state === 'fresh' ? rates : undefined;
  memory.messagesIn.add(monotonic, current?.messagesIn);
  memory.messagesOut.add(monotonic, current?.messagesOut);
  const history = {
    messagesIn: series(memory.messagesIn),
    messagesOut: series(memory.messagesOut),
  };
  return { status, history, ...(rates ? { rates } : {}) };
}

function pick(status: BrokerStatus): Record<BrokerCounter, number> {
  return Object.fromEntries(BROKER_COUNTERS.map((key) => [key, status[key]])) as Record<
    BrokerCounter,
    number
  >;
}

function series(history: History): Series {
  return history.points.map((point) => point ?? null);
}
