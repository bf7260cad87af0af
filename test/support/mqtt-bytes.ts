/** Builds MQTT packets byte by byte, wrong ones too: no library corrects them. */

export type Part = Buffer | number[] | string;

/** A packet with its remaining length; a string among the parts is hex. */
export function packet(first: number, ...parts: Part[]): Buffer {
  const body = join(parts);
  return Buffer.concat([Buffer.from([first]), varint(body.length), body]);
}

/** UTF-8 encoded string, or binary data: two bytes of length first. */
export function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([uint16(bytes.length), bytes]);
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const digit = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A property section with its length. */
export function properties(...parts: Part[]): Buffer {
  const body = join(parts);
  return Buffer.concat([varint(body.length), body]);
}

export interface ConnectParts {
  /** Protocol level; 4 = 3.1.1. */
  level?: number;
  name?: string;
  header?: number;
  flags?: number;
  keepAlive?: number;
  /** MQTT 5 only. */
  properties?: Buffer;
  /** Client id, will, user name, password: as they go on the wire. */
  payload?: Part[];
}

/** A CONNECT, of 3.1.1 with a clean session unless told otherwise. */
export function connect(parts: ConnectParts = {}): Buffer {
  const { level = 4, name = 'MQTT', header = 0x10, flags = 0x02, keepAlive = 0 } = parts;
  const section = level === 5 ? [parts.properties ?? properties()] : [];
  const payload = parts.payload ?? [text(`raw-${++ids}`)];
  return packet(header, text(name), [level, flags], uint16(keepAlive), ...section, ...payload);
}

let ids = 0;

function join(parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'string' ? Buffer.from(part.replaceAll(' ', ''), 'hex') : Buffer.from(part),
    ),
  );
}
