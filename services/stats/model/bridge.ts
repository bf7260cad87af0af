import type { BridgeLag, BridgeStatus, ToKafkaRow, ToMqttRow } from '#core/contracts/bridge.ts';
import type { Rates } from './rates.ts';
import { lastKnown, type Sourced } from './sourced.ts';

/** Records and bytes that went through a mapping, a second. */
export type MappingRates = Rates<'records' | 'bytes'>;

/** One node's bridge: what it says, and what follows from two of its answers. */
export interface BridgeView {
  readonly status: Sourced<BridgeStatus>;
  /** By direction and name of the mapping; of those that this bridge has worked at. */
  readonly rates: Readonly<Record<string, MappingRates>>;
}

/**
 * What a mapping to Kafka is at. `carrying`, `buffering` (it waits for Kafka, and the log keeps what
 * comes), `paused` and `doubtful` are its bridge's own words. `moving`: the bridge that had it is
 * silent or has given it up, and another one will take it. `unknown`: no bridge answers.
 */
export type MappingState = Exclude<ToKafkaRow['state'], 'elsewhere'> | 'moving' | 'unknown';

/** A mapping to Kafka, as all bridges together tell. Counts are since each bridge's start. */
export interface ToKafkaView {
  readonly name: string;
  readonly state: MappingState;
  /** Node of the bridge that has it; '' = nobody. */
  readonly owner: string;
  /** What keeps it from Kafka. */
  readonly problem?: string;
  readonly lag?: BridgeLag;
  readonly rates?: MappingRates;
  readonly delivered: number;
  readonly retries: number;
  readonly deadLetters: number;
  /** QoS 0 messages that found no room. */
  readonly dropped: number;
  /** Messages that reached no topic at all: the log had dropped them, or Kafka took them nowhere. */
  readonly lost: number;
}

/** A mapping to MQTT: bridges share its partitions. */
export interface ToMqttView {
  readonly name: string;
  /** Nodes of the bridges that read partitions of it. */
  readonly owners: readonly string[];
  readonly partitions: number;
  readonly problem?: string;
  /** Records that Kafka holds and that are not published. */
  readonly lag: number;
  readonly rates?: MappingRates;
  readonly published: number;
  readonly looped: number;
  readonly deadLetters: number;
}

/** The bridges of the cluster, as one. */
export interface ClusterBridge {
  readonly kafka: {
    /** `part`: some bridges reach it and some do not. */
    readonly state: 'reachable' | 'part' | 'away' | 'unknown';
    readonly brokers: number;
    readonly reason?: string;
  };
  readonly toKafka: readonly ToKafkaView[];
  readonly toMqtt: readonly ToMqttView[];
}

interface Told {
  node: string;
  bridge: BridgeView;
  status: BridgeStatus;
  fresh: boolean;
}

/** Undefined where no node has a bridge. */
export function bridgeOf(
  nodes: readonly { name: string; bridge?: BridgeView }[],
): ClusterBridge | undefined {
  const bridges = nodes.flatMap(({ name, bridge }) => (bridge ? [{ node: name, bridge }] : []));
  if (bridges.length === 0) return undefined;
  const told = bridges.flatMap(({ node, bridge }): Told[] => {
    const status = lastKnown(bridge.status);
    return status ? [{ node, bridge, status, fresh: bridge.status.state === 'fresh' }] : [];
  });
  const fresh = told.filter((one) => one.fresh);
  return {
    kafka: kafkaOf(fresh.filter(({ status }) => status.kafka.asked)),
    toKafka: names(told, 'toKafka').map((name) => toKafka(name, told)),
    toMqtt: names(told, 'toMqtt').map((name) => toMqtt(name, told)),
  };
}

/** In the order of cluster.yaml, which each bridge follows. */
function names(told: readonly Told[], which: 'toKafka' | 'toMqtt'): string[] {
  return [...new Set(told.flatMap(({ status }) => status[which].map(({ name }) => name)))];
}

function kafkaOf(fresh: readonly Told[]): ClusterBridge['kafka'] {
  const reached = fresh.filter(({ status }) => status.kafka.reachable);
  const brokers = Math.max(0, ...reached.map(({ status }) => status.kafka.brokers));
  const reason = fresh.find(({ status }) => !status.kafka.reachable)?.status.kafka.reason;
  const why = reason === undefined ? {} : { reason };
  if (fresh.length === 0) return { state: 'unknown', brokers };
  if (reached.length === fresh.length) return { state: 'reachable', brokers };
  return { state: reached.length === 0 ? 'away' : 'part', brokers, ...why };
}

function toKafka(name: string, told: readonly Told[]): ToKafkaView {
  const rows = told.flatMap((one) => {
    const row = one.status.toKafka.find((each) => each.name === name);
    return row ? [{ ...one, row }] : [];
  });
  const fresh = rows.filter((one) => one.fresh);
  const at = fresh.find(({ row }) => row.state !== 'elsewhere');
  const sum = (pick: (row: ToKafkaRow) => number) => rows.reduce((n, { row }) => n + pick(row), 0);
  const rates = at?.bridge.rates[rateKey('toKafka', name)];
  const { problem, lag } = at?.row ?? {};
  const owner = at?.row.owner ?? fresh.find(({ row }) => row.owner !== '')?.row.owner ?? '';
  return {
    name,
    state: stateOf(at?.row.state, fresh.length > 0),
    owner: nodeOf(owner),
    ...(problem === undefined ? {} : { problem }),
    ...(lag === undefined ? {} : { lag }),
    ...(rates === undefined ? {} : { rates }),
    delivered: sum((row) => row.delivered),
    retries: sum((row) => row.retries),
    deadLetters: sum((row) => row.deadLetters),
    dropped: sum((row) => row.dropped),
    lost: sum((row) => row.lost + row.refused),
  };
}

function stateOf(told: ToKafkaRow['state'] | undefined, heard: boolean): MappingState {
  if (told !== undefined && told !== 'elsewhere') return told;
  return heard ? 'moving' : 'unknown';
}

function toMqtt(name: string, told: readonly Told[]): ToMqttView {
  const rows = told.flatMap((one) => {
    const row = one.status.toMqtt.find((each) => each.name === name);
    return row ? [{ ...one, row }] : [];
  });
  const fresh = rows.filter((one) => one.fresh);
  const partitionsOf = ({ assigned }: ToMqttRow) => Object.values(assigned).flat().length;
  const sum = (of: typeof rows, pick: (row: ToMqttRow) => number) =>
    of.reduce((n, { row }) => n + pick(row), 0);
  const problem = fresh.find(({ row }) => row.problem !== undefined)?.row.problem;
  const rates = fresh.flatMap(({ bridge }) => bridge.rates[rateKey('toMqtt', name)] ?? []);
  return {
    name,
    owners: fresh.filter(({ row }) => partitionsOf(row) > 0).map(({ node }) => node),
    partitions: sum(fresh, partitionsOf),
    ...(problem === undefined ? {} : { problem }),
    lag: sum(fresh, (row) => row.lag),
    ...(rates.length === 0 ? {} : { rates: total(rates) }),
    published: sum(rows, (row) => row.published),
    looped: sum(rows, (row) => row.looped),
    deadLetters: sum(rows, (row) => row.deadLetters),
  };
}

function total(all: readonly MappingRates[]): MappingRates {
  const sum = (key: keyof MappingRates) => all.reduce((n, rates) => n + rates[key], 0);
  return { records: sum('records'), bytes: sum('bytes') };
}

export function rateKey(direction: 'toKafka' | 'toMqtt', mapping: string): string {
  return `${direction} ${mapping}`;
}

/** Bridges call themselves by node and incarnation: `pi1#5f0c…`. */
function nodeOf(owner: string): string {
  const end = owner.lastIndexOf('#');
  return end < 0 ? owner : owner.slice(0, end);
}
