import { readVarint } from '#core/mqtt/varint.ts';
import { ProtocolFault, REASON } from './reason.ts';
import { isWellFormedUtf8 } from './utf8.ts';

/**
 * Reads the fields of one whole packet in their order. Every method throws ProtocolFault (0x81)
 * where the packet ends too early or the field is not of its type.
 */
export class PacketReader {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;

  constructor(bytes: Buffer, at: number, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.bytes[this.#take(1)]!;
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.#take(2));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4));
  }

  /** Variable byte integer (MQTT 5, 1.5.5). */
  varint(): number {
    const read = readVarint(this.bytes, this.at, this.end);
    if (read < 0) throw malformed('bad variable byte integer');
    this.at += read & 7;
    return read >>> 3;
  }

  /** Binary data (1.5.6), as a copy: the frame's buffer belongs to the socket. */
  binary(): Buffer {
    const length = this.uint16();
    const start = this.#take(length);
    return Buffer.from(this.bytes.subarray(start, start + length));
  }

  /** UTF-8 encoded string (1.5.4). */
  text(): string {
    const length = this.uint16();
    const start = this.#take(length);
    if (!isWellFormedUtf8(this.bytes, start, start + length)) {
      throw malformed('a string is not well-formed UTF-8');
    }
    return this.bytes.toString('utf8', start, start + length);
  }

  /** Nothing may follow the last field. */
  finish(): void {
    if (this.at !== this.end) throw malformed(`${this.left} bytes after the end of the packet`);
  }

  #take(length: number): number {
    const start = this.at;
    if (start + length > this.end) throw malformed('the packet ends too early');
    this.at = start + length;
    return start;
  }
}

export function malformed(why: string): ProtocolFault {
  return new ProtocolFault(REASON.MALFORMED, why);
}
