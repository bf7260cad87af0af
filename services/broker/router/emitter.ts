import { SubscriptionTrie } from './trie.ts';

/** What aedes emits: a packet, of which only the topic matters here. */
export interface EmittedPacket {
  topic: string;
  [key: string]: unknown;
}

export type EmitterListener = (packet: EmittedPacket, done: () => void) => void;
type Callback = (error?: Error) => void;

export interface EmitterOptions {
  matchEmptyLevels?: boolean;
  separator?: string;
  wildcardOne?: string;
  wildcardSome?: string;
  /** Sees every packet, before the listeners. */
  tap?: (packet: EmittedPacket) => void;
}

interface Registered {
  levels: readonly string[];
}

/**
 * The emitter that aedes wants (mqemitter's interface and contract), for subscribers inside the
 * process. Packets go out in a loop, in order: an `emit` from within a listener joins the end of
 * it, so nothing recurses; and nobody waits for a listener to call `done`.
 */
export class Emitter {
  /** Packets being handed out. */
  current = 0;
  readonly concurrency = 0;
  readonly concurrent = 0;
  closed = false;
  readonly #trie = new SubscriptionTrie<EmitterListener, Registered>({ wildcardsSeeDollar: true });
  readonly #separator: string;
  readonly #one: string;
  readonly #some: string;
  readonly #matchEmptyLevels: boolean;
  readonly #tap: ((packet: EmittedPacket) => void) | undefined;
  #queue: EmittedPacket[] = [];
  #running = false;
  #emitted: Callback[] = [];

  constructor(options: EmitterOptions = {}) {
    this.#separator = options.separator ?? '/';
    this.#one = options.wildcardOne ?? '+';
    this.#some = options.wildcardSome ?? '#';
    this.#matchEmptyLevels = options.matchEmptyLevels ?? true;
    this.#tap = options.tap;
  }

  /** Packets that wait for their turn. */
  get length(): number {
    return this.#queue.length;
  }

  on(topic: string, listener: EmitterListener, done?: () => void): this {
    const levels = this.#levels(topic);
    this.#trie.set(levels.join('/'), listener, { levels });
    if (done) setImmediate(done);
    return this;
  }

  removeListener(topic: string, listener: EmitterListener, done?: () => void): this {
    this.#trie.delete(this.#levels(topic).join('/'), listener);
    if (done) setImmediate(done);
    return this;
  }

  removeAllListeners(topic: string, done?: () => void): this {
    const filter = this.#levels(topic).join('/');
    for (const listener of [...(this.#trie.at(filter)?.keys() ?? [])]) {
      this.#trie.delete(filter, listener);
    }
    if (done) setImmediate(done);
    return this;
  }

  /** `callback` is called soon after every listener has been given the packet. */
  emit(packet: EmittedPacket, callback?: Callback): this {
    if (this.closed) {
      callback?.(new Error('mqemitter is closed'));
      return this;
    }
    this.#queue.push(packet);
    if (callback !== undefined && this.#emitted.push(callback) === 1) {
      setImmediate(() => this.#confirm());
    }
    if (!this.#running) this.#run();
    return this;
  }

  close(done?: () => void): this {
    this.closed = true;
    if (done) setImmediate(done);
    return this;
  }

  #run(): void {
    this.#running = true;
    try {
      for (let i = 0; i < this.#queue.length; i++) this.#handOut(this.#queue[i]!);
    } finally {
      this.#queue = [];
      this.#running = false;
      this.current = 0;
    }
  }

  #handOut(packet: EmittedPacket): void {
    this.current = 1;
    this.#tap?.(packet);
    const topic = packet.topic.split(this.#separator);
    const listeners: EmitterListener[] = [];
    this.#trie.match(topic.join('/'), (listener, { levels }) => {
      if (this.#matchEmptyLevels || !matchesEmpty(levels, topic)) listeners.push(listener);
    });
    for (const listener of listeners) listener.call(this, packet, nothing);
    this.current = 0;
  }

  #confirm(): void {
    const callbacks = this.#emitted;
    this.#emitted = [];
    for (const callback of callbacks) callback();
  }

  #levels(topic: string): string[] {
    return topic
      .split(this.#separator)
      .map((level) => (level === this.#one ? '+' : level === this.#some ? '#' : level));
  }
}

const nothing = (): void => {};

/** Whether a `+` of the filter stands where the topic has an empty level. */
function matchesEmpty(levels: readonly string[], topic: readonly string[]): boolean {
  return levels.some((level, i) => level === '+' && topic[i] === '');
}
