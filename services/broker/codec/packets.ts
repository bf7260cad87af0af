import { generate, type Packet, writeToStream } from 'mqtt-packet';
import type { MqttVersion } from '#core/mqtt/message.ts';

// A buffer for each number that a packet can hold is 7 MB; what is written often is written by ours.
writeToStream.cacheNumbers = false;

/** Encodes a packet that has no fast path. */
export function encodePacket(packet: Packet, version: MqttVersion): Buffer {
  return generate(packet, { protocolVersion: version });
}
