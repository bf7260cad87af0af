import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import {
  messageLengthMax,
  recordHeader,
  stampRecord,
  writeMessage,
} from '#core/message-log/record.ts';
import type { Message } from '#core/mqtt/message.ts';
import { Batch } from './batch.ts';
import type { Receipt } from './message-log.ts';
import type { ShardBoard } from './shard-board.ts';
import { QUICK_TURNS, TurnTimer } from './turn-timer.ts';

export interface LaneOptions {
  lane: number;
  writer: string;
  board: ShardBoard;
  /** Largest record that nats-server takes, bytes. */
  recordMax: () => number;
  /** Sends a record to a shard; its answer comes as `confirm` or `refuse`. */
  send: (shard: number, lane: number, record: Buffer, number: number) => void;
  connected: () => boolean;
  /** Milliseconds since the epoch, never going back. */
  time: () => number;
  counters: { records: number; resent: number; failovers: number; committed: number };
}

/** Records of a lane that are on their way at once: enough to keep three replicas busy. */
const OUTSTANDING_MAX = 8;
/** A record is closed when it has so many bytes. */
const RECORD_BYTES = 64 << 10;
/** A batch that cannot be sent takes messages for so long, that it be given up as a whole, ms. */
const FILL_TIME = 500;

/**
 * One lane of this node's writer: messages become records that are numbered without gaps and
 * written to the lane's own shard. When that one does not confirm them, they are written again,
 * in order and under the same numbers, to another shard, until a quorum somewhere has them.
 */
export class LaneWriter {
  /** Bytes of messages whose receipts are not settled. */
  pendingBytes = 0;
  readonly #options: LaneOptions;
  readonly #home: number;
  readonly #header: Buffer;
  readonly #scratch = Buffer.allocUnsafeSlow(RECORD_BYTES);
  /** The batch that fills: its end in the scratch buffer, who waits for it, since when. */
  #end: number;
  #receipts: Receipt[] = [];
  #since = 0;
  /** Closed and not sent. */
  #queue: Batch[] = [];
  /** Sent; the first is not confirmed. In the order of their numbers. */
  #outstanding: Batch[] = [];
  #shard: number;
  #number = 0;
  readonly #timer = new TurnTimer();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#home = options.lane;
    this.#shard = options.lane;
    this.#header = recordHeader(options.writer, options.lane);
    this.#end = this.#header.length;
    this.#header.copy(this.#scratch);
  }

  /** Where the lane's records go now. */
  get shard(): number {
    return this.#shard;
  }

  /** When the oldest of what is not confirmed came; undefined when nothing waits. */
  get waitingSince(): number | undefined {
    const oldest = this.#outstanding[0] ?? this.#queue[0];
    if (oldest !== undefined) return oldest.since;
    return this.#receipts.length > 0 ? this.#since : undefined;
  }

  append(message: Message, receipt: Receipt): void {
    const length = messageLengthMax(message);
    if (this.#end + length > RECORD_BYTES) {
      this.#close();
      if (this.#end + length > RECORD_BYTES) {
        this.#appendAlone(message, receipt, length);
        return;
      }
    }
    if (this.#receipts.length === 0) this.#since = performance.now();
    const from = this.#end;
    this.#end = writeMessage(this.#scratch, message, from);
    this.#receipts.push(receipt);
    this.pendingBytes += this.#end - from;
  }

  /** Sends what may be sent: called at the end of a turn, and when a record is confirmed. */
  flush(): void {
    if (!this.#options.connected() || !this.#mayGoOn()) return;
    while (this.#outstanding.length < OUTSTANDING_MAX) {
      let batch = this.#queue.shift();
      if (batch === undefined) {
        if (this.#receipts.length === 0) return;
        this.#close();
        batch = this.#queue.shift()!;
      }
      batch.number = ++this.#number;
      stampRecord(batch.bytes, batch.number, this.#options.time());
      this.#outstanding.push(batch);
      this.#options.counters.records++;
      this.#send(batch, performance.now());
    }
  }

  confirm(number: number, shard: number, sequence: number): void {
    const first = this.#outstanding[0]?.number ?? 0;
    const batch = this.#outstanding[number - first];
    if (batch === undefined || batch.confirmed) return;
    this.#timer.turns = 0;
    if (shard === batch.firstShard) this.#timer.confirmed(performance.now() - batch.firstSentAt);
    this.#options.counters.committed += batch.receipts.length;
    this.#free(batch.commit(shard, sequence));
    while (this.#outstanding[0]?.confirmed === true) this.#outstanding.shift();
    this.flush();
  }

  /** The shard answered that it does not take the record: it has no leader, or no room. */
  refuse(shard: number, now: number): void {
    if (shard === this.#shard && this.#timer.turns < QUICK_TURNS) this.#turn(now);
  }

  /** Looks whether the lane has to turn, or can go home. */
  tick(now: number): void {
    if (this.#receipts.length > 0 && now - this.#since > FILL_TIME) this.#close();
    if (!this.#options.connected()) return;
    const oldest = this.#outstanding[0];
    if (oldest !== undefined && now - oldest.sentAt > this.#timer.wait) this.#turn(now);
    this.flush();
  }

  /** Sends again what was on its way when the connection ended. */
  resume(now: number): void {
    this.#timer.turns = 0;
    for (const batch of this.#outstanding) if (!batch.confirmed) this.#resend(batch, now);
    this.flush();
  }

  /** Gives up what came before `before`. Returns the number of messages. */
  expire(before: number, error: () => BrambleError): number {
    let given = 0;
    for (const batch of this.#outstanding) {
      if (batch.since >= before || batch.receipts.length === 0) continue;
      given += batch.receipts.length;
      this.#free(batch.fail(error()));
      // Its number stays, without messages: readers would wait for it.
      const time = batch.bytes.readDoubleBE(this.#header.length - 8);
      batch.bytes = Buffer.from(this.#header);
      stampRecord(batch.bytes, batch.number, time);
    }
    let queued = 0;
    for (const batch of this.#queue) {
      if (batch.since >= before) break;
      queued++;
      given += batch.receipts.length;
      this.#free(batch.fail(error()));
    }
    this.#queue.splice(0, queued);
    if (this.#receipts.length > 0 && this.#since < before) {
      this.#close();
      return given + this.expire(before, error);
    }
    return given;
  }

  /** Going home waits until nothing is on its way to the other shard, so that order holds. */
  #mayGoOn(): boolean {
    if (this.#shard === this.#home || !this.#options.board.works(this.#home)) return true;
    if (this.#outstanding.length > 0) return false;
    this.#options.board.moved(this.#shard, this.#home);
    this.#shard = this.#home;
    return true;
  }

  #turn(now: number): void {
    const { board, counters } = this.#options;
    const from = this.#shard;
    board.failed(from, now);
    const to = board.alternative(from);
    board.moved(from, to);
    this.#shard = to;
    this.#timer.turns++;
    counters.failovers++;
    for (const batch of this.#outstanding) if (!batch.confirmed) this.#resend(batch, now);
  }

  #resend(batch: Batch, now: number): void {
    this.#options.counters.resent++;
    this.#send(batch, now);
  }

  #send(batch: Batch, now: number): void {
    batch.sentAt = now;
    if (batch.firstShard === -1) {
      batch.firstShard = this.#shard;
      batch.firstSentAt = now;
    }
    this.#options.send(this.#shard, this.#options.lane, batch.bytes, batch.number);
  }

  #close(): void {
    if (this.#receipts.length === 0) return;
    const bytes = Buffer.from(this.#scratch.subarray(0, this.#end));
    this.#queue.push(new Batch(bytes, this.#receipts, this.#since));
    this.#receipts = [];
    this.#end = this.#header.length;
  }

  /** A message that is larger than records are. */
  #appendAlone(message: Message, receipt: Receipt, length: number): void {
    const from = this.#header.length;
    const room = Buffer.allocUnsafeSlow(from + length);
    this.#header.copy(room);
    const bytes = room.subarray(0, writeMessage(room, message, from));
    if (bytes.length > this.#options.recordMax()) {
      const text = `a message of ${bytes.length} bytes is more than nats-server takes`;
      receipt.settle(new BrambleError(ERROR_CODES.LIMIT, text), undefined);
      return;
    }
    this.#queue.push(new Batch(bytes, [receipt], performance.now()));
    this.pendingBytes += bytes.length - from;
  }

  /** `settled`: a record's bytes, or 0 when nobody had waited for it. */
  #free(settled: number): void {
    if (settled > 0) this.pendingBytes -= settled - this.#header.length;
  }
}
