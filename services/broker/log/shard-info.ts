import type { StreamInfo } from '@nats-io/jetstream';
import { streamOf } from '#core/message-log/shard-names.ts';

/** A shard's replica as its leader sees it. */
export interface ReplicaInfo {
  node: string;
  current: boolean;
  /** Raft entries that it is behind. */
  lag: number;
}

export interface ShardInfo {
  shard: number;
  stream: string;
  /** nats-server that leads it; undefined while there is none. */
  leader: string | undefined;
  replicas: ReplicaInfo[];
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  /** Sequence up to which this node has read. */
  read: number;
}

/** `answer`: of the shard's leader; when it fails there is none, and nothing but `read` is known. */
export async function shardInfo(
  shard: number,
  read: number,
  answer: Promise<StreamInfo>,
): Promise<ShardInfo> {
  const stream = streamOf(shard);
  try {
    const { cluster, state } = await answer;
    const replicas = (cluster?.replicas ?? []).map(({ name, current, offline, lag }) => ({
      node: name,
      current: current && offline !== true,
      lag: lag ?? 0,
    }));
    return {
      shard,
      stream,
      leader: cluster?.leader,
      replicas,
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
      bytes: state.bytes,
      read,
    };
  } catch {
    const nothing = { firstSequence: 0, lastSequence: 0, bytes: 0 };
    return { shard, stream, leader: undefined, replicas: [], ...nothing, read };
  }
}
