import type { AccessList } from '../auth/acl.ts';
import type { Message, Qos } from '../message.ts';
import { Backlog, type Pressure } from '../router/pressure.ts';
import { Queue } from './queue.ts';
import type { Subscription } from './subscription.ts';

/** Session expiry interval that means never (MQTT 5, 3.1.2.11.2), seconds. */
export const NEVER = 0xffff_ffff;

/** A message on its way to one session. */
export interface Outgoing {
  message: Message;
  qos: Qos;
  retain: boolean;
  /** Identifiers of the subscriptions that match; undefined = none. */
  ids: readonly number[] | undefined;
}

/** An Outgoing with QoS 1 or 2 that has its packet identifier. */
export interface Inflight extends Outgoing {
  /** QoS 2: PUBREC has come, PUBREL is out. The message itself is no longer needed. */
  released: boolean;
}

/** The part of a live connection that a session writes to. */
export interface SessionOutlet {
  /** QoS 1 and 2 that the client takes at a time (its Receive Maximum). */
  readonly window: number;
  /** Whether its socket keeps up. */
  readonly ready: boolean;
  /** Writes a PUBLISH; false when it is too large for this client and counts as delivered. */
  send(outgoing: Outgoing, packetId: number, dup: boolean): boolean;
  sendRelease(packetId: number): void;
  /** The session can hold no more: the connection must go. */
  overflow(): void;
}

export interface SessionLimits {
  /** Messages that wait for one session. */
  messages: number;
  /** Bytes of them. */
  bytes: number;
}

export interface SessionEvents {
  /** A message could not be kept or sent: too slow, too large, expired. */
  dropped: (clientId: string, why: DropReason) => void;
}

export type DropReason = 'queue-full' | 'too-large' | 'expired' | 'slow';

const PACKET_ID_MAX = 65_535;
/** How long a message may take from one node to another, milliseconds. */
const TRANSFER_ECHO = 3_000;

/** What tells a message from all others in the cluster. */
export function messageKey({ origin, sequence }: Message): string {
  return `${origin}\0${sequence}`;
}

/**
 * What a client id owns beyond a connection (MQTT 5, 4.1): subscriptions, messages that wait or
 * are not acknowledged yet, QoS 2 identifiers. It lives in this process's memory: it moves to
 * another node when its client does, but a node that dies takes its sessions with it.
 */
export class Session {
  readonly clientId: string;
  /** User name under which it was opened; '' for anonymous. */
  user = '';
  /** What its client may read; set by each connection and by a reload. */
  access: AccessList | undefined;
  readonly subscriptions = new Map<string, Subscription>();
  /** Seconds from the end of the connection; 0 = ends with it, NEVER. */
  expiryInterval = 0;
  /** When the session ends, milliseconds since the epoch; 0 while connected. */
  expiresAt = 0;
  outlet: SessionOutlet | undefined;
  /** Sent and not acknowledged, by packet identifier, in the order of sending. */
  readonly inflight = new Map<number, Inflight>();
  readonly queue = new Queue<Outgoing>();
  queuedBytes = 0;
  /** Packet identifiers of received QoS 2 messages that wait for PUBREL ([MQTT-4.3.3-2]). */
  readonly received = new Set<number>();
  /** Packet identifier given last. */
  lastId = 0;
  /** During a transfer: how many at the head of the queue came with its first part. */
  imported = 0;
  readonly #limits: SessionLimits;
  readonly #events: SessionEvents;

  readonly #backlog: Backlog;
  #transferred: ReadonlySet<string> | undefined;

  constructor(clientId: string, limits: SessionLimits, events: SessionEvents, pressure: Pressure) {
    this.clientId = clientId;
    this.#limits = limits;
    this.#events = events;
    this.#backlog = new Backlog(pressure, limits.messages);
  }

  /** Takes a routed message: sends it, keeps it, or drops it and counts that. Never waits. */
  deliver(message: Message, qos: Qos, retain: boolean, ids: readonly number[] | undefined): void {
    const outlet = this.outlet;
    if (this.#transferred?.has(messageKey(message)) === true) return;
    if (qos === 0) {
      // QoS 0 is not kept for a session that is away; a slow one loses its own.
      if (outlet === undefined) return;
      if (!outlet.ready) this.#events.dropped(this.clientId, 'slow');
      else this.#send(outlet, { message, qos, retain, ids }, 0);
      return;
    }
    if (outlet?.ready === true && this.queue.length === 0 && this.inflight.size < outlet.window) {
      const outgoing: Inflight = { message: message.detach(), qos, retain, ids, released: false };
      this.#sendTracked(outlet, outgoing);
      return;
    }
    const { messages, bytes } = this.#limits;
    const size = message.size;
    if (this.queue.length >= messages || this.queuedBytes + size > bytes) {
      this.#events.dropped(this.clientId, 'queue-full');
      outlet?.overflow();
      return;
    }
    this.queuedBytes += size;
    this.queue.push({ message: message.detach(), qos, retain, ids });
    // Only a client that is there can catch up.
    if (outlet !== undefined) this.#backlog.update(this.queue.length);
  }

  /** For a while, drops what came with a transfer and arrives by the ordinary way too. */
  ignoreAgain(keys: ReadonlySet<string>): void {
    this.#transferred = keys;
    setTimeout(() => {
      if (this.#transferred === keys) this.#transferred = undefined;
    }, TRANSFER_ECHO).unref();
  }

  /** Appends what another node kept for it; that node's bounds were the same as ours. */
  requeue(outgoing: Outgoing): void {
    this.queuedBytes += outgoing.message.size;
    this.queue.push(outgoing);
  }

  /** Sends what waits, as far as the window and the socket go. */
  pump(): void {
    const outlet = this.outlet;
    if (outlet === undefined) return;
    const now = Date.now();
    while (this.queue.length > 0 && outlet.ready && this.inflight.size < outlet.window) {
      const next = this.queue.shift()!;
      this.queuedBytes -= next.message.size;
      if (next.message.expired(now)) this.#events.dropped(this.clientId, 'expired');
      else this.#sendTracked(outlet, { ...next, released: false });
    }
    this.#backlog.update(this.queue.length);
  }

  /** PUBACK or PUBCOMP. Returns false for an unknown identifier. */
  acknowledge(packetId: number): boolean {
    const known = this.inflight.delete(packetId);
    if (known && this.queue.length > 0) this.pump();
    return known;
  }

  /** PUBREC without an error. Returns false for an unknown identifier. */
  release(packetId: number): boolean {
    const entry = this.inflight.get(packetId);
    if (entry === undefined) return false;
    entry.released = true;
    return true;
  }

  /** Sends again what the last connection left open, in its order ([MQTT-4.4.0-1], [MQTT-4.6.0-1]). */
  resend(): void {
    const outlet = this.outlet;
    if (outlet === undefined) return;
    for (const [packetId, entry] of this.inflight) {
      if (entry.released) outlet.sendRelease(packetId);
      else if (!outlet.send(entry, packetId, true)) this.inflight.delete(packetId);
    }
    this.pump();
  }

  #sendTracked(outlet: SessionOutlet, outgoing: Inflight): void {
    const packetId = this.#freeId();
    if (this.#send(outlet, outgoing, packetId)) this.inflight.set(packetId, outgoing);
  }

  #send(outlet: SessionOutlet, outgoing: Outgoing, packetId: number): boolean {
    if (outlet.send(outgoing, packetId, false)) return true;
    this.#events.dropped(this.clientId, 'too-large');
    return false;
  }

  #freeId(): number {
    let id = this.lastId;
    do id = id === PACKET_ID_MAX ? 1 : id + 1;
    while (this.inflight.has(id));
    this.lastId = id;
    return id;
  }
}
