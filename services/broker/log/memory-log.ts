import { Cursor } from '#core/message-log/cursor.ts';
import type { LogReader, LogRecord, ReadResult } from '#core/message-log/log-record.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import type { Message } from '#core/mqtt/message.ts';
import type { MessageLog, Receipt } from './message-log.ts';

export interface MemoryLogOptions {
  /** Messages and bytes kept for sessions that are behind; the oldest go first. */
  messages: number;
  bytes: number;
  /** Takes each message, in order. Must not throw. */
  onMessage: (message: Message) => void;
  /** The first sequence that a session still needs; Infinity when none is behind. */
  floor: () => number;
}

/** Appends between two looks at what nobody needs any more. */
const TRIM_EVERY = 256;
/** A hole of so many entries at the front is closed. */
const COMPACT = 4_096;

/**
 * The log of a broker that is alone, without nats-server: it lasts as long as the process. Each
 * message is a record of its own, and durable at once.
 */
export class MemoryLog implements MessageLog {
  readonly shards = 1;
  readonly holdsBack = true;
  readonly pendingBytes = 0;
  readonly head = Cursor.start(1);
  readonly #options: MemoryLogOptions;
  #records: (LogRecord | undefined)[] = [];
  /** Index of the oldest record in `#records`, and its sequence. */
  #offset = 0;
  #first = 1;
  #bytes = 0;
  #next = 1;
  /** Up to here records hold copies of their own. */
  #detached = 1;

  constructor(options: MemoryLogOptions) {
    this.#options = options;
  }

  append(message: Message, receipt: Receipt): void {
    const sequence = this.#next++;
    const position: LogPosition = { shard: 0, sequence, index: 0 };
    message.position = position;
    this.#bytes += message.size;
    this.#records.push({
      shard: 0,
      sequence,
      time: 0,
      writer: '',
      lane: 0,
      number: sequence,
      messages: [message],
    });
    this.#options.onMessage(message);
    this.head.sequences[0] = sequence;
    // Nobody fell behind: the message need not be kept.
    if (sequence % TRIM_EVERY === 0) this.#trim(Math.min(this.#options.floor(), sequence));
    this.#limit();
    receipt.settle(undefined, position);
  }

  reader(from: Cursor): LogReader {
    return new MemoryReader(
      from.clone(),
      this.head,
      (sequence) => this.#at(sequence),
      () => this.#first,
    );
  }

  rewind(): Promise<void> {
    return Promise.resolve();
  }

  caughtUp(): undefined {
    return undefined;
  }

  fetch({ sequence }: LogPosition): Promise<Message | undefined> {
    return Promise.resolve(this.#at(sequence)?.messages[0]);
  }

  #at(sequence: number): LogRecord | undefined {
    return sequence < this.#first
      ? undefined
      : this.#records[this.#offset + sequence - this.#first];
  }

  #limit(): void {
    const { messages, bytes } = this.#options;
    while (this.#bytes > bytes || this.#next - this.#first > messages + TRIM_EVERY) this.#shift();
    this.#compact();
  }

  /** What stays is copied out of the sockets' read buffers. */
  #trim(floor: number): void {
    while (this.#first < floor) this.#shift();
    for (let i = Math.max(this.#first, this.#detached); i < this.#next; i++) {
      this.#at(i)!.messages[0]!.detach();
    }
    this.#detached = this.#next;
    this.#compact();
  }

  #shift(): void {
    this.#bytes -= this.#records[this.#offset]!.messages[0]!.size;
    this.#records[this.#offset++] = undefined;
    this.#first++;
  }

  #compact(): void {
    if (this.#offset < COMPACT) return;
    this.#records = this.#records.slice(this.#offset);
    this.#offset = 0;
  }
}

class MemoryReader implements LogReader {
  readonly cursor: Cursor;
  lost = 0;
  readonly #head: Cursor;
  readonly #at: (sequence: number) => LogRecord | undefined;
  readonly #first: () => number;

  constructor(
    cursor: Cursor,
    head: Cursor,
    at: (sequence: number) => LogRecord | undefined,
    first: () => number,
  ) {
    this.cursor = cursor;
    this.#head = head;
    this.#at = at;
    this.#first = first;
  }

  next(): ReadResult {
    const { sequences } = this.cursor;
    const last = sequences[0]!;
    if (last >= this.#head.sequences[0]!) return 'head';
    const first = this.#first();
    if (last + 1 < first) {
      this.lost += first - last - 1;
      sequences[0] = first - 1;
      return this.next();
    }
    const record = this.#at(last + 1);
    if (record === undefined) return 'head';
    sequences[0] = last + 1;
    return record;
  }

  load(): Promise<void> {
    return Promise.resolve();
  }
}
