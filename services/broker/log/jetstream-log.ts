import { EventEmitter } from 'node:events';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Bus } from '../cluster/bus.ts';
import type { Members } from '../cluster/members.ts';
import type { Message } from '../message.ts';
import { Cursor } from './cursor.ts';
import type { LogReader, MessageLog, Receipt } from './message-log.ts';
import type { LogPosition } from './position.ts';

/** Shards of the log: a constant of the cluster, on one node too, so that it can grow. */
export const LOG_SHARDS = 3;

export interface JetStreamLogOptions {
  bus: Bus;
  members: Pick<Members, 'node' | 'incarnation' | 'clock' | 'peers'>;
  /** Nodes of the cluster that run a broker; more than three do not make more replicas. */
  nodes: number;
  log: Logger;
  /** Takes each message that the log has got, in the order of its topic; `head` follows. */
  onMessage: (message: Message) => void;
  /** What a shard keeps on disk, bytes. */
  shardBytes?: number;
  /** How long a shard keeps what it has, milliseconds. */
  retention?: number;
  /** What of each shard stays in memory for readers, bytes. */
  ringBytes?: number;
  /** Longest wait for the log before a message's receipt is settled with an error, milliseconds. */
  patience?: number;
  /** Longest wait for a record that others of its lane have overtaken, milliseconds. */
  reorderWait?: number;
}

export interface LogCounters {
  /** Messages given to `append`. */
  appended: number;
  /** Messages that a quorum has. */
  committed: number;
  /** Messages whose receipt was settled with an error. */
  failed: number;
  /** Records written, each once. */
  records: number;
  /** Records written again, to the same or to another shard. */
  resent: number;
  /** Lanes that turned to another shard. */
  failovers: number;
  /** Records read here, and messages in them. */
  read: number;
  delivered: number;
  /** Records that were skipped because they had come through another shard. */
  secondCopies: number;
  /** Records that had to be asked for, since nats-server did not bring them. */
  filled: number;
  /** Records that were gone before this node read them. */
  lost: number;
}

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

interface LogEvents {
  /** Whether anything can be appended has changed. */
  writable: [boolean];
}

/** The cluster's log in JetStream streams, one a shard. */
export class JetStreamLog extends EventEmitter<LogEvents> implements MessageLog {
  readonly shards = LOG_SHARDS;
  readonly counters: LogCounters = createLogCounters();
  readonly head = Cursor.start(LOG_SHARDS);
  readonly #options: JetStreamLogOptions;

  constructor(options: JetStreamLogOptions) {
    super();
    this.#options = options;
  }

  /** False when no shard has confirmed anything for a while although something waits for it. */
  get writable(): boolean {
    return true;
  }

  get pendingBytes(): number {
    return 0;
  }

  /** Resolves when the streams exist, and `head` stands at their present ends. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    throw new BrambleError(
      ERROR_CODES.ENGINE_UNAVAILABLE,
      `the log of ${this.#options.members.node} is not open`,
    );
  }

  /** Ends reading; receipts that wait are settled with an error. */
  close(): void {
    this.removeAllListeners();
  }

  append(_message: Message, receipt: Receipt): void {
    const error = new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'the log is not open');
    receipt.settle(error, undefined);
  }

  reader(_from: Cursor): LogReader {
    throw new BrambleError(
      ERROR_CODES.ENGINE_UNAVAILABLE,
      `the log of ${this.#options.members.node} is not open`,
    );
  }

  async fetch(_position: LogPosition): Promise<Message | undefined> {
    return undefined;
  }

  /** Removes the records of each shard below the floor's sequence. Rejects when it cannot now. */
  async trim(_floor: readonly number[]): Promise<void> {}

  /** The shards as they were a second ago at most. */
  async info(): Promise<ShardInfo[]> {
    return [];
  }
}

export function createLogCounters(): LogCounters {
  return {
    appended: 0,
    committed: 0,
    failed: 0,
    records: 0,
    resent: 0,
    failovers: 0,
    read: 0,
    delivered: 0,
    secondCopies: 0,
    filled: 0,
    lost: 0,
  };
}
