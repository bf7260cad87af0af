import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '#core/crc32c.ts';
import { compressorOf } from '../../../services/bridge/kafka/codecs.ts';
import {
  type PackedRecord,
  RecordPacker,
  unpackRecord,
} from '../../../services/bridge/kafka/packed-record.ts';
import type { HeaderValue, KafkaRecord } from '../../../services/bridge/kafka/port.ts';
import { encodeRecordBatch, type Identity } from '../../../services/bridge/kafka/record-batch.ts';

/** kafkajs' own form, as the reference. */
const require = createRequire(import.meta.url);
const theirRecord = require('kafkajs/src/protocol/recordBatch/record/v0');
const { RecordBatch: theirBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder');
const Decoder = require('kafkajs/src/protocol/decoder');

const IDENTITY: Identity = { producerId: 4_000_000_001n, epoch: 7, firstSequence: 70_000 };
const RECORDS_AT = 61;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: fc.constantFrom('a', 'ä', '€', '😀'), maxLength: 60 }),
);
const header: fc.Arbitrary<HeaderValue> = fc.oneof(
  text,
  bytes,
  fc.array(fc.oneof(text, bytes), { minLength: 1, maxLength: 3 }),
);
const record: fc.Arbitrary<KafkaRecord> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(text, header, { maxKeys: 6 }),
  timestamp: fc.integer({ min: 0, max: 2 ** 45 }),
});

function packed(records: readonly KafkaRecord[]): PackedRecord[] {
  const packer = new RecordPacker();
  return records.map((one) => packer.pack(one));
}

async function theirs(records: readonly KafkaRecord[], first: number): Promise<Buffer> {
  const { producerId, epoch: producerEpoch, firstSequence } = IDENTITY;
  const encoded = await theirBatch({
    records: records.map(({ key, value, headers, timestamp }, offsetDelta) =>
      theirRecord({ key, value, headers, offsetDelta, timestampDelta: timestamp - first }),
    ),
    firstTimestamp: first,
    maxTimestamp: Math.max(...records.map(({ timestamp }) => timestamp)),
    producerId: producerId.toString(),
    producerEpoch,
    firstSequence,
    lastOffsetDelta: records.length - 1,
  });
  return encoded.buffer;
}

describe('a record batch', () => {
  test('is the bytes that kafkajs makes of the same records', async () => {
    const batches = fc.array(record, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(batches, async (records) => {
        const ours = await encodeRecordBatch(packed(records), IDENTITY);
        expect(ours.equals(await theirs(records, records[0]!.timestamp))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('of a thousand records, and of one of a megabyte', async () => {
    const small = Array.from({ length: 1_000 }, (_, i) => ({
      key: Buffer.from(`k${i}`),
      value: Buffer.alloc(i % 400, i),
      headers: { n: String(i), long: 'x'.repeat(i % 130) },
      timestamp: 1_700_000_000_000 + i * i,
    }));
    const large = { ...small[0]!, value: Buffer.alloc(1 << 20, 1) };
    for (const records of [small, [large], [small[0]!, large, ...small]]) {
      const ours = await encodeRecordBatch(packed(records), IDENTITY);
      expect(ours.equals(await theirs(records, records[0]!.timestamp))).toBe(true);
    }
  });

  test.each(['gzip', 'zstd'] as const)('can be compressed with %s', async (compression) => {
    const records = Array.from({ length: 100 }, (_, i) => ({
      key: null,
      value: Buffer.from(`value ${i}`),
      headers: { n: String(i) },
      timestamp: 1_000 + i,
    }));
    const plain = await encodeRecordBatch(packed(records), IDENTITY);
    const small = await encodeRecordBatch(packed(records), IDENTITY, compressorOf(compression));
    expect(small.length).toBeLessThan(plain.length / 2);
    expect(small.readUInt32BE(17)).toBe(crc32c(small, 21, small.length));
    if (compression === 'gzip') {
      expect(gunzipSync(small.subarray(RECORDS_AT))).toEqual(plain.subarray(RECORDS_AT));
      const { records: decoded } = await decodeBatch(new Decoder(small));
      expect(decoded.map(({ value }: { value: Buffer }) => value.toString())).toEqual(
        records.map(({ value }) => value.toString()),
      );
    }
  });
});

test('what was packed is unpacked again, whatever stands beside it', () => {
  const bytesOf = (value: Buffer | string): Buffer => Buffer.from(value);
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), (records) => {
      for (const [i, one] of packed(records).entries()) {
        const { key, value, headers, timestamp } = unpackRecord(one);
        expect({ key, value, timestamp }).toEqual({
          key: records[i]!.key,
          value: records[i]!.value,
          timestamp: records[i]!.timestamp,
        });
        const given = Object.entries(records[i]!.headers).map(([name, header]) => {
          const values = [header].flat().map(bytesOf);
          return [bytesOf(name).toString(), values] as const;
        });
        const found = Object.entries(headers).map(
          ([name, header]) => [name, [header].flat()] as const,
        );
        // Two names that no UTF-8 tells apart (lone surrogates) have become one.
        if (new Set(given.map(([name]) => name)).size === given.length) {
          expect(found).toEqual(given);
        }
      }
    }),
  );
});
