import type { Logger } from '../log.ts';
import type { DirectGets } from './direct-gets.ts';
import type { LogRecord } from './log-record.ts';
import { readRecord, readRecordLazily } from './record.ts';
import { costOf, type RecordRing } from './record-ring.ts';

export interface SourceOptions {
  rings: readonly RecordRing[];
  gets: DirectGets;
  log: Logger;
  /** What stays of records from before the rings, for the next reader, bytes. */
  cacheBytes?: number;
  /**
   * Messages are made when they are read first. For few readers, who are far behind: what is read
   * ahead then does not live so long that collecting it is dear.
   */
  lazy?: boolean;
}

const CACHE_BYTES = 8 << 20;
/** Readers that load at once; the others wait for their turn. */
const LOADING_MAX = 16;

/** Where readers get records: from memory, or asked for, once for all who want the same one. */
export class RecordSource {
  readonly #options: SourceOptions;
  /** In the order of their last use. */
  readonly #cache = new Map<string, LogRecord>();
  #cacheBytes = 0;
  readonly #fetches = new Map<string, Promise<LogRecord | undefined>>();
  #loading = 0;
  readonly #queue: (() => void)[] = [];

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  inMemory(shard: number, sequence: number): LogRecord | undefined {
    return this.#options.rings[shard]?.get(sequence);
  }

  /**
   * The first readable record from `sequence` on; undefined when the shard has none.
   * Rejects with BRAMBLE_ENGINE_UNAVAILABLE.
   */
  fetch(shard: number, sequence: number): Promise<LogRecord | undefined> {
    const ring = this.inMemory(shard, sequence);
    if (ring !== undefined) return Promise.resolve(ring);
    const key = `${shard}.${sequence}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return Promise.resolve(cached);
    }
    const running = this.#fetches.get(key);
    if (running !== undefined) return running;
    const fetch = this.#fetch(shard, sequence).finally(() => this.#fetches.delete(key));
    this.#fetches.set(key, fetch);
    return fetch;
  }

  /** Forgets the records of a shard that begins anew. */
  clear(): void {
    this.#cache.clear();
    this.#cacheBytes = 0;
  }

  /** Does some loading when it is its turn, so that many readers at once stay within bounds. */
  async turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#loading >= LOADING_MAX) await new Promise<void>((go) => this.#queue.push(go));
    else this.#loading++;
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next !== undefined) next();
      else this.#loading--;
    }
  }

  async #fetch(shard: number, sequence: number): Promise<LogRecord | undefined> {
    const { gets, log, lazy = false } = this.#options;
    const read = lazy ? readRecordLazily : readRecord;
    for (let from = sequence; ; from++) {
      // A replica that has nothing may be behind; the leader is not.
      const stored = (await gets.from(shard, from)) ?? (await gets.fromLeader(shard, from));
      if (stored === undefined) return undefined;
      from = stored.sequence;
      try {
        const record = read(stored.bytes, shard, stored.sequence);
        // One whose messages the first reader does not make.
        this.#keep(lazy ? read(stored.bytes, shard, stored.sequence) : record);
        return record;
      } catch (error) {
        log.error({ err: error, shard, sequence: from }, 'a record is skipped');
      }
    }
  }

  #keep(record: LogRecord): void {
    const key = `${record.shard}.${record.sequence}`;
    if (this.#cache.has(key)) return;
    this.#cache.set(key, record);
    this.#cacheBytes += costOf(record);
    const { cacheBytes = CACHE_BYTES } = this.#options;
    for (const [oldest, unused] of this.#cache) {
      if (this.#cacheBytes <= cacheBytes) break;
      this.#cacheBytes -= costOf(unused);
      this.#cache.delete(oldest);
    }
  }
}
