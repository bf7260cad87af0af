import { BrambleError, ERROR_CODES } from '../errors.ts';
import { Message, type Qos } from '../mqtt/message.ts';
import type { LogRecord } from './log-record.ts';

/**
 * Records of the log. Big endian; numbers that count are IEEE 754 doubles, exact to 2^53.
 *
 * Record: version (1) · writer length (1) · writer · lane (1) · number (8) · time, ms since the
 * epoch (8) · messages.
 * Message: flags (1: QoS in bits 0–1, retain bit 2, expiry bit 3, properties bit 4, publisher
 * bit 5, packet identifier bit 6) · sequence (8) · [expiry, ms since the epoch (6)] · topic length
 * (2) · topic · [publisher length (2) · publisher] · [packet identifier (2) · publisher's epoch
 * (8)] · [properties length
 * (4) · properties] · payload length (4) · payload.
 */
const VERSION = 1;
const RETAIN = 4;
const EXPIRY = 8;
const PROPERTIES = 16;
const PUBLISHER = 32;
const PACKET_ID = 64;
/** Between the node and the incarnation in a writer's name; no node's name has it. */
const SEPARATOR = '/';
/** What a message takes in memory beside its bytes, roughly. */
const MESSAGE_OVERHEAD = 128;
/** What a message takes beyond its strings and bytes. */
const FIXED_MAX = 37;
/** UTF-8 bytes of a UTF-16 unit, at most. */
const UTF8_MAX = 3;

export function writerName(node: string, incarnation: string): string {
  return `${node}${SEPARATOR}${incarnation}`;
}

export function nodeOfWriter(writer: string): string {
  const end = writer.indexOf(SEPARATOR);
  return end === -1 ? writer : writer.slice(0, end);
}

/** A record without messages and yet without number and time: see `stampRecord`. */
export function recordHeader(writer: string, lane: number): Buffer {
  const name = Buffer.from(writer);
  const header = Buffer.alloc(19 + name.length);
  header[0] = VERSION;
  header[1] = name.length;
  name.copy(header, 2);
  header[2 + name.length] = lane;
  return header;
}

/** Gives a record its place in its lane. */
export function stampRecord(record: Buffer, number: number, time: number): void {
  const at = 3 + record[1]!;
  record.writeDoubleBE(number, at);
  record.writeDoubleBE(time, at + 8);
}

/** Bytes that `writeMessage` may take; not many more than it does take. */
export function messageLengthMax(message: Message): number {
  const { topic, publisher, properties, payload } = message;
  const strings = UTF8_MAX * (topic.length + publisher.length);
  return FIXED_MAX + strings + properties.length + payload.length;
}

/** Writes a message at `offset`; there must be room for `messageLengthMax`. Returns its end. */
export function writeMessage(target: Buffer, message: Message, offset: number): number {
  const { topic, qos, retain, payload, properties, expiresAt, publisher, packetId } = message;
  target[offset] =
    qos |
    (retain ? RETAIN : 0) |
    (expiresAt > 0 ? EXPIRY : 0) |
    (properties.length > 0 ? PROPERTIES : 0) |
    (publisher !== '' ? PUBLISHER : 0) |
    (packetId !== 0 ? PACKET_ID : 0);
  let at = target.writeDoubleBE(message.sequence, offset + 1);
  if (expiresAt > 0) at = target.writeUIntBE(Math.floor(expiresAt), at, 6);
  at = writeString(target, topic, at);
  if (publisher !== '') at = writeString(target, publisher, at);
  if (packetId !== 0) {
    at = target.writeUInt16BE(packetId, at);
    at = target.writeDoubleBE(message.publisherEpoch, at);
  }
  if (properties.length > 0) {
    at = target.writeUInt32BE(properties.length, at);
    at += properties.copy(target, at);
  }
  at = target.writeUInt32BE(payload.length, at);
  return at + payload.copy(target, at);
}

function writeString(target: Buffer, text: string, offset: number): number {
  const length = target.write(text, offset + 2, 'utf8');
  target.writeUInt16BE(length, offset);
  return offset + 2 + length;
}

/** The messages' bytes are views of `bytes`. Throws BRAMBLE_PROTOCOL. */
export function readRecord(bytes: Buffer, shard: number, sequence: number): LogRecord {
  return checked(() => {
    const { writer, lane, number, time, end } = readHead(bytes);
    const messages = new MessageReader(bytes, end, nodeOfWriter(writer), shard, sequence);
    return { shard, sequence, time, writer, lane, number, messages: messages.all() };
  });
}

/**
 * The same, but its messages are made when somebody asks for them first: as bytes what is read ahead
 * takes a fraction of the memory. Throws BRAMBLE_PROTOCOL, also for what is wrong in a message.
 */
export function readRecordLazily(bytes: Buffer, shard: number, sequence: number): LogRecord {
  return checked(() => new LazyRecord(bytes, shard, sequence));
}

class LazyRecord implements LogRecord {
  readonly shard: number;
  readonly sequence: number;
  readonly time: number;
  readonly writer: string;
  readonly lane: number;
  readonly number: number;
  readonly size: number;
  /** Undefined once the messages are made. */
  #reader: MessageReader | undefined;
  #messages: readonly Message[] = [];

  constructor(bytes: Buffer, shard: number, sequence: number) {
    const { writer, lane, number, time, end } = readHead(bytes);
    this.shard = shard;
    this.sequence = sequence;
    this.time = time;
    this.writer = writer;
    this.lane = lane;
    this.number = number;
    this.#reader = new MessageReader(bytes, end, nodeOfWriter(writer), shard, sequence);
    this.size = this.#reader.measure();
  }

  get messages(): readonly Message[] {
    if (this.#reader !== undefined) {
      this.#messages = this.#reader.all();
      this.#reader = undefined;
    }
    return this.#messages;
  }
}

/** `end`: where the messages begin. */
function readHead(bytes: Buffer) {
  if (bytes[0] !== VERSION) throw bad(`unknown version ${bytes[0]}`);
  const nameEnd = 2 + bytes.readUInt8(1);
  return {
    writer: bytes.toString('utf8', 2, nameEnd),
    lane: bytes.readUInt8(nameEnd),
    number: bytes.readDoubleBE(nameEnd + 1),
    time: bytes.readDoubleBE(nameEnd + 9),
    end: nameEnd + 17,
  };
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RangeError) throw bad('it ends too early', cause);
    throw cause;
  }
}

class MessageReader {
  readonly #bytes: Buffer;
  readonly #origin: string;
  readonly #shard: number;
  readonly #sequence: number;
  #at: number;

  constructor(bytes: Buffer, at: number, origin: string, shard: number, sequence: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#origin = origin;
    this.#shard = shard;
    this.#sequence = sequence;
  }

  /** Walks over the messages; returns what they take in memory, bytes, and stands as before. */
  measure(): number {
    const start = this.#at;
    let size = 0;
    while (this.#at < this.#bytes.length) size += this.#skip();
    this.#at = start;
    return size;
  }

  /** As `#next`, without making the message. */
  #skip(): number {
    const from = this.#at;
    const flags = this.#bytes.readUInt8(from);
    if ((flags & 3) === 3) throw bad('QoS 3');
    this.#at = this.#end(from + 9 + (flags & EXPIRY ? 6 : 0));
    const topic = this.#bytes.readUInt16BE(this.#at);
    this.#at = this.#end(this.#at + 2 + topic);
    if (flags & PUBLISHER) this.#at = this.#end(this.#at + 2 + this.#bytes.readUInt16BE(this.#at));
    if (flags & PACKET_ID) this.#at = this.#end(this.#at + 10);
    if (flags & PROPERTIES) this.#at = this.#end(this.#at + 4 + this.#bytes.readUInt32BE(this.#at));
    this.#at = this.#end(this.#at + 4 + this.#bytes.readUInt32BE(this.#at));
    return this.#at - from + topic + MESSAGE_OVERHEAD;
  }

  all(): Message[] {
    const messages: Message[] = [];
    while (this.#at < this.#bytes.length) messages.push(this.#next(messages.length));
    return messages;
  }

  #next(index: number): Message {
    const bytes = this.#bytes;
    const flags = bytes.readUInt8(this.#at);
    const sequence = bytes.readDoubleBE(this.#at + 1);
    this.#at += 9;
    let expiresAt = 0;
    if (flags & EXPIRY) {
      expiresAt = bytes.readUIntBE(this.#at, 6);
      this.#at += 6;
    }
    const topic = this.#string();
    const publisher = flags & PUBLISHER ? this.#string() : '';
    let packetId = 0;
    let publisherEpoch = 0;
    if (flags & PACKET_ID) {
      packetId = bytes.readUInt16BE(this.#at);
      publisherEpoch = bytes.readDoubleBE(this.#at + 2);
      this.#at += 10;
    }
    const properties = flags & PROPERTIES ? this.#bytes32() : undefined;
    const payload = this.#bytes32();
    const qos = (flags & 3) as Qos | 3;
    if (qos === 3) throw bad('QoS 3');
    const retain = (flags & RETAIN) !== 0;
    const message = new Message(topic, qos, retain, payload, properties, expiresAt);
    message.origin = this.#origin;
    message.sequence = sequence;
    message.publisher = publisher;
    message.packetId = packetId;
    message.publisherEpoch = publisherEpoch;
    message.position = { shard: this.#shard, sequence: this.#sequence, index };
    return message;
  }

  #string(): string {
    const from = this.#at + 2;
    this.#at = this.#end(from + this.#bytes.readUInt16BE(this.#at));
    return this.#bytes.toString('utf8', from, this.#at);
  }

  #bytes32(): Buffer {
    const from = this.#at + 4;
    this.#at = this.#end(from + this.#bytes.readUInt32BE(this.#at));
    return this.#bytes.subarray(from, this.#at);
  }

  #end(end: number): number {
    if (end > this.#bytes.length) throw bad('it ends too early');
    return end;
  }
}

function bad(message: string, cause?: unknown): BrambleError {
  const options = cause === undefined ? {} : { cause };
  return new BrambleError(
    ERROR_CODES.PROTOCOL,
    `a record that cannot be read: ${message}`,
    options,
  );
}
