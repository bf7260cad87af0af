import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';
import type { LogCounters } from '#core/message-log/log-counters.ts';
import { PROBE } from '#core/message-log/order.ts';
import { recordHeader, stampRecord } from '#core/message-log/record.ts';
import { LOG_SHARDS, laneOf, subjectOf } from '#core/message-log/shard-names.ts';
import type { Message } from '#core/mqtt/message.ts';
import { type Answer, Inbox } from './inbox.ts';
import { LaneWriter } from './lane-writer.ts';
import type { Receipt } from './message-log.ts';
import { ShardBoard } from './shard-board.ts';

export interface WriterOptions {
  bus: Bus;
  /** Name of this node's writer: its node and incarnation. */
  writer: string;
  /** Milliseconds since the epoch, never behind what this node has heard of. */
  time: () => number;
  /** Longest wait of a message, milliseconds. */
  patience: number;
  /** Most bytes that wait; a message beyond is refused. */
  pendingMax: number;
  /** Whether the disks have room for more. */
  room: () => boolean;
  counters: LogCounters;
  log: Logger;
  /** `writable` has changed. */
  onWritable: () => void;
}

const TICK = 100;
/** Without any confirmation for so long the log counts as not writable, milliseconds. */
const STUCK_AFTER = 3_000;
/** nats-server counts a message's headers as part of it. */
const RECORD_MARGIN = 1_024;
const DEFAULT_PAYLOAD = 1 << 20;

/** Makes messages durable: spreads them over the lanes, and hears what became of them. */
export class LogWriter {
  readonly #options: WriterOptions;
  readonly #lanes: LaneWriter[];
  readonly #board = new ShardBoard(LOG_SHARDS);
  readonly #inbox: Inbox;
  readonly #probe: Buffer;
  readonly #onUp = (): void => {
    for (const lane of this.#lanes) lane.resume(performance.now());
  };
  #flushing = false;
  #open = false;
  #writable = true;
  #confirmedAt = 0;
  #time = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WriterOptions) {
    const { bus, writer, counters } = options;
    this.#options = options;
    this.#probe = recordHeader(writer, 0);
    this.#inbox = new Inbox(bus, (...answer) => this.#answered(...answer));
    this.#lanes = Array.from(
      { length: LOG_SHARDS },
      (_, lane) =>
        new LaneWriter({
          lane,
          writer,
          board: this.#board,
          recordMax: () => (bus.nats.info?.max_payload ?? DEFAULT_PAYLOAD) - RECORD_MARGIN,
          send: (...record) => this.#send(...record),
          connected: () => bus.connected,
          time: () => this.#now(),
          counters,
        }),
    );
  }

  get writable(): boolean {
    return this.#writable;
  }

  get pendingBytes(): number {
    let bytes = 0;
    for (const lane of this.#lanes) bytes += lane.pendingBytes;
    return bytes;
  }

  start(): void {
    this.#inbox.start();
    this.#options.bus.on('up', this.#onUp);
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK);
    this.#open = true;
  }

  close(): void {
    this.#open = false;
    clearInterval(this.#timer);
    this.#options.bus.off('up', this.#onUp);
    this.#inbox.close();
    this.#expire(Number.POSITIVE_INFINITY, 'the log is closing');
  }

  /** Gives up everything that waits; what is on its way already may still get there. */
  abandon(): void {
    this.#expire(Number.POSITIVE_INFINITY, 'this node is cut off');
  }

  append(message: Message, receipt: Receipt): void {
    this.#options.counters.appended++;
    const why = this.#closedBecause();
    if (why !== undefined) {
      this.#options.counters.failed++;
      receipt.settle(why, undefined);
      return;
    }
    this.#lanes[laneOf(message.topic)]!.append(message, receipt);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #closedBecause(): BrambleError | undefined {
    const { pendingMax, room } = this.#options;
    if (!this.#open) return unavailable('the log is not open');
    if (!room()) return new BrambleError(ERROR_CODES.STORAGE, 'the disks are nearly full');
    return this.pendingBytes > pendingMax ? unavailable('too much waits for the log') : undefined;
  }

  #flush(): void {
    this.#flushing = false;
    if (!this.#open) return;
    for (const lane of this.#lanes) lane.flush();
  }

  #send(shard: number, lane: number, record: Buffer, number: number): void {
    const { bus } = this.#options;
    if (!bus.connected) return;
    bus.nats.publish(subjectOf(shard), record, { reply: this.#inbox.address(shard, lane, number) });
  }

  #answered(shard: number, lane: number, number: number, answer: Answer): void {
    const now = performance.now();
    if ('error' in answer) {
      if (number === PROBE) return;
      this.#options.log.debug({ shard, reason: answer.error }, 'a shard did not take a record');
      this.#lanes[lane]?.refuse(shard, now);
      return;
    }
    this.#confirmedAt = now;
    if (this.#board.worked(shard, now)) this.#options.log.info({ shard }, 'a shard works again');
    if (number !== PROBE) this.#lanes[lane]?.confirm(number, shard, answer.sequence);
    if (!this.#writable) this.#look(now);
  }

  #tick(now: number): void {
    for (const lane of this.#lanes) lane.tick(now);
    for (const shard of this.#board.due(now)) {
      stampRecord(this.#probe, PROBE, this.#now());
      this.#send(shard, 0, this.#probe, PROBE);
    }
    this.#expire(now - this.#options.patience, 'the log did not confirm the message in time');
    this.#look(now);
  }

  #expire(before: number, why: string): void {
    let failed = 0;
    for (const lane of this.#lanes) failed += lane.expire(before, () => unavailable(why));
    this.#options.counters.failed += failed;
  }

  /** Whether records still find a quorum. */
  #look(now: number): void {
    let since = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) since = Math.min(since, lane.waitingSince ?? since);
    const writable = now - Math.max(since, this.#confirmedAt) < STUCK_AFTER;
    if (writable === this.#writable) return;
    this.#writable = writable;
    this.#options.onWritable();
  }

  #now(): number {
    this.#time = Math.max(this.#time, this.#options.time());
    return this.#time;
  }
}

function unavailable(text: string): BrambleError {
  return new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text);
}
