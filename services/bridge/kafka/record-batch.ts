import { crc32c } from '#core/crc32c.ts';
import { ByteWriter, VARINT_MAX } from './byte-writer.ts';
import type { PackedRecord } from './packed-record.ts';

/** Whose batch it is, which lets Kafka tell a copy from something new (KIP-98). */
export interface Identity {
  producerId: bigint;
  epoch: number;
  /** Number of the batch's first record in its partition. */
  firstSequence: number;
}

/** Compresses the records of a batch; `codec`: its number in the batch's attributes. */
export interface Compressor {
  codec: number;
  compress: (records: Buffer) => Promise<Buffer>;
}

const MAGIC = 2;
/** Bytes before the records, and where some of them are. */
const HEADER = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
/** What stands before a record's key, bytes at most: length, attributes, time, place. */
const BEFORE_MAX = 3 * VARINT_MAX + 1;

/**
 * A record batch of message format 2 (Kafka's documentation, "Record Batch"; KIP-98), in one piece
 * of memory. kafkajs' own form takes about ten pieces of half a KiB for each record.
 */
export async function encodeRecordBatch(
  records: readonly PackedRecord[],
  identity: Identity,
  compressor?: Compressor,
): Promise<Buffer> {
  let size = HEADER;
  for (const { start, end } of records) size += BEFORE_MAX + end - start;
  const writer = new ByteWriter(size);
  writer.at = HEADER;
  writeRecords(writer, records);
  if (compressor !== undefined) {
    const compressed = await compressor.compress(writer.written.subarray(HEADER));
    writer.at = HEADER;
    writer.raw(compressed);
  }
  writeHeader(writer.written, records, identity, compressor?.codec ?? 0);
  return writer.written;
}

function writeHeader(
  batch: Buffer,
  records: readonly PackedRecord[],
  { producerId, epoch, firstSequence }: Identity,
  attributes: number,
): void {
  let latest = 0;
  for (const { timestamp } of records) latest = Math.max(latest, timestamp);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT);
  // The partition leader's epoch: the broker writes it.
  batch.writeInt32BE(0, 12);
  batch[16] = MAGIC;
  let at = batch.writeInt16BE(attributes, ATTRIBUTES_AT);
  at = batch.writeInt32BE(records.length - 1, at);
  at = batch.writeBigInt64BE(BigInt(records[0]!.timestamp), at);
  at = batch.writeBigInt64BE(BigInt(latest), at);
  at = batch.writeBigInt64BE(producerId, at);
  at = batch.writeInt16BE(epoch, at);
  at = batch.writeInt32BE(firstSequence, at);
  batch.writeInt32BE(records.length, at);
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT, batch.length), CRC_AT);
}

/** Each record: its length, attributes (none), its time and its place by the first one's, and the rest. */
function writeRecords(writer: ByteWriter, records: readonly PackedRecord[]): void {
  const base = records[0]!.timestamp;
  for (let i = 0; i < records.length; i++) {
    const { timestamp, slab, start, end } = records[i]!;
    const later = timestamp - base;
    writer.varint(1 + varintSize(later) + varintSize(i) + end - start);
    writer.int8(0);
    writer.varint(later);
    writer.varint(i);
    writer.part(slab, start, end);
  }
}

function varintSize(value: number): number {
  let size = 1;
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
