import { clusterTime } from '#core/cluster-time.ts';
import { UNWRITTEN, type Version, type Versioned } from '#core/jetstream/quorum-register.ts';
import type { Message } from '#core/mqtt/message.ts';
import { type Epoch, isLater } from '../cluster/clock.ts';
import { type Will, willMessage } from '../codec/will.ts';
import type { EndCause } from '../connection/connection.ts';
import type { MessageLog } from '../log/message-log.ts';
import { isGroupId } from '../sharing/group-id.ts';
import type { IndexedSession, SessionIndex } from '../store/session-index.ts';
import { FencedError, type SessionStore } from '../store/session-store.ts';
import { Custody } from './custody.ts';
import { decodeMeta, encodeMeta, type SessionMeta } from './meta.ts';
import { restoreSession } from './restore.ts';
import { NEVER, type Session } from './session.ts';
import { encodeSnapshot, floorOf, latestSnapshot } from './snapshot.ts';

export interface VaultOptions {
  store: SessionStore;
  index: SessionIndex;
  log: MessageLog;
  /** Node and incarnation of this broker. */
  owner: string;
  newSession: (clientId: string) => Session;
  retained: (topic: string) => Message | undefined;
  /** Resolves when nothing of an earlier owner can get into the log any more. */
  fence: (fence: { clientId: string; epoch: number }) => Promise<void>;
  /** Whether a message of the log counts as never made. */
  isDropped: (message: Message) => boolean;
  publishWill: (message: Message, clientId: string) => void;
  connected: () => boolean;
  /** Resolves when the link to nats-server is there. */
  reconnected: () => Promise<void>;
  /** The session has another owner; its connection here is of the past. */
  onFenced: (clientId: string, epoch: Epoch) => void;
  onFailed: (clientId: string, error: unknown) => void;
  onLost: (clientId: string, messages: number) => void;
}

export interface TakeOptions {
  clientId: string;
  user: string;
  will: Will | undefined;
  epoch: Epoch;
  cleanStart: boolean;
  expiry: number;
  /** Another node had the client id just now, so something is stored. */
  known: boolean;
}

/** After its node has shut down, a client has so long to come back before its will is sent, ms. */
const SHUTDOWN_GRACE = 3_000;
/** Times that a take is tried again because the session was written meanwhile. */
const ATTEMPTS = 5;
/** Sessions whose state is saved at leisure: how often, milliseconds, and how many at a time. */
const LAZY_INTERVAL = 250;
const LAZY_BATCH = 400;

/** States of sessions that are away, looked at in one round. */
const FLOORS_AT_ONCE = 500;

interface AwayFloor {
  /** Of the meta part: while it stands, so does the state. */
  version: Version;
  floor: number[];
}

const UNKNOWN: Versioned = { bytes: Buffer.alloc(0), version: UNWRITTEN };

/**
 * Gives sessions to connections and takes them back: in between the cluster's store keeps them,
 * and every change of hands is a compare-and-set there. Sessions that end with their connection
 * are not stored, unless a will must outlive this node.
 */
export class SessionVault {
  readonly #options: VaultOptions;
  readonly #custodies = new Map<string, Custody>();
  /** Sessions on their way back into the store. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #taking = new Set<Session>();
  #away = new Map<string, AwayFloor>();
  #lazy: Custody[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  /** Stored sessions whose clients are away. */
  get away(): number {
    let away = 0;
    for (const { meta } of this.#options.index.sessions) {
      if (!meta.connected && !isGroupId(meta.clientId)) away++;
    }
    return away;
  }

  start(): void {
    this.#timer = setInterval(() => this.#saveLazily(), LAZY_INTERVAL);
  }

  /** Resolves when every session that was given back is stored. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#closing.values());
  }

  /** Resolves when the client id's last session here is stored; whether there was one. */
  async settled(clientId: string): Promise<boolean> {
    const closing = this.#closing.get(clientId);
    await closing;
    return closing !== undefined;
  }

  /**
   * Takes the session for the connection. Undefined when a later connection has it. Rejects with
   * BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async take(options: TakeOptions): Promise<{ session: Session; present: boolean } | undefined> {
    const { clientId, will, cleanStart, expiry } = options;
    const known = (await this.settled(clientId)) || options.known || !cleanStart;
    const stored = known || this.#options.index.get(clientId) !== undefined;
    if (!stored && expiry === 0 && will === undefined) {
      const session = this.#options.newSession(clientId);
      session.expiryInterval = 0;
      return { session, present: false };
    }
    let blind = !stored;
    for (let attempt = 1; ; attempt++) {
      try {
        const taken = await this.#take(options, blind);
        if (taken === undefined) this.#options.store.dropState(clientId, options.epoch);
        return taken;
      } catch (error) {
        if (!(error instanceof FencedError)) throw error;
        if (attempt === ATTEMPTS) {
          this.#options.store.dropState(clientId, options.epoch);
          throw error;
        }
        blind = false;
      }
    }
  }

  /** Takes a session back: its connection has ended. Never rejects. */
  release(
    session: Session,
    { will, cause }: { will: Will | undefined; cause: EndCause },
  ): Promise<void> {
    const { clientId, expiryInterval } = session;
    const custody = this.#custodies.get(clientId);
    const delay = Math.min(will?.delay ?? 0, expiryInterval) * 1000;
    const wait =
      will !== undefined && cause === 'shutdown' ? Math.max(delay, SHUTDOWN_GRACE) : delay;
    const now = clusterTime.now();
    if (will !== undefined && (wait === 0 || custody === undefined)) {
      this.#options.publishWill(willMessage(will), clientId);
    }
    if (custody === undefined) return Promise.resolve();
    this.#custodies.delete(clientId);
    const { meta } = custody;
    meta.connected = false;
    meta.will = wait > 0 ? will : undefined;
    meta.willAt = wait > 0 ? now + wait : 0;
    meta.expiry = expiryInterval;
    meta.endsAt = expiryInterval === NEVER ? null : now + Math.max(expiryInterval * 1000, wait);
    const stays = expiryInterval > 0 || wait > 0;
    const done = this.#giveBack(session, custody, stays).finally(() => {
      if (this.#closing.get(clientId) === done) this.#closing.delete(clientId);
    });
    this.#closing.set(clientId, done);
    return done;
  }

  async #giveBack(session: Session, custody: Custody, stays: boolean): Promise<void> {
    if (!stays) {
      session.journal = undefined;
      await custody.remove();
      return;
    }
    // Without the link nothing is known of what was on its way into the log.
    let certain = this.#options.connected();
    if (certain) certain = await session.incoming.published();
    else await this.#options.reconnected();
    await custody.close(certain);
    session.journal = undefined;
  }

  /** A stored session was written, here or elsewhere. */
  changed(clientId: string, stored: IndexedSession | undefined): void {
    const custody = this.#custodies.get(clientId);
    if (custody === undefined || stored === undefined) return;
    const { meta } = stored;
    if (isLater(meta.epoch, custody.epoch)) {
      this.#options.onFenced(clientId, meta.epoch);
      return;
    }
    const same = meta.epoch.time === custody.epoch.time && meta.epoch.node === custody.epoch.node;
    // This broker was taken for dead while it was cut off; it is here, and so is the client.
    if (same && (!meta.connected || meta.firing !== undefined)) void custody.saveMeta();
  }

  /** By shard: the first record of the log that a session here would need after this node's death. */
  heldFloor(): number[] {
    const { log } = this.#options;
    const floor = log.head.sequences.map((sequence) => sequence + 1);
    for (const session of this.#taking) {
      const entries = [...session.inflight.values()].map(({ message }) => message);
      for (const [shard, sequence] of floorOf({ cursor: session.cursor, entries }).entries()) {
        floor[shard] = Math.min(floor[shard] ?? 0, sequence);
      }
    }
    for (const custody of this.#custodies.values()) {
      if (!custody.persistent) continue;
      for (const [shard, sequence] of custody.floor.entries()) {
        floor[shard] = Math.min(floor[shard] ?? 0, sequence);
      }
      // One whose client hears nothing would hold the log where it was saved last.
      custody.touch();
    }
    return floor;
  }

  /** The same for those who are away; undefined when that cannot be said now. */
  async awayFloor(alive: (owner: string) => boolean): Promise<number[] | undefined> {
    const { index, store, log } = this.#options;
    const floor = log.head.sequences.map((sequence) => sequence + 1);
    const unknown: IndexedSession[] = [];
    const known = new Map<string, AwayFloor>();
    for (const session of index.sessions) {
      const { clientId, expiry, connected, owner } = session.meta;
      if (expiry === 0) continue;
      // A node that died and is not noted yet, or one that is asked itself.
      if (connected && !alive(owner)) return undefined;
      if (connected) continue;
      const cached = this.#away.get(clientId);
      if (cached?.version.nonce === session.version.nonce) known.set(clientId, cached);
      else unknown.push(session);
    }
    for (const { meta, version } of unknown.slice(0, FLOORS_AT_ONCE)) {
      const snapshot = latestSnapshot(await store.loadStates(meta.clientId, meta.epoch));
      const own = snapshot === undefined ? [] : floorOf(snapshot);
      known.set(meta.clientId, { version, floor: own });
    }
    this.#away = known;
    if (unknown.length > FLOORS_AT_ONCE) return undefined;
    for (const { floor: own } of known.values()) {
      for (const [shard, sequence] of own.entries()) {
        floor[shard] = Math.min(floor[shard] ?? 0, sequence);
      }
    }
    return floor;
  }

  async #take(
    { clientId, user, will, epoch, cleanStart, expiry }: TakeOptions,
    blind: boolean,
  ): Promise<{ session: Session; present: boolean } | undefined> {
    const { store, owner, newSession } = this.#options;
    const stored = blind ? UNKNOWN : await store.loadMeta(clientId);
    const before = decodeMeta(stored.bytes);
    if (before !== undefined && isLater(before.epoch, epoch)) return undefined;
    const wanted = before !== undefined && !cleanStart && isAlive(before) && before.expiry > 0;
    const snapshot = wanted
      ? latestSnapshot(await store.loadStates(clientId, before.epoch))
      : undefined;
    const goesOn = wanted && snapshot !== undefined;
    const persistent = expiry > 0;
    if (before === undefined && !persistent && will === undefined) {
      return { session: newSession(clientId), present: false };
    }
    const session = newSession(clientId);
    session.expiryInterval = expiry;
    if (goesOn) {
      const fence = { clientId, epoch: epoch.time };
      const lost = await restoreSession(session, before, snapshot, {
        ...this.#options,
        fence: () => this.#options.fence(fence),
      });
      if (lost > 0) this.#options.onLost(clientId, lost);
    }
    const meta: SessionMeta = {
      clientId,
      user,
      owner,
      epoch,
      expiry,
      connected: true,
      endsAt: 0,
      will,
      willAt: 0,
      firing: undefined,
      subscriptions: [...session.subscriptions.values()],
    };
    const keeps = persistent || will !== undefined;
    const metaBytes = keeps ? encodeMeta(meta) : Buffer.alloc(0);
    // The state first: whoever finds the new owner finds its state.
    if (persistent) {
      const bytes = encodeSnapshot(session, { epoch, version: 0, closed: false });
      await store.saveState(clientId, epoch, bytes);
    }
    // From the write on it is no longer away, and not held yet: its place must not be trimmed.
    this.#taking.add(session);
    const metaVersion = await store
      .saveMeta(clientId, metaBytes, stored.version)
      .finally(() => this.#taking.delete(session));
    if (before !== undefined && before.expiry > 0) store.dropState(clientId, before.epoch);
    this.#endedWill(before, goesOn);
    if (keeps) {
      const custody = new Custody({
        session,
        store,
        meta,
        metaVersion,
        persistent,
        onFenced: () => this.#fenced(clientId, epoch),
        onFailed: (error) => this.#options.onFailed(clientId, error),
        lazily: (one) => this.#lazy.push(one),
      });
      this.#custodies.set(clientId, custody);
      if (persistent) session.journal = custody;
      if (persistent) session.epoch = epoch.time;
    }
    return { session, present: goesOn };
  }

  /** A session that a clean start ends: its will that waited is due (MQTT 5, 3.1.2.5). */
  #endedWill(before: SessionMeta | undefined, goesOn: boolean): void {
    if (before?.will === undefined || goesOn || before.connected) return;
    // Unless it only waited for a client that its own node had sent away: that has come back.
    if (before.will.delay === 0) return;
    this.#options.publishWill(willMessage(before.will), before.clientId);
  }

  #fenced(clientId: string, epoch: Epoch): void {
    this.#custodies.get(clientId)?.abandon();
    this.#custodies.delete(clientId);
    this.#options.onFenced(clientId, epoch);
  }

  /** Spread out: many sessions that move at once take longer to be saved, not more at a time. */
  #saveLazily(): void {
    const due = this.#lazy.splice(0, LAZY_BATCH);
    for (const custody of due) custody.flush();
  }
}

function isAlive({ endsAt, connected }: SessionMeta): boolean {
  return connected || endsAt === null || endsAt > clusterTime.now();
}
