import { type Epoch, isLater } from '../cluster/clock.ts';
import type { Ownership } from '../cluster/ownership.ts';
import { REASON } from '../codec/reason.ts';
import { type Will, willMessage } from '../codec/will.ts';
import type { Connection, EndCause } from '../connection/connection.ts';
import type { Counters } from '../counters.ts';
import type { Message } from '../message.ts';
import type { Pressure } from '../router/pressure.ts';
import type { Router } from '../router/router.ts';
import { NEVER, Session, type SessionEvents, type SessionLimits } from './session.ts';
import { exportSession, importSession } from './transfer.ts';

export interface RegistryOptions {
  limits: SessionLimits;
  counters: Counters;
  router: Router;
  events: SessionEvents;
  pressure: Pressure;
  /** Takes a will when its time has come. */
  publishWill: (message: Message, clientId: string) => void;
  /** The rest of the cluster; undefined where there is none. */
  ownership: Ownership | undefined;
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
 * newest. A client id that another node has is claimed there first.
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

  get size(): number {
    return this.#sessions.size;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Every connection, also those that have not sent CONNECT yet. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
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
   */
  async open(
    connection: Connection,
    { cleanStart, expiry }: OpenOptions,
  ): Promise<{ session: Session; present: boolean } | undefined> {
    const { clientId } = connection;
    const { ownership, counters } = this.#options;
    const epoch = ownership?.nextEpoch() ?? ALONE;
    this.#displace(clientId, cleanStart);
    const mine = { connection, epoch };
    this.#current.set(clientId, mine);
    let imported: Session | undefined;
    if (ownership !== undefined) {
      const claim = await ownership.claim(clientId, epoch, cleanStart);
      if (claim.superseded && this.#current.get(clientId) === mine) this.#current.delete(clientId);
      if (this.#current.get(clientId) !== mine || isClosed(connection)) {
        counters.takeovers += claim.superseded ? 1 : 0;
        return undefined;
      }
      if (claim.session !== undefined && !cleanStart) {
        imported = await this.#import(connection, claim.session);
        if (this.#current.get(clientId) !== mine || isClosed(connection)) {
          // The session is here now and waits for whoever comes next.
          if (this.#current.get(clientId) === mine) this.#current.delete(clientId);
          return undefined;
        }
      }
    }
    let session = imported ?? this.#sessions.get(clientId);
    if (session !== undefined && cleanStart) {
      this.#discard(session);
      session = undefined;
    } else {
      // The session goes on, so a will that waits is not sent ([MQTT-3.1.3-9]).
      this.#delayedWills.delete(clientId);
    }
    const present = session !== undefined;
    if (session === undefined) {
      session = this.#create(clientId);
    }
    this.#authorize(session, connection);
    session.expiryInterval = expiry;
    session.expiresAt = 0;
    this.#open++;
    return { session, present };
  }

  /** A connection that had its session has ended. */
  disconnected(connection: Connection, cause: EndCause): void {
    const { session, clientId, will } = connection;
    this.#open--;
    if (this.#current.get(clientId)?.connection === connection) this.#current.delete(clientId);
    if (session === undefined || session.outlet !== connection) return;
    session.outlet = undefined;
    connection.will = undefined;
    const { expiryInterval } = session;
    session.expiresAt = endOf(session);
    // [MQTT-3.1.2-10]: DISCONNECT by the client takes the will away.
    if (will !== undefined && cause !== 'client') {
      const delay = Math.min(will.delay, expiryInterval);
      if (delay === 0) this.#options.publishWill(willMessage(will), clientId);
      else this.#delayedWills.set(clientId, { will, at: Date.now() + delay * 1000 });
    }
    if (expiryInterval === 0) this.#discard(session);
  }

  /** What another node's claim does here. Returns whether this node has a newer connection. */
  displacedBy(clientId: string, epoch: Epoch, cleanStart: boolean): boolean {
    const current = this.#current.get(clientId);
    if (current !== undefined && isLater(current.epoch, epoch)) return true;
    this.#displace(clientId, cleanStart);
    return false;
  }

  /** The session as another node can take it over, or undefined where there is none. */
  export(clientId: string, cleanStart: boolean): Buffer | undefined {
    const session = this.#sessions.get(clientId);
    if (session === undefined) {
      return undefined;
    }
    if (cleanStart) {
      this.#discard(session);
      return undefined;
    }
    this.#delayedWills.delete(clientId);
    return exportSession(session);
  }

  /** The other node has it: what came meanwhile is the rest, and the session is gone here. */
  surrender(clientId: string): Buffer | undefined {
    const session = this.#sessions.get(clientId);
    if (session === undefined || session.outlet !== undefined) return undefined;
    const rest = exportSession(session);
    this.#remove(session);
    return rest;
  }

  /** Ends sessions and sends wills whose time has come. Called about twice a second. */
  sweep(): void {
    const now = Date.now();
    for (const [clientId, { will, at }] of this.#delayedWills) {
      if (at > now) continue;
      this.#delayedWills.delete(clientId);
      this.#options.publishWill(willMessage(will), clientId);
    }
    for (const session of this.#sessions.values()) {
      if (session.expiresAt !== 0 && session.expiresAt <= now) this.#discard(session);
    }
  }

  #authorize(session: Session, { access, user }: Connection): void {
    const changed = session.access !== undefined && session.user !== user;
    session.access = access;
    session.user = user;
    if (changed) this.#options.router.invalidate();
  }

  #create(clientId: string): Session {
    const { limits, events, pressure } = this.#options;
    const session = new Session(clientId, limits, events, pressure);
    this.#sessions.set(clientId, session);
    return session;
  }

  async #import(connection: Connection, transfer: SessionTransfer): Promise<Session> {
    const { clientId } = connection;
    const session = this.#sessions.get(clientId) ?? this.#create(clientId);
    const seen = importSession(session, transfer.state);
    // Permissions first: the router remembers who may receive a topic.
    this.#authorize(session, connection);
    session.expiresAt = endOf(session);
    const waits: Promise<void>[] = [];
    for (const subscription of session.subscriptions.values()) {
      const effective = this.#options.router.subscribe(session, subscription);
      if (effective !== undefined) waits.push(effective);
    }
    await Promise.all(waits);
    // From here on everything reaches this node; what the other one got until now is the rest.
    const rest = await transfer.finish();
    if (rest !== undefined) importSession(session, rest, seen);
    return session;
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
  }

  #remove(session: Session): void {
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    for (const filter of session.subscriptions.keys()) {
      this.#options.router.unsubscribe(session, filter);
    }
    session.subscriptions.clear();
    session.queue.clear();
    session.queuedBytes = 0;
    session.inflight.clear();
  }
}

/** When a session ends whose connection ends now, milliseconds since the epoch. */
function endOf({ expiryInterval }: Session): number {
  return expiryInterval === NEVER ? Number.POSITIVE_INFINITY : Date.now() + expiryInterval * 1000;
}

/** Asked after each wait: the state changes meanwhile. */
function isClosed(connection: Connection): boolean {
  return connection.state === 'closed';
}

/** A session on its way from another node. */
export interface SessionTransfer {
  state: Buffer;
  /** Ends it there; resolves with what came in there since `state`. */
  finish(): Promise<Buffer | undefined>;
}
