import type { Endpoint } from './cluster-lab.ts';
import { Reconnecting } from './faults/reconnecting.ts';
import type { Rotation } from './faults/rotation.ts';
import type { AnyPacket } from './faults/wire.ts';

export interface PublisherOptions {
  id: string;
  qos: 1 | 2;
  version: 4 | 5;
  topic: string;
  /** Messages a second. */
  rate: number;
  rotation: Rotation;
  home: Endpoint;
  /** Bytes of a payload: the message's number, filled up with dots. */
  payload?: number;
}

/** One message, and what became of it. Times are of performance.now(), milliseconds. */
export interface Sent {
  /** When it should have been sent: a publisher that is held up is late, not idle. */
  readonly due: number;
  /** PUBACK or PUBREC without an error: from then on the cluster answers for it. 0 = not yet. */
  acknowledged: number;
  /** Reason code of a refusal; 0 = none. */
  refused: number;
}

const TICK = 10;
const WINDOW = 100;
const SESSION_EXPIRY = 3_600;
const PACKET_ID_MAX = 65_535;

/**
 * A correct publisher (MQTT 4.4): after a reconnect it sends again what was not acknowledged, with
 * DUP and the same packet identifiers, in order, and PUBREL where PUBREC had come.
 */
export class Publisher {
  readonly options: PublisherOptions;
  /** By message number. */
  readonly sent: Sent[] = [];
  /** Reconnects that found no session. */
  sessionsLost = 0;
  readonly #client: Reconnecting;
  readonly #inflight = new Map<number, { number: number; released: boolean }>();
  #timer: NodeJS.Timeout | undefined;
  #from = 0;
  #next = 0;
  #lastId = 0;
  #producing = false;
  #known = false;

  constructor(options: PublisherOptions) {
    this.options = options;
    const { id: clientId, version, rotation, home } = options;
    this.#client = new Reconnecting(
      { clientId, version, clean: false, expiry: SESSION_EXPIRY, rotation, home },
      {
        onConnack: (present) => this.#onConnack(present),
        onPacket: (packet) => this.#onPacket(packet),
      },
    );
  }

  get connection(): Reconnecting {
    return this.#client;
  }

  get acknowledged(): number {
    return this.sent.reduce((sum, { acknowledged }) => sum + (acknowledged > 0 ? 1 : 0), 0);
  }

  /** Everything is acknowledged or refused, and every handshake complete. */
  get settled(): boolean {
    return this.#next === this.sent.length && this.#inflight.size === 0;
  }

  connect(): void {
    this.#client.start();
  }

  get connected(): boolean {
    return this.#client.open;
  }

  produce(): void {
    this.#producing = true;
    this.#from = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Makes no more messages; what is made goes on to be sent. */
  finish(): void {
    this.#producing = false;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#client.leave();
  }

  #tick(): void {
    const { rate } = this.options;
    const now = performance.now();
    const due = Math.floor(((now - this.#from) * rate) / 1_000);
    while (this.#producing && this.sent.length < due) {
      const at = this.#from + ((this.sent.length + 1) * 1_000) / rate;
      this.sent.push({ due: at, acknowledged: 0, refused: 0 });
    }
    this.#pump();
  }

  #pump(): void {
    while (this.#client.open && this.#next < this.sent.length && this.#inflight.size < WINDOW) {
      const number = this.#next++;
      do this.#lastId = this.#lastId === PACKET_ID_MAX ? 1 : this.#lastId + 1;
      while (this.#inflight.has(this.#lastId));
      this.#inflight.set(this.#lastId, { number, released: false });
      this.#publish(this.#lastId, number, false);
    }
  }

  #publish(messageId: number, number: number, dup: boolean): void {
    const { qos, topic, payload = 0 } = this.options;
    const text = String(number).padEnd(payload, '.');
    this.#client.send({ cmd: 'publish', topic, payload: text, qos, messageId, dup, retain: false });
  }

  #onConnack(present: boolean): void {
    const lost = this.#known && !present;
    this.#known = true;
    if (lost) this.sessionsLost++;
    for (const [messageId, { number, released }] of this.#inflight) {
      if (!released) this.#publish(messageId, number, !lost);
      else if (!lost) this.#client.send({ cmd: 'pubrel', messageId });
      // Without its session the server has forgotten the handshake; the message was acknowledged.
      else this.#inflight.delete(messageId);
    }
    this.#pump();
  }

  #onPacket(packet: AnyPacket): void {
    const { cmd, messageId } = packet;
    const reason = Number(packet.reasonCode ?? 0);
    const entry = this.#inflight.get(messageId);
    if (entry === undefined) return;
    const record = this.sent[entry.number]!;
    if (cmd === 'puback' || (cmd === 'pubrec' && reason >= 0x80)) {
      this.#inflight.delete(messageId);
      if (reason >= 0x80) record.refused = reason;
      else record.acknowledged ||= performance.now();
    } else if (cmd === 'pubrec') {
      entry.released = true;
      record.acknowledged ||= performance.now();
      this.#client.send({ cmd: 'pubrel', messageId });
    } else if (cmd === 'pubcomp') {
      this.#inflight.delete(messageId);
    }
    this.#pump();
  }
}
