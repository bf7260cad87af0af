import {
  generate,
  type IConnectPacket,
  type IDisconnectPacket,
  type ISubscribePacket,
  type IUnsubscribePacket,
  type Packet,
  parser,
} from 'mqtt-packet';
import type { MqttVersion } from '../message.ts';
import { ProtocolFault, REASON } from './reason.ts';

/** Packets that are not on a hot path: mqtt-packet reads and writes them. */
export type ControlPacket =
  | (IConnectPacket & { cmd: 'connect' })
  | (ISubscribePacket & { cmd: 'subscribe' })
  | (IUnsubscribePacket & { cmd: 'unsubscribe' })
  | (IDisconnectPacket & { cmd: 'disconnect' });

/** Reads one whole packet. Throws ProtocolFault with 0x81 for whatever does not parse. */
export function parsePacket(frame: Buffer, version: MqttVersion): ControlPacket {
  let packet: Packet | undefined;
  let failure: unknown;
  try {
    const parse = parser({ protocolVersion: version });
    parse.on('packet', (parsed: Packet) => {
      packet ??= parsed;
    });
    parse.on('error', (error: unknown) => {
      failure ??= error;
    });
    parse.parse(frame);
  } catch (error) {
    failure = error;
  }
  if (packet === undefined || failure !== undefined) {
    const why = failure instanceof Error ? failure.message : 'incomplete packet';
    throw new ProtocolFault(REASON.MALFORMED, why);
  }
  return packet as ControlPacket;
}

/** Encodes a packet that has no fast path. */
export function encodePacket(packet: Packet, version: MqttVersion): Buffer {
  return generate(packet, { protocolVersion: version });
}
