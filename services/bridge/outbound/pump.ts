import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import type { Cursor } from '#core/message-log/cursor.ts';
import { Fences } from '#core/message-log/fences.ts';
import type { LogReader } from '#core/message-log/log-record.ts';
import { Backoff, sleep } from '../delivery/backoff.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { Ledger, type Mark } from '../delivery/ledger.ts';
import type { RateLimit } from './rate-limit.ts';
import type { SourceMessage } from './source-message.ts';
import type { Translator } from './translator.ts';

export interface PumpOptions {
  consumer: Pick<LogConsumer, 'reader' | 'advanced'>;
  from: Cursor;
  translator: Translator;
  delivery: Delivery;
  rate: RateLimit | undefined;
  /** Whether the mapping is to wait; looked at again and again. */
  paused: () => boolean;
  /** Everything before the cursor is in Kafka. */
  onReached: (cursor: Cursor) => void;
  log: Logger;
  signal: AbortSignal;
}

/** Messages under one mark: after a crash at most so many come again although Kafka had them. */
const MARK_MESSAGES = 64;
/** Longest wait for something new, milliseconds. */
const HEAD_WAIT = 1_000;
/** Between two looks at whether a pause is over, milliseconds. */
const PAUSE_LOOK = 250;
/** Records that are read before others have their turn. */
const PER_TURN = 64;

/** Reads the log for one mapping, as fast as Kafka takes it, and tells how far all is delivered. */
export class Pump {
  /** Messages and records read, for estimates of what is still to be read. */
  messages = 0;
  records = 0;
  /** Messages that were the mapping's. */
  matched = 0;
  /** When the last message that was read was written, ms since the epoch; 0 = none was. */
  readTime = 0;
  readonly #options: PumpOptions;
  readonly #ledger: Ledger<Cursor>;
  readonly #reader: LogReader;
  readonly #fences = new Fences();
  #mark: Mark;
  #inMark = 0;
  /** Where the last mark was closed. */
  #closed: Cursor;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#ledger = new Ledger((cursor) => options.onReached(cursor));
    this.#reader = options.consumer.reader(options.from);
    this.#closed = options.from.clone();
    this.#mark = this.#ledger.open();
  }

  /** Records that the log had dropped before they were read. */
  get lost(): number {
    return this.#reader.lost;
  }

  /** Up to where it has read. */
  get cursor(): Cursor {
    return this.#reader.cursor;
  }

  settle(mark: Mark): void {
    this.#ledger.settle(mark);
  }

  /** Until the signal ends it. Never rejects. */
  async run(): Promise<void> {
    const { signal, log } = this.#options;
    const backoff = new Backoff(signal);
    while (!signal.aborted) {
      try {
        await this.#read();
      } catch (error) {
        log.warn(`the log cannot be read now: ${describeError(error)}`);
        await backoff.wait();
      }
    }
  }

  async #read(): Promise<void> {
    const { delivery, consumer, paused, rate, signal } = this.#options;
    for (let turn = 0; !signal.aborted; ) {
      if (paused()) {
        this.#closeMark();
        await sleep(PAUSE_LOOK, signal);
        continue;
      }
      const relief = delivery.relief();
      if (relief !== undefined) {
        await relief;
        continue;
      }
      const result = this.#reader.next();
      if (result === 'head') {
        this.#closeMark();
        await consumer.advanced(HEAD_WAIT);
      } else if (result === 'wait') {
        await this.#reader.load();
      } else {
        this.records++;
        let matched = 0;
        for (const message of result.messages) {
          if (this.#take(message as SourceMessage, result.time)) matched++;
        }
        this.readTime = result.time;
        if (this.#inMark >= MARK_MESSAGES) this.#closeMark();
        const wait = matched === 0 ? undefined : rate?.spend(matched, performance.now());
        if (wait !== undefined) {
          this.#closeMark();
          await sleep(wait, signal);
        }
      }
      if (++turn % PER_TURN === 0) await new Promise<void>((go) => setImmediate(go));
    }
  }

  /** Returns whether the message is the mapping's. */
  #take(message: SourceMessage, time: number): boolean {
    const { translator, delivery } = this.#options;
    this.messages++;
    this.#inMark++;
    // QoS 0 is in the log for the sake of retained messages only.
    if (message.qos === 0 || !this.#fences.admits(message as never)) return false;
    const translation = translator.translate(message, time);
    if (translation === undefined) return false;
    this.matched++;
    const { topic, record } = translation;
    if (topic === undefined) delivery.reject(record, translation.reason, this.#mark);
    else delivery.offer(topic, record, this.#mark);
    return true;
  }

  /** Records without a message, probes and copies, move the place as well. */
  #closeMark(): void {
    const { cursor } = this.#reader;
    if (this.#inMark === 0 && cursor.equals(this.#closed)) return;
    this.#inMark = 0;
    this.#closed = cursor.clone();
    this.#ledger.close(this.#closed);
    this.#mark = this.#ledger.open();
  }
}
