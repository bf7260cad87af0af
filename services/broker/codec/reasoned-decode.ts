import type { MqttVersion } from '#core/mqtt/message.ts';
import { malformed, PacketReader } from './packet-reader.ts';
import { readProperties } from './properties.ts';
import { ProtocolFault, REASON } from './reason.ts';

/** A DISCONNECT from a client (3.14). */
export interface DisconnectPacket {
  reason: number;
  /** Seconds; undefined = as it was. */
  sessionExpiryInterval: number | undefined;
}

const PLAIN_DISCONNECT: DisconnectPacket = { reason: 0, sessionExpiryInterval: undefined };

/** Reason codes that a client may send (MQTT 5, 3.14.2.1). */
const DISCONNECT_CODES = new Set([
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
]);
const PUBACK_CODES = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const PUBREL_CODES = new Set([0x00, 0x92]);

/** Reads a DISCONNECT. Throws ProtocolFault. */
export function decodeDisconnect(
  frame: Buffer,
  body: number,
  version: MqttVersion,
): DisconnectPacket {
  // [MQTT-3.14.1-1]
  if (frame[0] !== 0xe0) throw malformed('DISCONNECT with header flags');
  const reader = new PacketReader(frame, body);
  if (reader.left === 0) return PLAIN_DISCONNECT;
  if (version !== 5) throw malformed('DISCONNECT with a body');
  const reason = reader.byte();
  const properties = reader.left > 0 ? readProperties(reader, 'disconnect') : {};
  reader.finish();
  // [MQTT-3.14.2-1]
  if (!DISCONNECT_CODES.has(reason)) throw notAReason(reason, 'DISCONNECT');
  return { reason, sessionExpiryInterval: properties.sessionExpiryInterval };
}

/**
 * Checks what follows the packet identifier of a PUBACK, PUBREC, PUBREL or PUBCOMP in MQTT 5 (3.4
 * to 3.7): its reason code and its properties. Throws ProtocolFault.
 */
export function checkReason(frame: Buffer, body: number): void {
  const reader = new PacketReader(frame, body);
  reader.uint16();
  if (reader.left === 0) return;
  const type = frame[0]! >> 4;
  const reason = reader.byte();
  if (reader.left > 0) readProperties(reader, 'ack');
  reader.finish();
  // [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1]
  if (!(type < 6 ? PUBACK_CODES : PUBREL_CODES).has(reason)) {
    throw notAReason(reason, 'an acknowledgement');
  }
}

/** AUTH has no place here, since no authentication method was agreed on ([MQTT-4.12.0-7]). */
export function refuseAuth(frame: Buffer, version: MqttVersion): ProtocolFault {
  // [MQTT-3.15.1-1]; in 3.1.1 the type is reserved.
  if (version !== 5 || frame[0] !== 0xf0) return malformed('AUTH with header flags');
  return new ProtocolFault(REASON.PROTOCOL_ERROR, 'AUTH without an authentication method');
}

function notAReason(reason: number, packet: string): ProtocolFault {
  return malformed(`0x${reason.toString(16)} is no reason code of ${packet}`);
}
