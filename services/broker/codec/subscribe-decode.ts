import type { MqttVersion, Qos } from '#core/mqtt/message.ts';
import { malformed, PacketReader } from './packet-reader.ts';
import { readProperties } from './properties.ts';
import { ProtocolFault, REASON } from './reason.ts';

/** One filter of a SUBSCRIBE with its options (MQTT 5, 3.8.3.1). */
export interface SubscribeRequest {
  filter: string;
  qos: Qos;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
}

export interface SubscribePacket {
  packetId: number;
  /** Subscription identifier; 0 = none. */
  subscriptionId: number;
  requests: SubscribeRequest[];
}

export interface UnsubscribePacket {
  packetId: number;
  filters: string[];
}

const SUBSCRIBE = 0x82;
const UNSUBSCRIBE = 0xa2;

/** Reads a SUBSCRIBE (3.8). Throws ProtocolFault. */
export function decodeSubscribe(
  frame: Buffer,
  body: number,
  version: MqttVersion,
): SubscribePacket {
  // [MQTT-3.8.1-1]
  if (frame[0] !== SUBSCRIBE) throw malformed('SUBSCRIBE with other header flags than 2');
  const reader = new PacketReader(frame, body);
  const packetId = readPacketId(reader);
  const { subscriptionId = 0 } = version === 5 ? readProperties(reader, 'subscribe') : {};
  const requests: SubscribeRequest[] = [];
  while (reader.left > 0) requests.push(readRequest(reader, version));
  if (requests.length === 0) {
    // [MQTT-3.8.3-2]; 3.1.1: [MQTT-3.8.3-3]
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'SUBSCRIBE without a filter');
  }
  return { packetId, subscriptionId, requests };
}

/** Reads an UNSUBSCRIBE (3.10). Throws ProtocolFault. */
export function decodeUnsubscribe(
  frame: Buffer,
  body: number,
  version: MqttVersion,
): UnsubscribePacket {
  // [MQTT-3.10.1-1]
  if (frame[0] !== UNSUBSCRIBE) throw malformed('UNSUBSCRIBE with other header flags than 2');
  const reader = new PacketReader(frame, body);
  const packetId = readPacketId(reader);
  if (version === 5) readProperties(reader, 'unsubscribe');
  const filters: string[] = [];
  while (reader.left > 0) filters.push(reader.text());
  if (filters.length === 0) {
    // [MQTT-3.10.3-2]
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'UNSUBSCRIBE without a filter');
  }
  return { packetId, filters };
}

function readRequest(reader: PacketReader, version: MqttVersion): SubscribeRequest {
  const filter = reader.text();
  const options = reader.byte();
  // MQTT 3.1 calls the upper bits unused; 3.1.1 and 5 refuse them ([MQTT-3.8.3-4], [MQTT-3.8.3-5]).
  if ((version === 4 && options > 2) || (version === 5 && options > 0x3f)) {
    throw malformed('reserved bits of the subscription options');
  }
  const qos = options & 3;
  const retainHandling = version === 5 ? (options >> 4) & 3 : 0;
  if (qos === 3 || retainHandling === 3) {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'QoS or retain handling 3 in SUBSCRIBE');
  }
  return {
    filter,
    qos: qos as Qos,
    noLocal: version === 5 && (options & 4) !== 0,
    retainAsPublished: version === 5 && (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function readPacketId(reader: PacketReader): number {
  const packetId = reader.uint16();
  // [MQTT-2.2.1-3]; 3.1.1: [MQTT-2.3.1-1]
  if (packetId === 0) throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'packet identifier 0');
  return packetId;
}
