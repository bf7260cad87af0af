import { ByteWriter, VARINT_MAX } from './byte-writer.ts';
import type { HeaderValue, KafkaRecord } from './port.ts';

/**
 * A record's key, value and headers as they stand in a batch (Kafka's documentation, "Record"), in
 * memory that it shares with its neighbours: many wait, and as objects each would take a KiB.
 */
export interface PackedRecord {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** It stands there from `start` up to `end`. */
  readonly slab: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Memory that is taken at once, bytes: twice as much each time, up to the last. */
const SLAB_FIRST = 2 << 10;
const SLAB_MAX = 64 << 10;
/** UTF-8 bytes of a UTF-16 unit, at most. */
const UTF8_MAX = 3;
const EMPTY = new ByteWriter(0);

/**
 * Packs records one after the other. A slab is free when the last record of it is, so what leaves at
 * its own pace has a packer of its own.
 */
export class RecordPacker {
  #writer = EMPTY;
  #size = SLAB_FIRST;

  pack({ key, value, headers, timestamp }: KafkaRecord): PackedRecord {
    const most = lengthMax(key, value, headers);
    // Those before keep their memory: it does not grow, it is left.
    if (this.#writer.at + most > this.#writer.bytes.length) {
      this.#writer = new ByteWriter(Math.max(this.#size, most));
      this.#size = Math.min(2 * this.#size, SLAB_MAX);
    }
    const writer = this.#writer;
    const start = writer.at;
    writer.varintBytes(key);
    writer.varintBytes(value);
    writeHeaders(writer, headers);
    return { timestamp: Math.floor(timestamp), slab: writer.bytes, start, end: writer.at };
  }

  /** Nothing waits any more: the memory is free. */
  release(): void {
    this.#writer = EMPTY;
    this.#size = SLAB_FIRST;
  }
}

function lengthMax(
  key: Buffer | null,
  value: Buffer | null,
  headers: Readonly<Record<string, HeaderValue>>,
): number {
  let bytes = 3 * VARINT_MAX + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) {
    const given = headers[name]!;
    const each = 2 * VARINT_MAX + UTF8_MAX * name.length;
    if (!Array.isArray(given)) bytes += each + UTF8_MAX * given.length;
    else for (const one of given) bytes += each + UTF8_MAX * one.length;
  }
  return bytes;
}

function writeHeaders(writer: ByteWriter, headers: Readonly<Record<string, HeaderValue>>): void {
  let count = 0;
  for (const name in headers) {
    const value = headers[name]!;
    count += Array.isArray(value) ? value.length : 1;
  }
  writer.varint(count);
  for (const name in headers) {
    const value = headers[name]!;
    if (Array.isArray(value)) for (const one of value) writeHeader(writer, name, one);
    else writeHeader(writer, name, value);
  }
}

function writeHeader(writer: ByteWriter, name: string, value: Buffer | string): void {
  writer.varintString(name);
  if (typeof value === 'string') writer.varintString(value);
  else writer.varintBytes(value);
}

/** The record again, in memory of its own; all of its headers' values are bytes. */
export function unpackRecord({ timestamp, slab, start, end }: PackedRecord): KafkaRecord {
  const bytes = Buffer.from(slab.subarray(start, end));
  let at = 0;
  const varint = (): number => {
    let rest = 0;
    for (let place = 1; ; place *= 0x80) {
      const byte = bytes[at++]!;
      rest += (byte & 0x7f) * place;
      if (byte < 0x80) break;
    }
    return rest % 2 === 0 ? rest / 2 : -(rest + 1) / 2;
  };
  const field = (): Buffer | null => {
    const length = varint();
    if (length < 0) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
  const key = field();
  const value = field();
  const headers: Record<string, HeaderValue> = Object.create(null);
  for (let count = varint(); count > 0; count--) {
    const name = field()!.toString();
    const one = field()!;
    const before = headers[name];
    if (before === undefined) headers[name] = one;
    else if (Array.isArray(before)) before.push(one);
    else headers[name] = [before, one];
  }
  return { key, value, headers, timestamp };
}
