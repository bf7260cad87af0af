import { clusterTime } from '#core/cluster-time.ts';
import type { Cursor } from '#core/message-log/cursor.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import type { Message, Qos } from '#core/mqtt/message.ts';
import type { AccessList } from '../auth/acl.ts';
import { Backlog, type Pressure } from '../router/pressure.ts';
import { Echoes } from './echoes.ts';
import { Incoming } from './incoming.ts';
import { LogBacklog, type SessionLog } from './log-backlog.ts';
import type {
  Handover,
  Inflight,
  Outgoing,
  SessionEvents,
  SessionJournal,
  SessionLimits,
  SessionOutlet,
} from './outgoing.ts';
import { Queue } from './queue.ts';
import type { Subscription } from './subscription.ts';

/** Session expiry interval that means never (MQTT 5, 3.1.2.11.2), seconds. */
export const NEVER = 0xffff_ffff;

export interface SessionOptions {
  clientId: string;
  limits: SessionLimits;
  events: SessionEvents;
  pressure: Pressure;
  log: SessionLog;
}

const PACKET_ID_MAX = 65_535;

/**
 * What a client id owns beyond a connection (MQTT 5, 4.1): subscriptions, what is in flight, and
 * a place in the log. It never holds copies of messages: as long as it keeps up it is handed each
 * one as the node reads the log, and when it does not, or is away, it reads on from its own place.
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
  /** Set while its state is kept beyond this process. */
  journal: SessionJournal | undefined;
  /** Sent and not acknowledged, by packet identifier, in the order of sending. */
  readonly inflight = new Map<number, Inflight>();
  /** Retained and shared messages that wait: they are not read from the log. */
  readonly queue = new Queue<Outgoing>();
  queuedBytes = 0;
  readonly incoming = new Incoming();
  /** Time of the claim by which this broker has it; 0 for one that does not outlive its node. */
  epoch = 0;
  /** Whether its client publishes with QoS 2: then more is to be done when its node dies. */
  exactlyOnce = false;
  /** Packet identifier given last. */
  lastId = 0;
  readonly echoes = new Echoes();
  readonly #limits: SessionLimits;
  readonly #events: SessionEvents;
  readonly #pressured: Backlog;
  readonly #behind: LogBacklog;
  #inflightBytes = 0;
  /** In flight, and not sent until their identifiers are saved. */
  #unsaved = 0;

  constructor({ clientId, limits, events, pressure, log }: SessionOptions) {
    this.clientId = clientId;
    this.#limits = limits;
    this.#events = events;
    this.#pressured = new Backlog(pressure, limits.messages);
    this.#behind = new LogBacklog(this, log, (lost) => events.dropped(clientId, 'retention', lost));
  }

  /** Where in the log it stands: everything before was delivered or is in flight. */
  get cursor(): Cursor {
    return this.#behind.cursor;
  }

  /** How much of the record after the cursor was delivered as well; undefined = nothing. */
  get partial(): LogPosition | undefined {
    return this.#behind.partial;
  }

  /** Whether it reads the log on its own, since it was away or is slow. */
  get isBehind(): boolean {
    return this.#behind.active;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  /** Takes a message that was just read from the log, or one with QoS 0. Never waits. */
  deliver(message: Message, qos: Qos, retain: boolean, ids: readonly number[] | undefined): void {
    const outlet = this.outlet;
    if (this.echoes.has(message)) return;
    if (qos === 0) {
      this.deliverOnce(message, retain, ids);
      return;
    }
    if (message.position === undefined) {
      this.enqueue({ message, qos, retain, ids });
      return;
    }
    if (this.#behind.active) {
      if (outlet !== undefined) this.#pressured.update(this.#behind.delay);
      return;
    }
    if (this.#admits(outlet)) this.#track(outlet!, { message, qos, retain, ids });
    else this.#behind.from(message.position);
  }

  /** Takes a message with QoS 0, which is not kept: who is away or slow loses its own. */
  deliverOnce(message: Message, retain: boolean, ids: readonly number[] | undefined): void {
    const outlet = this.outlet;
    if (outlet === undefined) return;
    if (!outlet.ready) this.#events.dropped(this.clientId, 'slow');
    else this.#write(outlet, { message, qos: 0, retain, ids }, 0, false);
  }

  /** Takes a retained message, which is there whatever the log says. Never waits. */
  deliverRetained(message: Message, qos: Qos, ids: readonly number[] | undefined): void {
    if (qos === 0) this.deliverOnce(message, true, ids);
    else this.enqueue({ message, qos, retain: true, ids });
  }

  /** Takes a message that is not read from the log: a retained or a shared one. Never waits. */
  enqueue(outgoing: Outgoing): boolean {
    const outlet = this.outlet;
    if (this.queue.length === 0 && this.#admits(outlet)) {
      this.#track(outlet!, outgoing);
      return true;
    }
    const { messages, bytes } = this.#limits;
    const size = outgoing.message.size;
    if (this.queue.length >= messages || this.queuedBytes + size > bytes) {
      this.#events.dropped(this.clientId, 'queue-full');
      outlet?.overflow();
      return false;
    }
    this.queuedBytes += size;
    outgoing.message.detach();
    this.queue.push(outgoing);
    // Only a client that is there can catch up.
    if (outlet !== undefined) this.#pressured.update(this.queue.length);
    return true;
  }

  /** As read again from the log: false when the client takes no more now. */
  deliverRead(outgoing: Outgoing): boolean {
    if (!this.#admits(this.outlet)) return false;
    if (outgoing.message.expired(clusterTime.now())) this.#events.dropped(this.clientId, 'expired');
    else this.#track(this.outlet!, outgoing);
    return true;
  }

  /** From now on it reads the log by itself, from `cursor`. */
  resumeAt(cursor: Cursor, partial: LogPosition | undefined): void {
    this.#behind.resume(cursor, partial);
  }

  /** After each change of the subscriptions: what has to be waited for before it is confirmed. */
  subscriptionsChanged(): Promise<void> | undefined {
    this.#behind.invalidate();
    return this.journal?.subscribed();
  }

  /** The connection is gone: what comes from now on is for later. */
  detach(): void {
    this.outlet = undefined;
    this.#handBack();
    if (!this.#behind.active) this.#behind.here();
    this.#behind.pause();
  }

  /** Sends what waits, as far as the window and the socket go. */
  pump(): void {
    const outlet = this.outlet;
    if (outlet === undefined) return;
    const now = clusterTime.now();
    while (this.queue.length > 0 && this.#admits(outlet)) {
      const next = this.queue.shift()!;
      this.queuedBytes -= next.message.size;
      if (!next.message.expired(now)) this.#track(outlet, next);
      else {
        this.#events.dropped(this.clientId, 'expired');
        next.told?.done();
      }
    }
    if (this.queue.length === 0) this.#behind.pump();
    this.#pressured.update(Math.max(this.queue.length, this.#behind.delay));
  }

  /** PUBACK or PUBCOMP. Returns false for an unknown identifier. */
  acknowledge(packetId: number): boolean {
    const entry = this.inflight.get(packetId);
    if (entry === undefined) return false;
    this.#forget(packetId, entry);
    this.journal?.touch();
    if (this.queue.length > 0 || this.#behind.active) this.pump();
    return true;
  }

  /**
   * PUBREC without an error; `proceed` is called when PUBREL may go, which is once that is saved
   * for a session that outlives its node. Returns false for an unknown identifier.
   */
  release(packetId: number, proceed: () => void): boolean {
    const entry = this.inflight.get(packetId);
    if (entry === undefined) return false;
    if (entry.released || this.journal === undefined) {
      entry.released = true;
      proceed();
      return true;
    }
    entry.released = true;
    this.journal.urgent(proceed);
    return true;
  }

  /** PUBREL; `proceed` as with release. Returns whether the identifier was known. */
  receivedRelease(packetId: number, proceed: () => void): boolean {
    const { journal } = this;
    const known = this.incoming.release(packetId, journal !== undefined);
    if (known && journal !== undefined) journal.urgent(proceed);
    else proceed();
    return known;
  }

  /** Takes over what another node had in flight. */
  restore(packetId: number, entry: Inflight): void {
    this.inflight.set(packetId, entry);
    this.#inflightBytes += entry.released ? 0 : entry.message.size;
  }

  /** Sends again what the last connection left open, in its order ([MQTT-4.4.0-1], [MQTT-4.6.0-1]). */
  resend(): void {
    const outlet = this.outlet;
    if (outlet === undefined) return;
    for (const [packetId, entry] of this.inflight) {
      if (entry.released) outlet.sendRelease(packetId);
      // An identifier that nobody may know yet is saved before it is sent.
      else if (!entry.sent) this.#send(packetId, entry);
      else this.#write(outlet, entry, packetId, true);
    }
    this.pump();
  }

  /** Shared messages that its client has not acknowledged are for other members now. */
  #handBack(): void {
    const back: Handover[] = [];
    for (const [packetId, { told, message }] of this.inflight) {
      if (told === undefined) continue;
      this.inflight.delete(packetId);
      this.#inflightBytes -= message.size;
      back.push(told);
    }
    for (const { told, message } of this.queue.extract(({ told: one }) => one !== undefined)) {
      this.queuedBytes -= message.size;
      back.push(told!);
    }
    for (const told of back) told.handBack();
  }

  #admits(outlet: SessionOutlet | undefined): boolean {
    return (
      outlet?.ready === true &&
      this.inflight.size < outlet.window &&
      this.#inflightBytes < this.#limits.bytes
    );
  }

  #track(outlet: SessionOutlet, outgoing: Outgoing): void {
    if (outgoing.qos === 0) {
      this.#write(outlet, outgoing, 0, false);
      outgoing.told?.done();
      return;
    }
    const packetId = this.#freeId();
    const { message, qos, retain, ids, told } = outgoing;
    const entry: Inflight = {
      message: message.detach(),
      qos,
      retain,
      ids,
      told,
      released: false,
      sent: false,
    };
    this.inflight.set(packetId, entry);
    this.#inflightBytes += message.size;
    this.#send(packetId, entry);
  }

  /**
   * QoS 2 of a session that outlives its node: another node must know the identifier first. What
   * comes behind such a message waits with it, so that nothing is overtaken.
   */
  #send(packetId: number, entry: Inflight): void {
    const { journal, outlet } = this;
    if (journal === undefined || (entry.qos === 1 && this.#unsaved === 0)) {
      this.#sendNow(outlet!, entry, packetId);
      journal?.touch();
      return;
    }
    this.#unsaved++;
    journal.urgent(() => {
      this.#unsaved--;
      const now = this.outlet;
      if (now === undefined || entry.sent || this.inflight.get(packetId) !== entry) return;
      this.#sendNow(now, entry, packetId);
    });
  }

  #sendNow(outlet: SessionOutlet, entry: Inflight, packetId: number): void {
    entry.sent = true;
    const { told } = entry;
    if (entry.qos === 2 && told !== undefined) {
      // MQTT 5, 4.8.2: once begun, a QoS 2 delivery is this session's to complete.
      entry.told = undefined;
      told.done();
    }
    this.#write(outlet, entry, packetId, false);
  }

  #write(outlet: SessionOutlet, outgoing: Outgoing, packetId: number, dup: boolean): void {
    if (outlet.send(outgoing, packetId, dup)) return;
    this.#events.dropped(this.clientId, 'too-large');
    const entry = this.inflight.get(packetId);
    if (packetId > 0 && entry !== undefined) this.#forget(packetId, entry);
  }

  #forget(packetId: number, entry: Inflight): void {
    this.inflight.delete(packetId);
    this.#inflightBytes -= entry.message.size;
    entry.told?.done();
  }

  #freeId(): number {
    let id = this.lastId;
    do id = id === PACKET_ID_MAX ? 1 : id + 1;
    while (this.inflight.has(id));
    this.lastId = id;
    return id;
  }
}
