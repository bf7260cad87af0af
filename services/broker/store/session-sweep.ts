import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { decodeMeta } from '../session/meta.ts';
import type { SessionIndex } from './session-index.ts';
import { epochName, SESSION_SHARDS, type SessionStore } from './session-store.ts';

export interface SessionSweepOptions {
  store: SessionStore;
  index: SessionIndex;
  log: Logger;
  /** Whether this broker is the one that looks after sessions now. */
  onDuty: () => boolean;
  /** Between two rounds, milliseconds. */
  interval?: number;
}

const INTERVAL = 600_000;

/**
 * Takes out of the session streams what a broker that died had no time to take out: states of
 * epochs that nobody goes on from, and removed sessions. What is found is taken at the next round,
 * when it still belongs to nobody: a session that is just being taken has its state first.
 */
export class SessionSweep {
  readonly #options: SessionSweepOptions;
  #suspects = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: SessionSweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#round(), this.#options.interval ?? INTERVAL);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #round(): Promise<void> {
    const { onDuty, log } = this.#options;
    if (this.#running) return;
    if (!onDuty()) {
      this.#suspects.clear();
      return;
    }
    this.#running = true;
    const found = new Set<string>();
    try {
      let taken = 0;
      for (let shard = 0; shard < SESSION_SHARDS; shard++) taken += await this.#look(shard, found);
      this.#suspects = found;
      if (taken > 0) log.info({ taken }, 'what dead brokers left of sessions is taken away');
    } catch (error) {
      log.debug(`sessions are swept later: ${describeError(error)}`);
    }
    this.#running = false;
  }

  async #look(shard: number, found: Set<string>): Promise<number> {
    const { store, index } = this.#options;
    let taken = 0;
    for (const { key, digest, epoch } of await store.list(shard)) {
      const session = index.byDigest(digest);
      const isNeeded =
        session !== undefined && (epoch === undefined || epoch === epochName(session.meta.epoch));
      if (isNeeded) continue;
      if (!this.#suspects.has(key)) {
        found.add(key);
        continue;
      }
      // The index is what this node has heard; the store is asked before anything goes for good.
      const meta = decodeMeta((await store.loadDigest(digest)).bytes);
      if (meta !== undefined && (epoch === undefined || epoch === epochName(meta.epoch))) continue;
      store.discard({ shard, key, digest, epoch });
      taken++;
    }
    return taken;
  }
}
