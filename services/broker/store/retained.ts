import { clusterTime } from '#core/cluster-time.ts';
import type { Message } from '#core/mqtt/message.ts';
import { TopicTree } from './topic-tree.ts';

/** Where the last message of each topic is kept beyond this process. */
export interface RetainedLog {
  /** Takes what was read from the log; an empty payload removes the topic's message. */
  take(message: Message): void;
  /** Takes a message out that has expired, unless a newer one has come. */
  expire(topic: string, position: number): void;
}

interface Entry {
  message: Message;
  /** Position in the stream; 0 = from the log, and not seen in the stream yet. */
  position: number;
}

/**
 * The retained messages of the cluster (MQTT 5, 3.3.1.3), all of them in memory on each node. The
 * order of the log decides.
 */
export class RetainedStore {
  readonly #tree = new TopicTree<Entry>();
  readonly #log: RetainedLog | undefined;
  /** Topics of this node alone (`$SYS`): neither counted nor logged. */
  readonly #local = new Set<string>();
  #bytes = 0;
  /** Topics that are kept; beyond, no new one is admitted. */
  limit: number;
  /** Largest payload that is kept, bytes. */
  payloadLimit = Number.POSITIVE_INFINITY;

  constructor(limit: number, log: RetainedLog | undefined) {
    this.limit = limit;
    this.#log = log;
  }

  get size(): number {
    return this.#tree.size - this.#local.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the limits leave room for it: a topic that is there already always has. */
  admits(message: Message): boolean {
    if (message.payload.length > this.payloadLimit) return false;
    if (message.payload.length === 0 || this.size < this.limit) return true;
    return this.#tree.get(message.topic) !== undefined;
  }

  /**
   * Keeps the message, or with an empty payload forgets the topic's ([MQTT-3.3.1-6], -7): called
   * with each one that is read from the log.
   */
  take(message: Message): void {
    this.#put(message, 0);
    this.#log?.take(message);
  }

  /** Keeps a message on this node only. */
  storeLocal(message: Message): void {
    this.#local.add(message.topic);
    this.#put(message, 0);
  }

  /** Takes what the stream says, in its order. */
  apply(message: Message, position: number): void {
    const known = this.#tree.get(message.topic);
    if (known !== undefined && known.position > position) return;
    this.#put(message, position);
  }

  /** The stream was told from its beginning: what it does not have any more goes. */
  replayed(topics: ReadonlySet<string>, position: number): void {
    const gone: string[] = [];
    for (const { message, position: known } of this.#tree.values()) {
      if (known > 0 && known <= position && !topics.has(message.topic)) gone.push(message.topic);
    }
    for (const topic of gone) this.#delete(topic);
  }

  get(topic: string): Message | undefined {
    const message = this.#tree.get(topic)?.message;
    return message?.expired(clusterTime.now()) ? undefined : message;
  }

  /** Those whose topic the filter matches and that have not expired. */
  *match(filter: string): Generator<Message> {
    const now = clusterTime.now();
    for (const { message } of this.#tree.match(filter)) {
      if (!message.expired(now)) yield message;
    }
  }

  /** Forgets what has expired. */
  sweep(): void {
    const now = clusterTime.now();
    const gone: Entry[] = [];
    for (const entry of this.#tree.values()) if (entry.message.expired(now)) gone.push(entry);
    for (const { message, position } of gone) {
      this.#delete(message.topic);
      this.#log?.expire(message.topic, position);
    }
  }

  #put(message: Message, position: number): void {
    this.#delete(message.topic);
    if (message.payload.length === 0) return;
    this.#tree.set(message.topic, { message: message.detach(), position });
    this.#bytes += message.size;
  }

  #delete(topic: string): void {
    const known = this.#tree.get(topic);
    if (known === undefined) return;
    this.#bytes -= known.message.size;
    this.#tree.delete(topic);
  }
}
