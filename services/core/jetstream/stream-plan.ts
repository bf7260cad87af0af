import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';

/** Raft wants an odd majority, and three replicas survive one dead node. */
export const REPLICAS_MAX = 3;
/** Raft entries that a replica under load is behind and still counts as whole. */
const LAG_MAX = 512;

/** The client merges what changes into what is there, and leaves out what is undefined. */
const NOWHERE = undefined as unknown as NonNullable<StreamConfig['placement']>;

/**
 * The one subject of the retained messages' stream that is no topic's: how far it reflects the log.
 * It is there before any client has published.
 */
export const RETAINED_PROGRESS = 'bramble.retained.progress';

/** Limits that a stream gets later too, when the configuration has changed. */
export type StreamLimits = Partial<Pick<StreamConfig, 'max_age' | 'max_bytes'>>;

/** How many replicas a stream should have in a cluster of so many nodes. */
export function replicasFor(nodes: number): number {
  return Math.min(nodes, REPLICAS_MAX);
}

/** How many of a stream's replicas are too many to be missing: the rest is no majority. */
export function quorumLoss(nodes: number): number {
  return Math.ceil(replicasFor(nodes) / 2);
}

/** It has a leader, and no replica is missing or behind. */
export function isWhole({ cluster, config }: StreamInfo): boolean {
  const replicas = cluster?.replicas ?? [];
  if (config.num_replicas > 1 && cluster?.leader === undefined) return false;
  if (replicas.length !== config.num_replicas - 1) return false;
  return replicas.every(({ current, offline, lag }) => current && !offline && (lag ?? 0) < LAG_MAX);
}

/** What has to change of a stream, or undefined. Replicas only grow: a node may come back. */
export function dueChange(
  { config }: StreamInfo,
  nodes: number,
  limits: StreamLimits = {},
): Partial<StreamConfig> | undefined {
  const num_replicas = Math.max(config.num_replicas, replicasFor(nodes));
  const { max_age = config.max_age, max_bytes = config.max_bytes } = limits;
  const same =
    config.num_replicas === num_replicas &&
    config.max_age === max_age &&
    config.max_bytes === max_bytes;
  if (same) return undefined;
  const change: Partial<StreamConfig> = { num_replicas, max_age, max_bytes };
  // One that was taken in stands where it was; further replicas stand where they may.
  return config.placement === undefined ? change : { ...change, placement: NOWHERE };
}

/**
 * Of streams that share their work, one whose leader leads another of them too, while a server that
 * has a replica of it leads none.
 */
export function crowded(streams: readonly StreamInfo[]): StreamInfo | undefined {
  const led = new Map<string, number>();
  for (const { cluster } of streams) {
    const { leader } = cluster ?? {};
    if (leader !== undefined) led.set(leader, (led.get(leader) ?? 0) + 1);
  }
  return streams.find(({ cluster }) => {
    if (cluster?.leader === undefined || led.get(cluster.leader)! < 2) return false;
    return (cluster.replicas ?? []).some(({ name }) => !led.has(name));
  });
}
