import type { ConverterTable } from '../converter.ts';
import { ExpressionError } from '../fetch.ts';
import { bin, bool, bytesOf, int, type Sample, str, textOf } from '../sample.ts';

const CONNECT = 1;
const CONNACK = 2;
const PACKET_TYPES: Readonly<Record<string, number>> = {
  connect: CONNECT,
  '1': CONNECT,
  connack: CONNACK,
  '2': CONNACK,
};
const CONNECT_FIELDS = [
  'flags',
  'protocol_name',
  'protocol_version',
  'client_identifier',
  'will_topic',
  'will_payload',
  'username',
  'password',
  'keepalive',
];
const CONNACK_FIELDS = ['flags', 'protocol_version', 'reason_code'];

/** How a property's value is written (MQTT 5.0, 2.2.2.2). */
const PROPERTY_KINDS: Readonly<
  Record<number, 'byte' | 'two' | 'four' | 'varint' | 'text' | 'pair'>
> = {
  1: 'byte',
  2: 'four',
  3: 'text',
  8: 'text',
  9: 'text',
  11: 'varint',
  17: 'four',
  18: 'text',
  19: 'two',
  21: 'text',
  22: 'text',
  23: 'byte',
  24: 'four',
  25: 'byte',
  26: 'text',
  28: 'text',
  31: 'text',
  33: 'two',
  34: 'two',
  35: 'two',
  36: 'byte',
  37: 'byte',
  38: 'pair',
  39: 'four',
  40: 'byte',
  41: 'byte',
  42: 'byte',
};

/** Reads the parts of one packet; whatever is beyond its end throws RangeError. */
class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.at++);
  }

  two(): number {
    this.at += 2;
    return this.#bytes.readUInt16BE(this.at - 2);
  }

  four(): number {
    this.at += 4;
    return this.#bytes.readUInt32BE(this.at - 4);
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new RangeError('malformed length');
  }

  take(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new RangeError('truncated');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    return textOf(this.take(this.two()));
  }
}

interface Packet {
  readonly type: number;
  readonly fields: ReadonlyMap<string, Sample>;
  readonly properties: ReadonlyMap<number, Sample>;
}

/**
 * The first packet of a client or of a broker: CONNECT or CONNACK of MQTT 3.1, 3.1.1 and 5.0.
 * undefined when it is broken, not complete, or another one.
 */
export function parseMqtt(text: string): Packet | undefined {
  try {
    const outer = new Reader(bytesOf(text));
    const first = outer.byte();
    const body = new Reader(outer.take(outer.varint()));
    if (first === CONNECT << 4) return parseConnect(body);
    return first === CONNACK << 4 ? parseConnack(body) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** MQTT 3.1.1, 3.1; MQTT 5.0, 3.1. */
function parseConnect(body: Reader): Packet | undefined {
  const fields = new Map<string, Sample>();
  const name = body.text();
  const version = body.byte();
  const level = { MQIsdp: [3], MQTT: [4, 5] }[name];
  if (!level?.includes(version)) return undefined;
  const flags = body.byte();
  const will = (flags & 4) !== 0;
  // The reserved bit, and the rules on will and password flags (3.1.2.3 to 3.1.2.9).
  if ((flags & 1) !== 0 || (flags & 0x18) === 0x18 || (!will && (flags & 0x38) !== 0)) {
    return undefined;
  }
  if (version < 5 && (flags & 0xc0) === 0x40) return undefined;
  fields.set('protocol_name', str(name));
  fields.set('protocol_version', int(version));
  fields.set('flags', int(flags));
  fields.set('keepalive', int(body.two()));
  const properties = new Map<number, Sample>();
  if (version === 5) readProperties(body, properties);
  fields.set('client_identifier', str(body.text()));
  if (will) {
    if (version === 5) readProperties(body, properties);
    fields.set('will_topic', str(body.text()));
    fields.set('will_payload', bin(body.text()));
  }
  if ((flags & 0x80) !== 0) fields.set('username', str(body.text()));
  if ((flags & 0x40) !== 0) fields.set('password', str(body.text()));
  return body.done ? { type: CONNECT, fields, properties } : undefined;
}

/** MQTT 3.1.1, 3.2; MQTT 5.0, 3.2: a packet of two bytes is of a version before 5. */
function parseConnack(body: Reader): Packet | undefined {
  const fields = new Map<string, Sample>();
  const flags = body.byte();
  if ((flags & 0xfe) !== 0) return undefined;
  fields.set('flags', int(flags));
  fields.set('reason_code', int(body.byte()));
  const properties = new Map<number, Sample>();
  fields.set('protocol_version', int(body.done ? 4 : 5));
  if (!body.done) readProperties(body, properties);
  return body.done ? { type: CONNACK, fields, properties } : undefined;
}

function readProperties(body: Reader, into: Map<number, Sample>): void {
  const properties = new Reader(body.take(body.varint()));
  while (!properties.done) {
    const id = properties.byte();
    const kind = PROPERTY_KINDS[id];
    if (kind === undefined) throw new RangeError('unknown property');
    if (kind === 'pair') {
      properties.text();
      properties.text();
    } else {
      into.set(id, kind === 'text' ? str(properties.text()) : int(properties[kind]()));
    }
  }
}

/** HAProxy 2.6 manual, section 7.3.1. Unlike there, a packet larger than one read is seen whole. */
export const MQTT_CONVERTERS: ConverterTable = {
  mqtt_is_valid: {
    in: 'bin',
    out: 'bool',
    usage: '',
    args: [0, 0],
    summary: 'whether it is a whole CONNECT or CONNACK packet',
    make: () => (sample) => bool(parseMqtt(sample.value as string) !== undefined),
  },
  mqtt_field_value: {
    in: 'bin',
    out: 'str',
    usage: '<packettype>,<fieldname_or_property_ID>',
    args: [2, 2],
    summary: 'a field or property of a CONNECT or CONNACK packet',
    make: ([packet = '', name = '']) => {
      const type = PACKET_TYPES[packet.toLowerCase()];
      if (type === undefined) {
        throw new ExpressionError(`unsupported message type '${packet}'`);
      }
      const field = name.toLowerCase();
      const known = type === CONNECT ? CONNECT_FIELDS : CONNACK_FIELDS;
      const id = /^\d+$/.test(name) ? Number(name) : undefined;
      if (id === undefined ? !known.includes(field) : (PROPERTY_KINDS[id] ?? 'pair') === 'pair') {
        throw new ExpressionError(`unsupported field or property '${name}'`);
      }
      return (sample) => {
        const parsed = parseMqtt(sample.value as string);
        if (parsed?.type !== type) return undefined;
        return id === undefined ? parsed.fields.get(field) : parsed.properties.get(id);
      };
    },
  },
};
