/** Shards of the log: a constant of the cluster, on one node too, so that it can grow. */
export const LOG_SHARDS = 3;

/** The JetStream stream that holds a shard. */
export function streamOf(shard: number): string {
  return `BRAMBLE_LOG_${shard}`;
}

/** Where records are written to. */
export function subjectOf(shard: number): string {
  return `bramble.log.${shard}`;
}

/** Where nats-server tells everybody what it has committed. */
export function loggedSubjectOf(shard: number): string {
  return `bramble.logged.${shard}`;
}

/**
 * A topic's lane, by FNV-1a (Fowler, Noll, Vo) over its UTF-16 units: the shard that its messages
 * go to while that one works. The same on each node, so a topic's messages meet in one shard.
 */
export function laneOf(topic: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i++) {
    hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % LOG_SHARDS;
}
