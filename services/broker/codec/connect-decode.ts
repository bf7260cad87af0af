import type { MqttVersion, Qos } from '#core/mqtt/message.ts';
import { isPadded } from '#core/mqtt/varint.ts';
import { malformed, PacketReader } from './packet-reader.ts';
import { type Properties, readProperties } from './properties.ts';
import { ProtocolFault, REASON } from './reason.ts';
import { readWill, type Will } from './will.ts';

/** A CONNECT (3.1). */
export interface ConnectPacket {
  /** Clean Session, in MQTT 5 Clean Start. */
  clean: boolean;
  /** Seconds; 0 = none. */
  keepalive: number;
  clientId: string;
  will: Will | undefined;
  username: string | undefined;
  password: Buffer | undefined;
  properties: Properties;
  /** A bridge of another broker, which says so in its protocol level as Mosquitto does. */
  bridge: boolean;
}

const CONNECT = 0x10;
/** Flag bits (3.1.2.3). */
const RESERVED = 0x01;
const CLEAN = 0x02;
const WILL = 0x04;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USERNAME = 0x80;

const BRIDGE_BIT = 0x80;

/**
 * Protocol name and level (3.1.2.1, 3.1.2.2); undefined for a level that we do not speak. Throws
 * ProtocolFault for what is not MQTT at all.
 */
export function readVersion(frame: Buffer, body: number): MqttVersion | undefined {
  const reader = new PacketReader(frame, body);
  const name = reader.binary().toString('latin1');
  const level = reader.byte() & ~BRIDGE_BIT;
  if (name === 'MQTT' && (level === 4 || level === 5)) return level;
  if (name === 'MQIsdp' && level === 3) return 3;
  if (name === 'MQTT' || name === 'MQIsdp') return undefined;
  // [MQTT-3.1.2-1]
  throw new ProtocolFault(REASON.UNSUPPORTED_VERSION, 'not MQTT');
}

/** Reads a CONNECT of that version whole ([MQTT-3.1.4-1]). Throws ProtocolFault. */
export function decodeConnect(frame: Buffer, body: number, version: MqttVersion): ConnectPacket {
  // [MQTT-2.1.3-1]
  if (frame[0] !== CONNECT) throw malformed('CONNECT with header flags');
  // [MQTT-1.5.5-1]; the framer cannot tell, since the version stands in the packet.
  if (version === 5 && isPadded(frame, body)) throw malformed('a padded remaining length');
  const reader = new PacketReader(frame, body);
  reader.binary();
  const bridge = (reader.byte() & BRIDGE_BIT) !== 0;
  const flags = reader.byte();
  checkFlags(flags, version);
  const keepalive = reader.uint16();
  const properties = version === 5 ? readProperties(reader, 'connect') : {};
  if (
    properties.authenticationData !== undefined &&
    properties.authenticationMethod === undefined
  ) {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'authentication data without a method');
  }
  const clientId = reader.text();
  const willQos = ((flags >> 3) & 3) as Qos;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const will = has(WILL) ? readWill(reader, version === 5, willQos, has(WILL_RETAIN)) : undefined;
  const username = has(USERNAME) ? reader.text() : undefined;
  const password = has(PASSWORD) ? reader.binary() : undefined;
  reader.finish();
  return { clean: has(CLEAN), keepalive, clientId, will, username, password, properties, bridge };
}

function checkFlags(flags: number, version: MqttVersion): void {
  // [MQTT-3.1.2-3]
  if ((flags & RESERVED) !== 0) throw malformed('the reserved flag of CONNECT is set');
  if ((flags & WILL) === 0) {
    // [MQTT-3.1.2-11], -13; 3.1.1: [MQTT-3.1.2-13], -15
    if ((flags & 0x38) !== 0) throw malformed('will QoS or will retain without a will');
  } else if ((flags & 0x18) === 0x18) {
    // [MQTT-3.1.2-12]; 3.1.1: [MQTT-3.1.2-14]
    throw malformed('will QoS 3');
  }
  // 3.1.1: [MQTT-3.1.2-22]; MQTT 5 allows a password alone.
  if (version !== 5 && (flags & USERNAME) === 0 && (flags & PASSWORD) !== 0) {
    throw malformed('a password without a user name');
  }
}
