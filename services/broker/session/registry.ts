import type { Message } from '#core/mqtt/message.ts';
import { type Epoch, isLater } from '../cluster/clock.ts';
import type { Ownership } from '../cluster/ownership.ts';
import { REASON } from '../codec/reason.ts';
import { type Will, willMessage } from '../codec/will.ts';
import type { Connection, EndCause } from '../connection/connection.ts';
import type { Counters } from '../counters.ts';
import type { Pressure } from '../router/pressure.ts';
import type { Router } from '../router/router.ts';
import type { SessionLog } from './log-backlog.ts';
import type { SessionEvents, SessionLimits } from './outgoing.ts';
import { NEVER, Session } from './session.ts';
import type { SessionVault } from './vault.ts';

export interface RegistryOptions {
  limits: SessionLimits;
  counters: Counters;
  router: Router;
  events: SessionEvents;
  pressure: Pressure;
  log: SessionLog;
  /** Takes a will when its time has come. */
  publishWill: (message: Message, clientId: string) => void;
  /** The rest of the cluster, and what it keeps of sessions; undefined where there is none. */
  cluster: { ownership: Ownership; vault: SessionVault } | undefined;
}

export interface OpenOptions {
  cleanStart: boolean;
  /** Session expiry interval, seconds. */
  expiry: number;
}

/** Without other nodes nobody compares. */
const ALONE: Epoch = { time: 0, node: '' };

interface DelayedWill {
  will: Will;
  at: number;
}

/**
 * The sessions of this node and the connections that have them: one connection a client id, the
 * newest. A client id that another node has is claimed there first. In a cluster a session is here
 * only while its client is: then the vault keeps it, for whichever node the client comes to next.
 */
export class SessionRegistry {
  readonly #options: RegistryOptions;
  readonly #sessions = new Map<string, Session>();
  /** The connection that has, or is about to have, the client id. */
  readonly #current = new Map<string, { connection: Connection; epoch: Epoch }>();
  readonly #delayedWills = new Map<string, DelayedWill>();
  readonly #connections = new Set<Connection>();
  #open = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Connections that have completed CONNECT. */
  get connected(): number {
    return this.#open;
  }

  /** Sessions that this node knows: its own, and in a cluster those that are away. */
  get size(): number {
    return this.#sessions.size + (this.#options.cluster?.vault.away ?? 0);
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** The session of a client id, if it is on this node. */
  session(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  /** Every connection, also those that have not sent CONNECT yet. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** The connections that have, or are about to have, a client id, with their claims. */
  *claims(): Generator<[clientId: string, epoch: Epoch]> {
    for (const [clientId, { epoch }] of this.#current) yield [clientId, epoch];
  }

  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
    const { clientId } = connection;
    if (
      connection.session === undefined &&
      this.#current.get(clientId)?.connection === connection
    ) {
      this.#current.delete(clientId);
    }
  }

  /**
   * Makes the connection the one of its client id, here and in the cluster, and gives it its
   * session. Resolves with undefined when a newer connection has come meanwhile, anywhere.
   * Rejects with BRAMBLE_ENGINE_UNAVAILABLE when a stored session cannot be read or written.
   */
  async open(
    connection: Connection,
    { cleanStart, expiry }: OpenOptions,
  ): Promise<{ session: Session; present: boolean } | undefined> {
    const { clientId } = connection;
    const { cluster, counters } = this.#options;
    const epoch = cluster?.ownership.nextEpoch() ?? ALONE;
    this.#displace(clientId, cleanStart);
    const mine = { connection, epoch };
    this.#current.set(clientId, mine);
    if (cluster === undefined) return this.#openHere(connection, { cleanStart, expiry });
    try {
      const { superseded, had } = await cluster.ownership.claim(clientId, epoch, cleanStart);
      if (superseded || !this.#stands(mine)) {
        counters.takeovers += superseded ? 1 : 0;
        return undefined;
      }
      const { vault } = cluster;
      const { user, will } = connection;
      const client = { clientId, user, will };
      const taken = await vault.take({ ...client, epoch, cleanStart, expiry, known: had });
      if (taken === undefined) return undefined;
      const { session, present } = taken;
      this.#authorize(session, connection);
      if (!this.#stands(mine)) {
        await vault.release(session, { will: undefined, cause: 'takeover' });
        return undefined;
      }
      this.#sessions.set(clientId, session);
      const waits: Promise<void>[] = [];
      for (const subscription of session.subscriptions.values()) {
        const effective = this.#options.router.subscribe(session, subscription);
        if (effective !== undefined) waits.push(effective);
      }
      await Promise.all(waits);
      this.#open++;
      if (!this.#stands(mine)) {
        connection.session = session;
        this.disconnected(connection, 'takeover');
        return undefined;
      }
      return { session, present };
    } finally {
      // Whoever did not get its session leaves no trace.
      if (connection.session === undefined && isClosed(connection)) this.forget(connection);
      if (isClosed(connection) && this.#current.get(clientId) === mine) {
        this.#current.delete(clientId);
      }
    }
  }

  /** A connection that had its session has ended. */
  disconnected(connection: Connection, cause: EndCause): void {
    const { session, clientId } = connection;
    this.#open--;
    if (this.#current.get(clientId)?.connection === connection) this.#current.delete(clientId);
    if (session === undefined || this.#sessions.get(clientId) !== session) return;
    if (session.outlet !== undefined && session.outlet !== connection) return;
    session.detach();
    // [MQTT-3.1.2-10]: DISCONNECT by the client takes the will away.
    const will = cause === 'client' ? undefined : connection.will;
    connection.will = undefined;
    const { cluster } = this.#options;
    if (cluster === undefined) {
      this.#stay(session, will);
      return;
    }
    this.#remove(session);
    void cluster.vault.release(session, { will, cause });
  }

  /** What another node's claim does here. Returns whether this node has a newer connection. */
  displacedBy(clientId: string, epoch: Epoch, cleanStart: boolean): boolean {
    const current = this.#current.get(clientId);
    if (current !== undefined && isLater(current.epoch, epoch)) return true;
    this.#displace(clientId, cleanStart);
    return false;
  }

  /** The store says that somebody else has the session: its connection here is of the past. */
  fenced(clientId: string, epoch: Epoch): void {
    const current = this.#current.get(clientId);
    if (current === undefined || isLater(current.epoch, epoch)) return;
    // Its client is elsewhere now, so its will is not due.
    current.connection.will = undefined;
    this.#displace(clientId, false);
  }

  /** Ends sessions and sends wills whose time has come. Called about twice a second. */
  sweep(): void {
    const now = Date.now();
    for (const [clientId, { will, at }] of this.#delayedWills) {
      if (at > now) continue;
      this.#delayedWills.delete(clientId);
      this.#options.publishWill(willMessage(will), clientId);
    }
    if (this.#options.cluster !== undefined) return;
    for (const session of this.#sessions.values()) {
      if (session.expiresAt === 0 || session.expiresAt > now) continue;
      this.#options.counters.expired++;
      this.#discard(session);
    }
  }

  /** The first record of each shard of the log that a session here still reads. */
  floor(shards: number, others: readonly Session[] = []): number[] {
    const floor = new Array<number>(shards).fill(Number.POSITIVE_INFINITY);
    for (const session of [...this.#sessions.values(), ...others]) {
      if (!session.isBehind) continue;
      for (const [shard, sequence] of session.cursor.sequences.entries()) {
        floor[shard] = Math.min(floor[shard] ?? sequence + 1, sequence + 1);
      }
    }
    return floor;
  }

  /** A broker that is alone keeps its sessions itself. */
  #openHere(
    connection: Connection,
    { cleanStart, expiry }: OpenOptions,
  ): { session: Session; present: boolean } {
    const { clientId } = connection;
    let session = this.#sessions.get(clientId);
    if (session !== undefined && cleanStart) {
      this.#discard(session);
      session = undefined;
    } else {
      // The session goes on, so a will that waits is not sent ([MQTT-3.1.3-9]).
      this.#delayedWills.delete(clientId);
    }
    const present = session !== undefined;
    if (session === undefined) {
      session = this.createSession(clientId);
      this.#sessions.set(clientId, session);
    }
    this.#authorize(session, connection);
    session.expiryInterval = expiry;
    session.expiresAt = 0;
    this.#open++;
    return { session, present };
  }

  createSession(clientId: string): Session {
    const { limits, events, pressure, log } = this.#options;
    return new Session({ clientId, limits, events, pressure, log });
  }

  #stands(mine: { connection: Connection }): boolean {
    const { connection } = mine;
    return this.#current.get(connection.clientId) === mine && !isClosed(connection);
  }

  #authorize(session: Session, { access, user }: Connection): void {
    const changed = session.access !== undefined && session.user !== user;
    session.access = access;
    session.user = user;
    if (changed) this.#options.router.invalidate();
  }

  /** The session waits here for its client. */
  #stay(session: Session, will: Will | undefined): void {
    const { expiryInterval, clientId } = session;
    session.expiresAt =
      expiryInterval === NEVER ? Number.POSITIVE_INFINITY : Date.now() + expiryInterval * 1000;
    if (will !== undefined) {
      const delay = Math.min(will.delay, expiryInterval);
      if (delay === 0) this.#options.publishWill(willMessage(will), clientId);
      else this.#delayedWills.set(clientId, { will, at: Date.now() + delay * 1000 });
    }
    if (expiryInterval === 0) this.#discard(session);
  }

  /** [MQTT-3.1.4-3], -2 in 3.1.1: the older connection is closed. */
  #displace(clientId: string, cleanStart: boolean): void {
    const current = this.#current.get(clientId);
    if (current === undefined) return;
    this.#current.delete(clientId);
    this.#options.counters.takeovers++;
    const { connection } = current;
    // The will of the old one: sent unless it waits and the session goes on (3.1.4, comment).
    if (cleanStart && connection.will !== undefined) connection.will.delay = 0;
    connection.disconnect(REASON.SESSION_TAKEN_OVER, 'takeover');
  }

  /** The session ends: a will that waits is sent now (MQTT 5, 3.1.2.5). */
  #discard(session: Session): void {
    const delayed = this.#delayedWills.get(session.clientId);
    if (delayed !== undefined) {
      this.#delayedWills.delete(session.clientId);
      this.#options.publishWill(willMessage(delayed.will), session.clientId);
    }
    this.#remove(session);
    session.subscriptions.clear();
    session.queue.clear();
    session.queuedBytes = 0;
    session.inflight.clear();
  }

  #remove(session: Session): void {
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    for (const filter of session.subscriptions.keys()) {
      this.#options.router.unsubscribe(session, filter);
    }
  }
}

/** Asked after each wait: the state changes meanwhile. */
function isClosed(connection: Connection): boolean {
  return connection.state === 'closed';
}
