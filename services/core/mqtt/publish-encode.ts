import type { Message, Qos } from './message.ts';
import { varintLength, writeVarint } from './varint.ts';

/** An encoded PUBLISH; the packet identifier is written over the bytes at `idOffset`. */
export interface PublishFrame {
  bytes: Buffer;
  /** 0 = QoS 0, no packet identifier. */
  idOffset: number;
}

export interface PublishForm {
  v5: boolean;
  qos: Qos;
  retain: boolean;
  /** Message expiry interval, seconds; 0 = none. */
  remaining: number;
  /** Identifiers of all subscriptions that match ([MQTT-3.3.4-4]). */
  subscriptionIds?: readonly number[];
  /** Topic alias to send, and whether the topic itself goes with it. */
  alias?: number;
  withTopic?: boolean;
}

const PUBLISH = 0x30;
const RETAIN_BIT = 0x01;
const MESSAGE_EXPIRY = 0x02;
const SUBSCRIPTION_ID = 0x0b;
const TOPIC_ALIAS = 0x23;

/** Encodes a PUBLISH (MQTT 3.1.1 and 5, 3.3) with DUP 0 and packet identifier 0. */
export function encodePublish(message: Message, form: PublishForm): PublishFrame {
  const { v5, qos, retain, remaining, subscriptionIds, alias = 0, withTopic = true } = form;
  const topicBytes = message.topicBytes ?? Buffer.from(message.topic);
  const topicLength = withTopic ? topicBytes.length : 0;
  let propertiesLength = 0;
  if (v5) {
    propertiesLength = message.properties.length;
    if (remaining > 0) propertiesLength += 5;
    if (alias > 0) propertiesLength += 3;
    for (const id of subscriptionIds ?? []) propertiesLength += 1 + varintLength(id);
  }
  const bodyLength =
    2 +
    topicLength +
    (qos > 0 ? 2 : 0) +
    (v5 ? varintLength(propertiesLength) + propertiesLength : 0) +
    message.payload.length;
  const bytes = Buffer.allocUnsafe(1 + varintLength(bodyLength) + bodyLength);
  bytes[0] = PUBLISH | (qos << 1) | (retain ? RETAIN_BIT : 0);
  let at = writeVarint(bytes, bodyLength, 1);
  bytes[at++] = topicLength >>> 8;
  bytes[at++] = topicLength & 0xff;
  if (withTopic) bytes.set(topicBytes, at);
  at += topicLength;
  let idOffset = 0;
  if (qos > 0) {
    idOffset = at;
    bytes[at++] = 0;
    bytes[at++] = 0;
  }
  if (v5) {
    at = writeVarint(bytes, propertiesLength, at);
    if (remaining > 0) {
      bytes[at++] = MESSAGE_EXPIRY;
      at = bytes.writeUInt32BE(remaining, at);
    }
    if (alias > 0) {
      bytes[at++] = TOPIC_ALIAS;
      at = bytes.writeUInt16BE(alias, at);
    }
    for (const id of subscriptionIds ?? []) {
      bytes[at++] = SUBSCRIPTION_ID;
      at = writeVarint(bytes, id, at);
    }
    if (message.properties.length > 0) at += message.properties.copy(bytes, at);
  }
  message.payload.copy(bytes, at);
  return { bytes, idOffset };
}
