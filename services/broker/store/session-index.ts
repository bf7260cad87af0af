import { type JetStreamClient, type JsMsg, jetstream } from '@nats-io/jetstream';
import { describeError } from '#core/errors.ts';
import { asBuffer, type Bus } from '#core/jetstream/bus.ts';
import { unframe, type Version } from '#core/jetstream/quorum-register.ts';
import type { Logger } from '#core/log.ts';
import { decodeMeta, type SessionMeta } from '../session/meta.ts';
import { metaSubjects, SESSION_SHARDS, sessionStream } from './session-store.ts';
import { StreamFollower } from './stream-follower.ts';

/** One stored session as this node has heard of it. */
export interface IndexedSession {
  meta: SessionMeta;
  /** Of the meta part. */
  version: Version;
}

/** What one stream has of a session. */
interface Heard {
  version: Version;
  /** Undefined = removed. */
  session: IndexedSession | undefined;
}

interface Entry {
  /** By shard. */
  heard: (Heard | undefined)[];
  current: IndexedSession | undefined;
}

/** A removed session is remembered for so long, for streams that lag, milliseconds. */
const REMOVED_KEPT = 120_000;

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
  readonly #byDigest = new Map<string, Entry>();
  readonly #byClient = new Map<string, IndexedSession>();
  readonly #followers: StreamFollower[] = [];
  /** Shared subscriptions, with the number of stored sessions that have them. */
  readonly #shared = new Map<string, number>();
  /** By shard: what a replay that is going on has shown. */
  readonly #replays = new Map<number, Set<string>>();
  readonly #removed: { digest: string; at: number }[] = [];
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

  /** By what stands for the client id in the store's subjects. */
  byDigest(digest: string): IndexedSession | undefined {
    return this.#byDigest.get(digest)?.current;
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

  #take(shard: number, { data, seq, subject }: JsMsg): void {
    const digest = subject.slice(subject.lastIndexOf('.') + 1);
    this.#replays.get(shard)?.add(digest);
    try {
      const { height, nonce, content } = unframe(asBuffer(data));
      const entry = this.#byDigest.get(digest) ?? { heard: [], current: undefined };
      this.#byDigest.set(digest, entry);
      // The streams tell the same one after the other.
      const known = entry.heard.find((one) => one?.version.nonce === nonce);
      entry.heard[shard] = known ?? heard({ height, nonce }, content);
      this.#settle(digest, entry);
    } catch (error) {
      this.#options.log.error({ subject, seq }, `a session: ${describeError(error)}`);
    }
  }

  #replayed(shard: number): void {
    const seen = this.#replays.get(shard) ?? new Set();
    this.#replays.delete(shard);
    for (const [digest, entry] of this.#byDigest) {
      if (entry.heard[shard] === undefined || seen.has(digest)) continue;
      entry.heard[shard] = undefined;
      this.#settle(digest, entry);
    }
  }

  /** Takes what the streams together say. */
  #settle(digest: string, entry: Entry): void {
    const { current: before, heard } = entry;
    const after = latest(heard)?.session;
    if (after === undefined) this.#forget(digest);
    if (after === before) return;
    entry.current = after;
    this.#count(before?.meta, -1);
    this.#count(after?.meta, 1);
    const clientId = (after ?? before)!.meta.clientId;
    if (after === undefined) this.#byClient.delete(clientId);
    else this.#byClient.set(clientId, after);
    this.#options.onChange(clientId, after);
  }

  /** In a while: a stream that lags may still tell of it. */
  #forget(digest: string): void {
    const now = performance.now();
    this.#removed.push({ digest, at: now + REMOVED_KEPT });
    while (this.#removed[0] !== undefined && this.#removed[0].at < now) {
      const { digest } = this.#removed.shift()!;
      if (this.#byDigest.get(digest)?.current === undefined) this.#byDigest.delete(digest);
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
}

function heard(version: Version, content: Buffer): Heard {
  const meta = decodeMeta(content);
  return { version, session: meta && { meta, version } };
}

/** The highest; of several of one height the one that two streams have, which was written. */
function latest(all: readonly (Heard | undefined)[]): Heard | undefined {
  let top: Heard | undefined;
  for (const one of all) {
    if (one === undefined || one.version.height < (top?.version.height ?? 0)) continue;
    const higher = top === undefined || one.version.height > top.version.height;
    if (higher || all.filter((other) => other === one).length > 1) top = one;
  }
  return top;
}
