import { generate, type Packet } from 'mqtt-packet';
import type { MqttVersion } from '../message.ts';

/** Encodes a packet that has no fast path. */
export function encodePacket(packet: Packet, version: MqttVersion): Buffer {
  return generate(packet, { protocolVersion: version });
}
