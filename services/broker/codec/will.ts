import type { IConnectPacket } from 'mqtt-packet';
import { Message, NO_BYTES, type Qos } from '../message.ts';

/** A will as it waits: its expiry begins when it is published (MQTT 5, 3.1.3.2.4). */
export interface Will {
  topic: string;
  qos: Qos;
  retain: boolean;
  payload: Buffer;
  properties: Buffer;
  /** Seconds; 0 = none. */
  expiry: number;
  /** Will delay interval, seconds. */
  delay: number;
}

type PacketWill = NonNullable<IConnectPacket['will']>;

export function willOf(will: PacketWill): Will {
  const p = will.properties;
  return {
    topic: will.topic,
    qos: will.qos ?? 0,
    retain: will.retain ?? false,
    payload: Buffer.from(will.payload),
    properties: encodeWillProperties(p),
    expiry: p?.messageExpiryInterval ?? 0,
    delay: p?.willDelayInterval ?? 0,
  };
}

export function willMessage(will: Will): Message {
  const expiresAt = will.expiry > 0 ? Date.now() + will.expiry * 1000 : 0;
  return new Message(will.topic, will.qos, will.retain, will.payload, will.properties, expiresAt);
}

/** The properties that a will shares with a PUBLISH, as bytes (MQTT 5, 3.1.3.2). */
function encodeWillProperties(properties: PacketWill['properties']): Buffer {
  if (properties === undefined) return NO_BYTES;
  const parts: Buffer[] = [];
  const bytes = (id: number, ...values: (string | Buffer)[]): void => {
    parts.push(Buffer.from([id]));
    for (const value of values) {
      const data = Buffer.from(value as string);
      const length = Buffer.allocUnsafe(2);
      length.writeUInt16BE(data.length);
      parts.push(length, data);
    }
  };
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = properties;
  if (payloadFormatIndicator !== undefined) {
    parts.push(Buffer.from([0x01, payloadFormatIndicator ? 1 : 0]));
  }
  if (contentType !== undefined) bytes(0x03, contentType);
  if (responseTopic !== undefined) bytes(0x08, responseTopic);
  if (correlationData !== undefined) bytes(0x09, correlationData);
  for (const [name, value] of Object.entries(properties.userProperties ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) bytes(0x26, name, one);
  }
  return parts.length === 0 ? NO_BYTES : Buffer.concat(parts);
}
