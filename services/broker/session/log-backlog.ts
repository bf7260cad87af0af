import type { Cursor } from '#core/message-log/cursor.ts';
import type { LogReader, LogRecord } from '#core/message-log/log-record.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import { lowerQos, type Message } from '#core/mqtt/message.ts';
import type { MessageLog } from '../log/message-log.ts';
import type { SessionTarget } from '../router/target.ts';
import type { Outgoing } from './outgoing.ts';
import type { Session } from './session.ts';

/** The log as sessions use it. */
export interface SessionLog {
  readonly log: Pick<MessageLog, 'head' | 'reader' | 'holdsBack'>;
  /** What the session's subscriptions make of a topic; undefined where none matches. */
  targetFor(session: Session, topic: string): SessionTarget | undefined;
  /** Whether the message counts as never made. */
  isDropped(message: Message): boolean;
}

/** Messages handled in one turn of the event loop; then others have theirs. */
const PER_TURN = 1_000;
/** Until a log that cannot be read is tried again, milliseconds. */
const RETRY = 500;
const CACHED_TOPICS = 1_000;

/**
 * A session that does not follow the log as the node reads it: it is away, its client is slow, or
 * it has come back and catches up. It holds a place in the log and reads on from there as fast as
 * its client takes messages; when it has reached the node's own place it is live again.
 */
export class LogBacklog {
  readonly #session: Session;
  readonly #log: SessionLog;
  readonly #onLost: (count: number) => void;
  /** Undefined = live. */
  #at: Cursor | undefined;
  #partial: LogPosition | undefined;
  #reader: LogReader | undefined;
  /** Being delivered: the record, and its next message. */
  #record: LogRecord | undefined;
  #index = 0;
  #lost = 0;
  #loading = false;
  #scheduled = false;
  #running = false;
  readonly #targets = new Map<string, SessionTarget | null>();

  constructor(session: Session, log: SessionLog, onLost: (count: number) => void) {
    this.#session = session;
    this.#log = log;
    this.#onLost = onLost;
  }

  get active(): boolean {
    return this.#at !== undefined;
  }

  /** A copy: everything before it is delivered or in flight. */
  get cursor(): Cursor {
    return (this.#at ?? this.#log.log.head).clone();
  }

  get partial(): LogPosition | undefined {
    if (this.#record === undefined) return this.#partial;
    const { shard, sequence } = this.#record;
    return { shard, sequence, index: this.#index };
  }

  /** Messages that it is behind, where publishers have to wait for that; 0 = they need not. */
  get delay(): number {
    const { head, holdsBack } = this.#log.log;
    if (!holdsBack || this.#at === undefined) return 0;
    return head.sequences[0]! - this.#at.sequences[0]!;
  }

  /** Falls behind at a message that the node is just handing out, so its head is before the record. */
  from(position: LogPosition): void {
    this.#at = this.#log.log.head.clone();
    this.#partial = position.index > 0 ? position : undefined;
  }

  /** Stays where the node is now. */
  here(): void {
    this.#at = this.#log.log.head.clone();
    this.#partial = undefined;
  }

  resume(cursor: Cursor, partial: LogPosition | undefined): void {
    this.#drop();
    this.#at = cursor;
    this.#partial = partial;
  }

  /** Keeps the place and gives the reader up. */
  pause(): void {
    const partial = this.partial;
    this.#drop();
    this.#partial = partial;
  }

  /** Delivers as much as the client takes. */
  pump(): void {
    if (this.#at === undefined || this.#running) return;
    this.#running = true;
    try {
      this.#read();
    } finally {
      this.#running = false;
    }
  }

  #read(): void {
    let handled = 0;
    while (this.#at !== undefined && this.#session.outlet !== undefined) {
      if (this.#record !== undefined && !this.#deliver(this.#record)) return;
      // The cursor moves only now: the record is wholly behind it.
      this.#reader ??= this.#log.log.reader(this.#at);
      this.#at = this.#reader.cursor.clone();
      const result = this.#reader.next();
      this.#report(this.#reader);
      if (result === 'head') {
        this.#drop();
        this.#at = undefined;
        this.#partial = undefined;
        this.#targets.clear();
        return;
      }
      if (result === 'wait') {
        this.#load(this.#reader);
        return;
      }
      this.#begin(result);
      handled += result.messages.length;
      if (handled > PER_TURN) {
        this.#later();
        return;
      }
    }
  }

  #begin(record: LogRecord): void {
    const partial = this.#partial;
    const here =
      partial !== undefined &&
      partial.shard === record.shard &&
      partial.sequence === record.sequence;
    this.#record = record;
    this.#index = here ? partial.index : 0;
    if (here) this.#partial = undefined;
  }

  /** Returns false when the client takes no more now. */
  #deliver(record: LogRecord): boolean {
    for (; this.#index < record.messages.length; this.#index++) {
      const outgoing = this.#outgoing(record.messages[this.#index]!);
      if (outgoing !== undefined && !this.#session.deliverRead(outgoing)) return false;
    }
    this.#record = undefined;
    return true;
  }

  #outgoing(message: Message): Outgoing | undefined {
    const found = this.#target(message.topic);
    if (found === undefined || this.#log.isDropped(message)) return undefined;
    const { clientId } = this.#session;
    const target = found.own !== undefined && message.publisher === clientId ? found.own : found;
    if (target === null) return undefined;
    const qos = lowerQos(target.qos, message.qos);
    if (qos === 0) return undefined;
    const { since } = target;
    if (since !== undefined && message.position !== undefined) {
      const { shard, sequence } = message.position;
      if (sequence <= (since[shard] ?? 0)) return undefined;
    }
    const retain = target.retainAsPublished && message.retain;
    return { message, qos, retain, ids: target.ids };
  }

  #target(topic: string): SessionTarget | undefined {
    const known = this.#targets.get(topic);
    if (known !== undefined) return known ?? undefined;
    const target = this.#log.targetFor(this.#session, topic);
    if (this.#targets.size >= CACHED_TOPICS) this.#targets.clear();
    this.#targets.set(topic, target ?? null);
    return target;
  }

  /** The session's subscriptions have changed. */
  invalidate(): void {
    this.#targets.clear();
  }

  #report(reader: LogReader): void {
    if (reader.lost === this.#lost) return;
    this.#onLost(reader.lost - this.#lost);
    this.#lost = reader.lost;
  }

  #load(reader: LogReader): void {
    if (this.#loading) return;
    this.#loading = true;
    const next = (): void => {
      this.#loading = false;
      this.pump();
    };
    reader.load().then(next, () => setTimeout(next, RETRY).unref());
  }

  #later(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.pump();
    });
  }

  #drop(): void {
    this.#reader = undefined;
    this.#record = undefined;
    this.#lost = 0;
  }
}
