/** Strings up to here are written unit by unit: calling out costs more than they do. */
const SHORT = 48;
/** UTF-8 bytes of a UTF-16 unit, at most; and bytes of a varint, at most. */
const UTF8_MAX = 3;
export const VARINT_MAX = 10;

/** Writes Kafka's protocol (its guide, "Protocol Primitive Types"; varints are zigzag) into memory that grows. */
export class ByteWriter {
  bytes: Buffer;
  at = 0;

  /** `size`: bytes that are expected. */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  get written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  /** Makes room for so many bytes more. */
  reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  int8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  int16(value: number): void {
    this.reserve(2);
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.reserve(4);
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  int64(value: bigint): void {
    this.reserve(8);
    this.at = this.bytes.writeBigInt64BE(value, this.at);
  }

  /** A whole number, exact up to 2^52. */
  varint(value: number): void {
    this.reserve(VARINT_MAX);
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at++] = rest;
  }

  /** With its length before it; -1 for null. */
  varintBytes(value: Buffer | null): void {
    if (value === null) {
      this.varint(-1);
      return;
    }
    this.varint(value.length);
    this.raw(value);
  }

  raw(value: Buffer): void {
    this.reserve(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  part(source: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    source.copy(this.bytes, this.at, start, end);
    this.at += end - start;
  }

  /** UTF-8 with its length before it. */
  varintString(text: string): void {
    const { length } = text;
    if (length <= SHORT && this.#ascii(text)) return;
    this.varint(Buffer.byteLength(text));
    this.reserve(UTF8_MAX * length);
    this.at += this.bytes.write(text, this.at);
  }

  /** UTF-8 with two bytes of length before it; -1 for null. */
  string(text: string | null): void {
    if (text === null) {
      this.int16(-1);
      return;
    }
    this.int16(Buffer.byteLength(text));
    this.reserve(UTF8_MAX * text.length);
    this.at += this.bytes.write(text, this.at);
  }

  /** Such text has a length of one byte before it; leaves no trace when it is not all ASCII. */
  #ascii(text: string): boolean {
    const { length } = text;
    this.reserve(length + 1);
    const { bytes, at } = this;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[at + 1 + i] = unit;
    }
    bytes[at] = 2 * length;
    this.at = at + 1 + length;
    return true;
  }
}
