import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { Cursor } from '#core/message-log/cursor.ts';
import { type Message, messageKey } from '#core/mqtt/message.ts';
import type { MessageLog } from '../log/message-log.ts';

export interface MaterializerOptions {
  log: Logger;
  messages: () => Pick<MessageLog, 'head' | 'reader'>;
  /** Whether this broker is the one that writes. */
  onDuty: () => boolean;
  /** Resolves when the stream has it. */
  write: (message: Message) => Promise<void>;
  /** The same for how far the stream reflects the log. */
  writeProgress: (cursor: Buffer) => Promise<void>;
}

const TICK = 100;
/** Writes under way at a time. */
const PARALLEL = 64;
const PROGRESS_INTERVAL = 5_000;
/** Longest search at the start for what the stream has not got from the log, milliseconds. */
const RECALL = 10_000;

/**
 * Brings retained messages from the log, which made them durable, into the stream that keeps each
 * topic's last one. Every node holds what the stream has not shown yet; one of them writes it, in
 * the order of the log, so the last one of a topic is the same there as everywhere.
 */
export class Materializer {
  readonly #options: MaterializerOptions;
  /** By topic: the last one of the log, while the stream has not shown it. */
  readonly #pending = new Map<string, Message>();
  readonly #writing = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #progress: Cursor | undefined;
  #progressAt = 0;
  /** A place in the log, and what of before it the stream has not shown. */
  #candidate: { cursor: Cursor; waiting: Set<Message> } | undefined;
  #failures = 0;

  constructor(options: MaterializerOptions) {
    this.#options = options;
  }

  /** Topics whose last message the stream has not shown yet. */
  get size(): number {
    return this.#pending.size;
  }

  /** By shard of the log: the first record that would be needed to complete the stream. */
  get floor(): number[] | undefined {
    return this.#progress?.sequences.map((sequence) => sequence + 1);
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A retained message was read from the log. */
  take(message: Message): void {
    this.#settle(this.#pending.get(message.topic));
    this.#pending.delete(message.topic);
    this.#pending.set(message.topic, message.detach());
    if (this.#options.onDuty()) this.#writeSome();
  }

  /** The stream shows a message; false = a later one of the log is on its way there. */
  shown(message: Message): boolean {
    const pending = this.#pending.get(message.topic);
    if (pending === undefined) return true;
    if (messageKey(pending) !== messageKey(message)) return false;
    this.#pending.delete(message.topic);
    this.#settle(pending);
    return true;
  }

  /** The stream tells how far it reflects the log. */
  reached(cursor: Buffer): void {
    this.#progress = Cursor.decode(cursor);
  }

  /**
   * At the start: what the log has and the stream has not. `stored` tells what the stream has of a
   * topic; `apply` takes what it lacks.
   */
  async recall(
    stored: (topic: string) => Message | undefined,
    apply: (message: Message) => void,
  ): Promise<void> {
    const messages = this.#options.messages();
    const shards = messages.head.sequences.length;
    const reader = messages.reader(this.#progress ?? Cursor.start(shards));
    const last = new Map<string, Message>();
    const until = performance.now() + RECALL;
    while (performance.now() < until) {
      const result = reader.next();
      if (result === 'head') break;
      if (result === 'wait') await reader.load();
      else
        for (const message of result.messages) if (message.retain) last.set(message.topic, message);
    }
    for (const [topic, message] of last) {
      const known = stored(topic);
      // What was read meanwhile is later than what stands here.
      if (this.#pending.has(topic)) continue;
      if (known === undefined || known.sequence < message.sequence) apply(message);
    }
  }

  #tick(): void {
    if (!this.#options.onDuty()) return;
    this.#writeSome();
    const now = performance.now();
    if (this.#candidate !== undefined || now - this.#progressAt < PROGRESS_INTERVAL) return;
    const { head } = this.#options.messages();
    if (this.#progress?.equals(head) === true) return;
    this.#progressAt = now;
    this.#candidate = { cursor: head.clone(), waiting: new Set(this.#pending.values()) };
    this.#settle(undefined);
  }

  /** What the candidate waited for is in the stream, or a later one has taken its place. */
  #settle(message: Message | undefined): void {
    const candidate = this.#candidate;
    if (candidate === undefined) return;
    if (message !== undefined) candidate.waiting.delete(message);
    if (candidate.waiting.size > 0) return;
    this.#candidate = undefined;
    this.#options.writeProgress(candidate.cursor.encode()).catch(() => {
      // The next round tells it.
    });
  }

  #writeSome(): void {
    for (const [topic, message] of this.#pending) {
      if (this.#writing.size >= PARALLEL) return;
      if (!this.#writing.has(topic)) void this.#write(topic, message);
    }
  }

  /** One write of a topic at a time, so that an older one never lands behind a newer one. */
  async #write(topic: string, message: Message): Promise<void> {
    this.#writing.add(topic);
    try {
      await this.#options.write(message);
      this.#failures = 0;
    } catch (error) {
      const text = `a retained message is stored later: ${describeError(error)}`;
      if (this.#failures++ % 100 === 0) this.#options.log.warn({ topic }, text);
      await new Promise((resolve) => setTimeout(resolve, TICK));
    } finally {
      this.#writing.delete(topic);
    }
  }
}
