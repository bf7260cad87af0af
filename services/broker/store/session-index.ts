import { type JetStreamClient, type JsMsg, jetstream } from '@nats-io/jetstream';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { asBuffer, type Bus } from '../cluster/bus.ts';
import { decodeMeta, type SessionMeta } from '../session/meta.ts';
import { metaSubjects, SESSION_SHARDS, sessionStream } from './session-store.ts';
import { StreamFollower } from './stream-follower.ts';

/** One stored session as this node has heard of it. */
export interface IndexedSession {
  meta: SessionMeta;
  /** Version of the meta part. */
  sequence: number;
}

export interface SessionIndexOptions {
  bus: Bus;
  log: Logger;
  /** A session was written by whomever; undefined = removed. */
  onChange: (clientId: string, session: IndexedSession | undefined) => void;
}

/** Longest wait for an answer of JetStream, milliseconds. */
const TIMEOUT = 5_000;

/**
 * All stored sessions of the cluster, as every node hears of them: for whoever looks after those
 * that nobody has, and for lists. It may be a moment behind; what is decided by it is written by
 * compare-and-set.
 */
export class SessionIndex {
  readonly #options: SessionIndexOptions;
  readonly #bySubject = new Map<string, IndexedSession>();
  readonly #byClient = new Map<string, IndexedSession>();
  readonly #followers: StreamFollower[] = [];
  /** Shared subscriptions, with the number of stored sessions that have them. */
  readonly #shared = new Map<string, number>();
  readonly #replays = new Map<number, Set<string>>();
  #jetstream: JetStreamClient | undefined;
  readonly #onUp = (): void => {
    for (const follower of this.#followers) follower.restart();
  };

  constructor(options: SessionIndexOptions) {
    this.#options = options;
    const { bus, log } = options;
    for (let shard = 0; shard < SESSION_SHARDS; shard++) {
      this.#followers.push(
        new StreamFollower({
          jetstream: () => this.#jetstream!,
          stream: sessionStream(shard),
          filter: metaSubjects(shard),
          connected: () => bus.connected,
          log,
          onMessage: (message) => this.#take(shard, message),
          onReplay: () => this.#replays.set(shard, new Set()),
          onReplayed: () => this.#replayed(shard),
        }),
      );
    }
  }

  get size(): number {
    return this.#byClient.size;
  }

  get(clientId: string): IndexedSession | undefined {
    return this.#byClient.get(clientId);
  }

  /** Whether any stored session has the shared subscription. */
  shares(key: string): boolean {
    return (this.#shared.get(key) ?? 0) > 0;
  }

  get sessions(): Iterable<IndexedSession> {
    return this.#byClient.values();
  }

  /** Begins to listen; resolves when everything that is stored was heard once, or after a while. */
  async start(signal: AbortSignal): Promise<void> {
    const { bus } = this.#options;
    this.#jetstream = jetstream(bus.nats, { timeout: TIMEOUT });
    bus.on('up', this.#onUp);
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    await Promise.race([Promise.all(this.#followers.map((one) => one.start())), ended]);
  }

  close(): void {
    this.#options.bus.off('up', this.#onUp);
    for (const follower of this.#followers) follower.close();
  }

  #take(shard: number, { data, seq: sequence, subject }: JsMsg): void {
    try {
      const meta = decodeMeta(asBuffer(data));
      if (meta === undefined) this.#remove(subject);
      else {
        this.#replays.get(shard)?.add(subject);
        const session = { meta, sequence };
        this.#count(this.#bySubject.get(subject)?.meta, -1);
        this.#count(meta, 1);
        this.#bySubject.set(subject, session);
        this.#byClient.set(meta.clientId, session);
        this.#options.onChange(meta.clientId, session);
      }
    } catch (error) {
      this.#options.log.error({ subject, sequence }, `a session: ${describeError(error)}`);
    }
  }

  #replayed(shard: number): void {
    const seen = this.#replays.get(shard) ?? new Set();
    this.#replays.delete(shard);
    const prefix = metaSubjects(shard).slice(0, -1);
    for (const subject of [...this.#bySubject.keys()]) {
      if (subject.startsWith(prefix) && !seen.has(subject)) this.#remove(subject);
    }
  }

  #count(meta: SessionMeta | undefined, by: number): void {
    for (const { filter } of meta?.subscriptions ?? []) {
      if (!filter.startsWith('$share/')) continue;
      const count = (this.#shared.get(filter) ?? 0) + by;
      if (count > 0) this.#shared.set(filter, count);
      else this.#shared.delete(filter);
    }
  }

  #remove(subject: string): void {
    const session = this.#bySubject.get(subject);
    if (session === undefined) return;
    this.#bySubject.delete(subject);
    this.#count(session.meta, -1);
    const { clientId } = session.meta;
    if (this.#byClient.get(clientId) !== session) return;
    this.#byClient.delete(clientId);
    this.#options.onChange(clientId, undefined);
  }
}
