import { EventEmitter } from 'node:events';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { StreamLimits } from '#core/jetstream/stream-plan.ts';
import type { Logger } from '#core/log.ts';
import { Cursor } from '#core/message-log/cursor.ts';
import { DirectGets } from '#core/message-log/direct-gets.ts';
import { LogFollower } from '#core/message-log/follower.ts';
import { createLogCounters, type LogCounters } from '#core/message-log/log-counters.ts';
import { JetStreamLogReader } from '#core/message-log/log-reader.ts';
import type { LogReader } from '#core/message-log/log-record.ts';
import { PROBE } from '#core/message-log/order.ts';
import { persist } from '#core/message-log/persist.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import { writerName } from '#core/message-log/record.ts';
import { RecordSource } from '#core/message-log/record-source.ts';
import { LOG_SHARDS, streamOf } from '#core/message-log/shard-names.ts';
import type { Message } from '#core/mqtt/message.ts';
import type { Members } from '../cluster/members.ts';
import type { StreamFamily } from '../store/stream-care.ts';
import { LogWriter } from './log-writer.ts';
import type { MessageLog, Receipt } from './message-log.ts';
import { ReadBarrier } from './read-barrier.ts';
import { type ShardInfo, shardInfo } from './shard-info.ts';
import { ShardStreams } from './shard-streams.ts';

export type { LogCounters } from '#core/message-log/log-counters.ts';
export type { ReplicaInfo, ShardInfo } from './shard-info.ts';

export interface JetStreamLogOptions {
  bus: Bus;
  members: Pick<Members, 'node' | 'incarnation' | 'clock' | 'peers'>;
  /** Nodes of the cluster that run a broker now; more than three do not make more replicas. */
  nodes: () => number;
  log: Logger;
  /** Takes each message that the log has got, in the order of its topic; `head` follows. */
  onMessage: (message: Message) => void;
  /** What it keeps at first; see `configure`. */
  keep?: LogRetention;
  /** Whether there is room for more on the disks; without it there always is. */
  room?: () => boolean;
  /** What of each shard stays in memory for readers, bytes. */
  ringBytes?: number;
  /** Longest wait for the log before a message's receipt is settled with an error, milliseconds. */
  patience?: number;
  /** Most bytes that may wait for the log; a message beyond is refused at once. */
  pendingMax?: number;
  /** Longest wait for a record that others of its lane have overtaken, milliseconds. */
  reorderWait?: number;
  /** Between two looks at whether the shards are there, milliseconds. */
  careInterval?: number;
}

/** What the log keeps at most of what nobody has read. */
export interface LogRetention {
  /** On each node's disk, all shards together. */
  bytes: number;
  /** Milliseconds. */
  age: number;
}

const KEEP: LogRetention = { bytes: 768 << 20, age: 7 * 24 * 3_600_000 };
const NANOSECONDS = 1e6;
const RING_BYTES = 8 << 20;
const PATIENCE = 20_000;
const PENDING_MAX = 64 << 20;
/** Longer than a shard takes to elect a leader, who may be the first to tell of a record. */
const REORDER_WAIT = 10_000;
const CARE_INTERVAL = 10_000;
/** How long `info` stays true, milliseconds. */
const INFO_KEPT = 1_000;
/** At the end, longest wait for what is on its way, milliseconds. */
const DRAIN = 1_000;

interface LogEvents {
  /** Whether anything can be appended has changed. */
  writable: [boolean];
}

/** Records that a power cut may have taken, a shard. */
const REWIND_MAX = 2_000;

/**
 * The cluster's log in JetStream streams, one a shard. This node writes with a writer of its own
 * and reads all that is written.
 */
export class JetStreamLog extends EventEmitter<LogEvents> implements MessageLog {
  readonly shards = LOG_SHARDS;
  readonly holdsBack = false;
  readonly counters: LogCounters = createLogCounters();
  readonly head = Cursor.start(LOG_SHARDS);
  readonly #options: JetStreamLogOptions;
  #keep: LogRetention;
  readonly #streams: ShardStreams;
  readonly #writer: LogWriter;
  readonly #follower: LogFollower;
  readonly #source: RecordSource;
  readonly #barriers: ReadBarrier[];
  #info: { at: number; shards: Promise<ShardInfo[]> } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: JetStreamLogOptions) {
    super();
    this.#options = options;
    this.#keep = options.keep ?? KEEP;
    const { bus, members, log } = options;
    const { counters, head } = this;
    const gets = new DirectGets(bus);
    this.#streams = new ShardStreams({
      bus,
      nodes: options.nodes,
      responsible: () => members.peers.every((peer) => members.node <= peer),
      limits: () => this.#limits,
      careInterval: options.careInterval ?? CARE_INTERVAL,
      read: (shard) => head.sequences[shard]!,
      observe: (...seen) => this.#follower.observe(...seen),
      log,
    });
    this.#writer = new LogWriter({
      bus,
      writer: writerName(members.node, members.incarnation),
      time: () => Math.max(Date.now(), members.clock.latest),
      patience: options.patience ?? PATIENCE,
      pendingMax: options.pendingMax ?? PENDING_MAX,
      room: options.room ?? (() => true),
      counters,
      log,
      onWritable: () => this.#tellWritable(),
    });
    this.#follower = new LogFollower({
      bus,
      gets,
      head,
      ringBytes: options.ringBytes ?? RING_BYTES,
      reorderWait: options.reorderWait ?? REORDER_WAIT,
      counters,
      log,
      onMessage: options.onMessage,
      onReset: () => this.#source.clear(),
    });
    this.#source = new RecordSource({ rings: this.#follower.rings, gets, log });
    this.#barriers = head.sequences.map(
      (_, shard) =>
        new ReadBarrier({
          last: async () => (await this.#streams.bounds(shard)).last,
          applied: () => head.sequences[shard]!,
        }),
    );
  }

  /** The streams of the shards, for who looks after streams. */
  get streams(): StreamFamily {
    const names = Array.from({ length: LOG_SHARDS }, (_, shard) => streamOf(shard));
    return { names, limits: () => this.#limits };
  }

  get #limits(): Required<StreamLimits> {
    const { bytes, age } = this.#keep;
    return { max_bytes: Math.floor(bytes / LOG_SHARDS), max_age: age * NANOSECONDS };
  }

  /** False when no shard has confirmed anything for a while although something waits for it. */
  get writable(): boolean {
    return this.#writer.writable;
  }

  get pendingBytes(): number {
    return this.#writer.pendingBytes;
  }

  /** Resolves when the streams exist, and `head` stands at their present ends. */
  async start(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    await this.#streams.start(signal);
    this.#follower.listen();
    await persist('waiting for the log', signal, log, async () => {
      const last: number[] = [];
      for (let shard = 0; shard < LOG_SHARDS; shard++) {
        last.push((await this.#streams.bounds(shard)).last);
      }
      await this.#follower.begin(last);
    });
    this.#writer.start();
  }

  /** Waits a moment for what is on its way; receipts beyond that are settled with an error. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Gives up what waits: its receipts are settled with an error, its records go empty. */
  abandon(): void {
    this.#writer.abandon();
  }

  /** What it keeps from now on; the streams follow within a look of who cares for them. */
  configure(keep: LogRetention): void {
    this.#keep = keep;
  }

  append(message: Message, receipt: Receipt): void {
    this.#writer.append(message, receipt);
  }

  /** Throws BRAMBLE_PROTOCOL for a cursor that is none of this log. */
  reader(from: Cursor): LogReader {
    const { sequences } = from;
    const possible = (sequence: number): boolean => Number.isSafeInteger(sequence) && sequence >= 0;
    if (sequences.length !== LOG_SHARDS || !sequences.every(possible)) {
      throw new BrambleError(ERROR_CODES.PROTOCOL, `no cursor of this log: ${sequences.join()}`);
    }
    return new JetStreamLogReader({
      from,
      head: this.head,
      source: this.#source,
      holding: () => this.#follower.holding,
      advanced: (timeout) => this.#follower.advanced(timeout),
      bounds: (shard) => this.#streams.bounds(shard),
    });
  }

  /** Resolves when every shard answers and this node has read it; rejects with what is missing. */
  async check(): Promise<void> {
    await Promise.all(
      this.head.sequences.map(async (_, shard) => {
        const { last } = await this.#streams.bounds(shard);
        const read = this.head.sequences[shard]!;
        if (read >= last) return;
        const text = `shard ${shard} of the log is read up to ${read} of ${last}`;
        throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text);
      }),
    );
    if (!this.writable) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'the log takes no messages');
    }
  }

  async rewind(cursor: Cursor, savedAt: number): Promise<void> {
    const { sequences, seen } = cursor;
    for (const [shard, sequence] of sequences.entries()) {
      for (let at = sequence; at > Math.max(0, sequence - REWIND_MAX); at--) {
        if (at > this.head.sequences[shard]!) continue;
        const record = await this.#source.fetch(shard, at);
        // Older ones are what the cursor has passed, or retention has taken that.
        if (record?.sequence !== at || record.time <= savedAt) break;
        if (record.number !== PROBE && seen.has(record.writer, record.lane, record.number)) break;
        sequences[shard] = at - 1;
      }
    }
  }

  caughtUp(): Promise<unknown> | undefined {
    if (!this.#options.bus.connected) return undefined;
    return Promise.all(this.#barriers.map((barrier) => barrier.pass()));
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE when the log cannot be read now. */
  async fetch({ shard, sequence, index }: LogPosition): Promise<Message | undefined> {
    const record = await this.#source.fetch(shard, sequence);
    return record?.sequence === sequence ? record.messages[index] : undefined;
  }

  /**
   * Removes the records of each shard below the floor's sequence.
   * Rejects with BRAMBLE_ENGINE_UNAVAILABLE when that is not possible now.
   */
  async trim(floor: readonly number[]): Promise<void> {
    for (const [shard, sequence] of floor.slice(0, LOG_SHARDS).entries()) {
      if (sequence > 1) await this.#streams.purge(shard, sequence);
    }
  }

  /** The shards as they were a second ago at most; those without a leader as far as known. */
  info(): Promise<ShardInfo[]> {
    const now = performance.now();
    if (this.#info === undefined || now - this.#info.at > INFO_KEPT) {
      const shards = this.head.sequences.map((read, shard) =>
        shardInfo(shard, read, this.#streams.info(shard)),
      );
      this.#info = { at: now, shards: Promise.all(shards) };
    }
    return this.#info.shards;
  }

  async #close(): Promise<void> {
    const until = performance.now() + DRAIN;
    while (this.pendingBytes > 0 && this.#options.bus.connected && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#writer.close();
    this.#follower.close();
    this.#streams.close();
    this.removeAllListeners();
  }

  #tellWritable(): void {
    const { writable } = this;
    const { log } = this.#options;
    if (writable) log.info('the log takes messages again');
    else log.error('no shard of the log confirms anything');
    this.emit('writable', writable);
  }
}
