import { malformed, type PacketReader } from './packet-reader.ts';
import { ProtocolFault, REASON } from './reason.ts';

/** Packets with properties that a client may send; PUBLISH has a reader of its own. */
export type PropertyHolder =
  | 'connect'
  | 'will'
  | 'ack'
  | 'subscribe'
  | 'unsubscribe'
  | 'disconnect'
  | 'auth';

/** What MQTT 5 properties say; user properties are checked, and read by nobody here. */
export interface Properties {
  payloadFormat?: number;
  /** Seconds. */
  messageExpiry?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  subscriptionId?: number;
  /** Seconds. */
  sessionExpiryInterval?: number;
  authenticationMethod?: string;
  authenticationData?: Buffer;
  requestProblemInformation?: number;
  /** Seconds. */
  willDelay?: number;
  requestResponseInformation?: number;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  /** Bytes. */
  maximumPacketSize?: number;
}

type Kind = 'byte' | 'uint16' | 'uint32' | 'varint' | 'text' | 'binary';

interface Rule {
  name: keyof Properties;
  kind: Kind;
  holders: readonly PropertyHolder[];
  minimum?: number;
  maximum?: number;
}

/** MQTT 5, 2.2.2.2, as far as a client sends it; ranges from the sections of the packets. */
const RULES: ReadonlyMap<number, Rule> = new Map<number, Rule>([
  [0x01, { name: 'payloadFormat', kind: 'byte', holders: ['will'], maximum: 1 }],
  [0x02, { name: 'messageExpiry', kind: 'uint32', holders: ['will'] }],
  [0x03, { name: 'contentType', kind: 'text', holders: ['will'] }],
  [0x08, { name: 'responseTopic', kind: 'text', holders: ['will'] }],
  [0x09, { name: 'correlationData', kind: 'binary', holders: ['will'] }],
  [0x0b, { name: 'subscriptionId', kind: 'varint', holders: ['subscribe'], minimum: 1 }],
  [0x11, { name: 'sessionExpiryInterval', kind: 'uint32', holders: ['connect', 'disconnect'] }],
  [0x15, { name: 'authenticationMethod', kind: 'text', holders: ['connect', 'auth'] }],
  [0x16, { name: 'authenticationData', kind: 'binary', holders: ['connect', 'auth'] }],
  [0x17, { name: 'requestProblemInformation', kind: 'byte', holders: ['connect'], maximum: 1 }],
  [0x18, { name: 'willDelay', kind: 'uint32', holders: ['will'] }],
  [0x19, { name: 'requestResponseInformation', kind: 'byte', holders: ['connect'], maximum: 1 }],
  [0x1f, { name: 'reasonString', kind: 'text', holders: ['ack', 'disconnect', 'auth'] }],
  [0x21, { name: 'receiveMaximum', kind: 'uint16', holders: ['connect'], minimum: 1 }],
  [0x22, { name: 'topicAliasMaximum', kind: 'uint16', holders: ['connect'] }],
  [0x27, { name: 'maximumPacketSize', kind: 'uint32', holders: ['connect'], minimum: 1 }],
]);

const USER_PROPERTY = 0x26;
/** A Server Reference is for servers to send (MQTT 5, 3.14.2.2.5). */
const SERVER_REFERENCE = 0x1c;

/**
 * Reads a property section with its length (MQTT 5, 2.2.2). `each` is told the bytes of every
 * property, its identifier included. Throws ProtocolFault: 0x81 for what does not parse or does not
 * belong into that packet, 0x82 for a property that is repeated or out of its range.
 */
export function readProperties(
  reader: PacketReader,
  holder: PropertyHolder,
  each?: (id: number, from: number, to: number) => void,
): Properties {
  const length = reader.varint();
  const end = reader.at + length;
  if (end > reader.end) throw malformed('the properties run past the end of the packet');
  const properties: Properties = {};
  while (reader.at < end) {
    const from = reader.at;
    // [MQTT-2.2.2-2]: an identifier is a variable byte integer, and all that exist take one byte.
    const id = reader.varint();
    if (id === USER_PROPERTY) {
      reader.text();
      reader.text();
    } else {
      readOne(reader, id, holder, properties);
    }
    if (reader.at > end) throw malformed('a property runs past the end of the properties');
    each?.(id, from, reader.at);
  }
  return properties;
}

function readOne(
  reader: PacketReader,
  id: number,
  holder: PropertyHolder,
  properties: Properties,
): void {
  if (id === SERVER_REFERENCE && holder === 'disconnect') {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'a server reference from a client');
  }
  const rule = RULES.get(id);
  if (rule === undefined || !rule.holders.includes(holder)) {
    throw malformed(`property 0x${id.toString(16)} does not belong to ${holder}`);
  }
  const { name, kind, minimum = 0, maximum = Number.POSITIVE_INFINITY } = rule;
  if (name in properties) {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, `property 0x${id.toString(16)} twice`);
  }
  const value = reader[kind]();
  if (typeof value === 'number' && (value < minimum || value > maximum)) {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, `property 0x${id.toString(16)} is ${value}`);
  }
  Object.assign(properties, { [name]: value });
}
