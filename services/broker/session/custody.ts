import type { Version } from '#core/jetstream/quorum-register.ts';
import type { Epoch } from '../cluster/clock.ts';
import { FencedError, type SessionStore } from '../store/session-store.ts';
import { decodeMeta, encodeMeta, type SessionMeta } from './meta.ts';
import type { SessionJournal } from './outgoing.ts';
import type { Session } from './session.ts';
import { encodeSnapshot, floorOf } from './snapshot.ts';

export interface CustodyOptions {
  session: Session;
  store: SessionStore;
  meta: SessionMeta;
  /** Version of the meta part as this broker knows it. */
  metaVersion: Version;
  /** Whether it has a place in the log to keep: its expiry is not 0. */
  persistent: boolean;
  /** Another broker has the session now. */
  onFenced: () => void;
  /** The session can not be saved, for longer than the store's patience. */
  onFailed: (error: unknown) => void;
  /** Takes those whose state may be saved at leisure. */
  lazily: (custody: Custody) => void;
}

/**
 * This broker's hold on a stored session: it writes what changes, one write of each part at a
 * time and each with everything until then, so a session that moves fast costs no more writes than
 * the store completes. A write that finds another version than its own last one ends the hold.
 */
export class Custody implements SessionJournal {
  readonly meta: SessionMeta;
  /** By shard of the log: the first record that the last saved state needs. */
  floor: number[];
  readonly #options: CustodyOptions;
  #metaVersion: Version;
  /** Of the state that was saved last. */
  #version = 0;
  #waiting: (() => void)[] = [];
  #writing: Promise<void> | undefined;
  #scheduled = false;
  #dirty = false;
  #ended = false;
  /** Writes of the meta part, one after the other. */
  #metaWrite: Promise<void> = Promise.resolve();
  #metaDirty = false;

  constructor(options: CustodyOptions) {
    this.#options = options;
    this.meta = options.meta;
    this.#metaVersion = options.metaVersion;
    this.floor = this.#floorNow();
  }

  get epoch(): Epoch {
    return this.meta.epoch;
  }

  get persistent(): boolean {
    return this.#options.persistent;
  }

  /** Whether it has changes that are not saved. */
  get dirty(): boolean {
    return this.#dirty && !this.#ended;
  }

  urgent(done: () => void): void {
    if (this.#ended) return;
    this.#waiting.push(done);
    this.#schedule();
  }

  touch(): void {
    if (this.#dirty || this.#ended) return;
    this.#dirty = true;
    this.#options.lazily(this);
  }

  /** Saves what was touched. */
  flush(): void {
    if (this.dirty) this.#schedule();
  }

  subscribed(): Promise<void> | undefined {
    return this.persistent ? this.saveMeta() : undefined;
  }

  /** Saves the subscriptions, will and so on as they are now. */
  saveMeta(): Promise<void> {
    if (this.#metaDirty) return this.#metaWrite;
    this.#metaDirty = true;
    this.#metaWrite = this.#metaWrite.then(() => this.#saveMeta());
    return this.#metaWrite;
  }

  /**
   * The last writes: everything as it is now; then the hold is given up. With `certain` false the
   * state stays as it was saved last, and whoever takes the session looks for the rest itself.
   * Never rejects.
   */
  async close(certain: boolean): Promise<void> {
    if (this.#ended) return;
    try {
      this.#waiting = [];
      await this.#writing;
      if (this.persistent && certain) await this.#saveState(true);
      await this.saveMeta();
    } catch {
      // Another broker has it, or its last saved state is what remains.
    }
    this.#ended = true;
  }

  /** As close, but the session is gone: takes it out of the store. Never rejects. */
  async remove(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { store, session } = this.#options;
    try {
      await Promise.all([this.#writing, this.#metaWrite]);
      await store.saveMeta(session.clientId, Buffer.alloc(0), this.#metaVersion);
      if (this.persistent) store.dropState(session.clientId, this.epoch);
    } catch {
      // Another broker has it, or whoever looks after orphans will find it.
    }
  }

  /** Gives the hold up without a write. */
  abandon(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    if (this.#ended || this.#writing !== undefined) return;
    const done = this.#waiting;
    this.#waiting = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#writing = promise;
    try {
      await this.#saveState(false);
      for (const proceed of done) proceed();
    } catch (error) {
      this.#lost(error);
    } finally {
      this.#writing = undefined;
      resolve();
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #saveState(closed: boolean): Promise<void> {
    const { session, store } = this.#options;
    this.#dirty = false;
    const floor = this.#floorNow();
    const { epoch } = this;
    const bytes = encodeSnapshot(session, { epoch, version: ++this.#version, closed });
    await store.saveState(session.clientId, epoch, bytes);
    this.floor = floor;
  }

  async #saveMeta(): Promise<void> {
    if (this.#ended) return;
    this.#metaDirty = false;
    const { session, store } = this.#options;
    const { clientId } = session;
    if (this.persistent) this.meta.subscriptions = [...session.subscriptions.values()];
    try {
      const bytes = encodeMeta(this.meta);
      this.#metaVersion = await store.saveMeta(clientId, bytes, this.#metaVersion);
    } catch (error) {
      if (!(error instanceof FencedError)) return this.#lost(error);
      // Whoever looks after orphans may have taken this broker for dead; that is no new owner.
      const stored = await store.loadMeta(clientId);
      const now = decodeMeta(stored.bytes);
      const mine = now !== undefined && now.epoch.time === this.epoch.time;
      if (!mine || now.epoch.node !== this.epoch.node) return this.#lost(error);
      this.#metaVersion = stored.version;
      const bytes = encodeMeta(this.meta);
      this.#metaVersion = await store.saveMeta(clientId, bytes, this.#metaVersion);
    }
  }

  #floorNow(): number[] {
    const { session } = this.#options;
    const entries = [...session.inflight.values()].map(({ message }) => message);
    return floorOf({ cursor: session.cursor, entries });
  }

  #lost(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    if (error instanceof FencedError) this.#options.onFenced();
    else this.#options.onFailed(error);
  }
}
