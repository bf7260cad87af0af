import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { Message, NO_BYTES, type Qos } from '#core/mqtt/message.ts';

/**
 * Messages between nodes and in the retained store, in a compact binary form. Big endian;
 * numbers that count are IEEE 754 doubles, exact to 2^53.
 *
 * Envelope: version (1) · origin length (1) · origin · batch number (8) · records.
 * Record: flags (1: QoS in bits 0–1, retain bit 2, expiry bit 3, properties bit 4) ·
 * sequence (8) · [expiry, ms since the epoch (6)] · topic length (2) · topic ·
 * [properties length (4) · properties] · payload length (4) · payload.
 */
const VERSION = 1;
const RETAIN = 4;
const EXPIRY = 8;
const PROPERTIES = 16;

export interface Envelope {
  origin: string;
  /** Counts the envelopes of an origin; the same one may reach a node once a subscription. */
  batch: number;
  /** Where the records begin. */
  offset: number;
}

export function envelopeHeader(origin: string, batch: number): Buffer {
  const length = Buffer.byteLength(origin);
  const header = Buffer.allocUnsafe(2 + length + 8);
  header[0] = VERSION;
  header[1] = length;
  header.write(origin, 2, length, 'utf8');
  header.writeDoubleBE(batch, 2 + length);
  return header;
}

export function recordLength(message: Message): number {
  const { properties, expiresAt } = message;
  return (
    15 +
    (expiresAt > 0 ? 6 : 0) +
    topicBytesOf(message).length +
    (properties.length > 0 ? 4 + properties.length : 0) +
    message.payloadLength
  );
}

function topicBytesOf(message: Message): Buffer {
  message.topicBytes ??= Buffer.from(message.topic);
  return message.topicBytes;
}

/** Writes a record at `offset`; returns the offset after it. */
export function writeRecord(target: Buffer, message: Message, offset: number): number {
  const { qos, retain, payload, properties, expiresAt, sequence } = message;
  const topic = topicBytesOf(message);
  target[offset] =
    qos |
    (retain ? RETAIN : 0) |
    (expiresAt > 0 ? EXPIRY : 0) |
    (properties.length > 0 ? PROPERTIES : 0);
  let at = target.writeDoubleBE(sequence, offset + 1);
  if (expiresAt > 0) at = target.writeUIntBE(Math.floor(expiresAt), at, 6);
  at = target.writeUInt16BE(topic.length, at);
  target.set(topic, at);
  at += topic.length;
  if (properties.length > 0) {
    at = target.writeUInt32BE(properties.length, at);
    at += properties.copy(target, at);
  }
  at = target.writeUInt32BE(payload.length, at);
  target.set(payload, at);
  return at + payload.length;
}

/** One message in an envelope of its own. */
export function encodeEnvelope(message: Message, origin: string, batch: number): Buffer {
  const header = envelopeHeader(origin, batch);
  const bytes = Buffer.allocUnsafe(header.length + recordLength(message));
  header.copy(bytes);
  writeRecord(bytes, message, header.length);
  return bytes;
}

/** Reads an envelope's header. Throws BRAMBLE_PROTOCOL. */
export function readEnvelope(bytes: Buffer): Envelope {
  const length = bytes[1] ?? 0;
  if (bytes.length < 10 + length || bytes[0] !== VERSION) throw bad('unknown envelope');
  const origin = bytes.toString('utf8', 2, 2 + length);
  return { origin, batch: bytes.readDoubleBE(2 + length), offset: 10 + length };
}

/**
 * Calls `take` for each record from `offset` on. The messages' bytes are views of `bytes`.
 * Throws BRAMBLE_PROTOCOL when a record runs past the end.
 */
export function readRecords(
  bytes: Buffer,
  offset: number,
  origin: string,
  take: (message: Message) => void,
): void {
  let at = offset;
  // Those of one envelope mostly have the same topic.
  let topic = '';
  let topicBytes = NO_BYTES;
  try {
    while (at < bytes.length) {
      const flags = bytes.readUInt8(at);
      const sequence = bytes.readDoubleBE(at + 1);
      at += 9;
      let expiresAt = 0;
      if (flags & EXPIRY) {
        expiresAt = bytes.readUIntBE(at, 6);
        at += 6;
      }
      const topicEnd = at + 2 + bytes.readUInt16BE(at);
      if (topicEnd > bytes.length) throw bad('a record ends too early');
      if (!stands(topicBytes, bytes, at + 2, topicEnd)) {
        topicBytes = Buffer.from(bytes.subarray(at + 2, topicEnd));
        topic = topicBytes.toString();
      }
      at = topicEnd;
      let properties: Buffer | undefined;
      if (flags & PROPERTIES) {
        const end = at + 4 + bytes.readUInt32BE(at);
        properties = bytes.subarray(at + 4, end);
        at = end;
      }
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) throw bad('a record ends too early');
      const payload = bytes.subarray(at + 4, end);
      at = end;
      const qos = (flags & 3) as Qos | 3;
      if (qos === 3) throw bad('QoS 3');
      const retain = (flags & RETAIN) !== 0;
      const message = new Message(topic, qos, retain, payload, properties, expiresAt);
      message.topicBytes = topicBytes;
      message.origin = origin;
      message.sequence = sequence;
      take(message);
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw bad('a record ends too early', cause);
    throw cause;
  }
}

/** Whether `part` is what stands there. */
function stands(part: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (part.length !== end - start) return false;
  for (let i = 0; i < part.length; i++) if (part[i] !== bytes[start + i]) return false;
  return true;
}

function bad(message: string, cause?: unknown): BrambleError {
  return new BrambleError(ERROR_CODES.PROTOCOL, message, cause === undefined ? {} : { cause });
}
