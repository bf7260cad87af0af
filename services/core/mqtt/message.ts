import { clusterTime } from '../cluster-time.ts';
import type { LogPosition } from '../message-log/position.ts';
import { encodePublish, type PublishFrame } from './publish-encode.ts';

export type Qos = 0 | 1 | 2;

/** Protocol level of CONNECT: 3 = MQTT 3.1, 4 = 3.1.1, 5 = 5.0. */
export type MqttVersion = 3 | 4 | 5;

export const NO_BYTES: Buffer = Buffer.alloc(0);

/** Slots of the frame cache: (plain or MQTT 5) × QoS × retain flag. */
const FRAME_SLOTS = 12;

/**
 * One publication on its way through a node. It keeps the bytes that it came in, and each form in
 * which it leaves is encoded once, however many subscribers take it.
 *
 * `properties` are the MQTT 5 properties that travel end to end, as bytes and without their length:
 * payload format, content type, response topic, correlation data, user properties
 * ([MQTT-3.3.2-4], -15, -16, -17, -20). Expiry travels as a point in time.
 */
export class Message {
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  properties: Buffer;
  /** Milliseconds since the epoch; 0 = never. */
  readonly expiresAt: number;
  /** Node that took it from its publisher, and its number there: together an id in the cluster. */
  origin = '';
  sequence = 0;
  /** Client id of the publisher; '' when it came from another node or from the broker itself. */
  publisher = '';
  /** Packet identifier that a QoS 2 publisher gave it ([MQTT-2.2.1-3]); 0 = none. */
  packetId = 0;
  /** Time of the claim by which its publisher had its session; 0 = none that outlives its node. */
  publisherEpoch = 0;
  /** Where it stands in the log; undefined for QoS 0 and for what did not come from the log. */
  position: LogPosition | undefined;
  /** The topic's UTF-8 bytes, where somebody has them; shared and never changed. */
  topicBytes: Buffer | undefined;
  /** From `#payloadAt` on; cut to that when somebody asks for it. */
  #payload: Buffer;
  #payloadAt: number;
  /** The frame that it came in, and which slot of the cache it would be in; -1 = none. */
  #own: PublishFrame | undefined;
  #ownSlot = -1;
  #frames: (PublishFrame | undefined)[] | undefined;
  #framesExpiry = 0;
  #detached = false;

  /** `payload` is what stands from `payloadAt` on. */
  constructor(
    topic: string,
    qos: Qos,
    retain: boolean,
    payload: Buffer,
    properties: Buffer = NO_BYTES,
    expiresAt = 0,
    payloadAt = 0,
  ) {
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.#payload = payload;
    this.#payloadAt = payloadAt;
    this.properties = properties;
    this.expiresAt = expiresAt;
  }

  get payload(): Buffer {
    if (this.#payloadAt > 0) {
      this.#payload = this.#payload.subarray(this.#payloadAt);
      this.#payloadAt = 0;
    }
    return this.#payload;
  }

  get payloadLength(): number {
    return this.#payload.length - this.#payloadAt;
  }

  /** Bytes that keeping this message costs, roughly. */
  get size(): number {
    return this.payloadLength + this.properties.length + 2 * this.topic.length + 128;
  }

  expired(now: number): boolean {
    return this.expiresAt !== 0 && this.expiresAt <= now;
  }

  /** Gives the cache a frame that is already in the right form: the one that came in. */
  adoptFrame(frame: PublishFrame, v5: boolean): void {
    this.#own = frame;
    this.#ownSlot = slot(v5, this.qos, false);
  }

  /** The PUBLISH for a subscriber without subscription identifiers and aliases. */
  frame(v5: boolean, qos: Qos, retain: boolean): PublishFrame {
    const index = slot(v5, qos, retain);
    if (index === this.#ownSlot) return this.#own!;
    let remaining = 0;
    if (v5 && this.expiresAt !== 0) {
      remaining = remainingSeconds(this.expiresAt);
      if (remaining !== this.#framesExpiry) this.#frames = undefined;
      this.#framesExpiry = remaining;
    }
    this.#frames ??= new Array<PublishFrame | undefined>(FRAME_SLOTS);
    const known = this.#frames[index];
    if (known !== undefined) return known;
    const made = encodePublish(this, { v5, qos, retain, remaining });
    this.#frames[index] = made;
    return made;
  }

  /**
   * Copies what still points into a socket's read buffer, so that a small message that waits does
   * not hold 64 KiB. Called by whoever keeps the message beyond this turn of the event loop.
   */
  detach(): this {
    if (this.#detached) return this;
    this.#detached = true;
    this.#payload = Buffer.from(this.payload);
    if (this.properties.length > 0) this.properties = Buffer.from(this.properties);
    this.#own = undefined;
    this.#ownSlot = -1;
    this.#frames = undefined;
    return this;
  }
}

/** What tells a message from all others in the cluster. */
export function messageKey({ origin, sequence }: Message): string {
  return `${origin}\0${sequence}`;
}

/** [MQTT-3.8.4-8]: the lower of the message's and the subscription's. */
export function lowerQos(a: Qos, b: Qos): Qos {
  return a < b ? a : b;
}

/** MQTT 5, 3.3.2.3.3: the expiry interval sent is the received one minus the time waited. */
export function remainingSeconds(expiresAt: number): number {
  return Math.max(1, Math.ceil((expiresAt - clusterTime.now()) / 1000));
}

function slot(v5: boolean, qos: Qos, retain: boolean): number {
  return (v5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0);
}
