import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  avalanche,
  crc32,
  djb2,
  HASH_FUNCTIONS,
  sdbm,
  wt6,
} from '../../../../../services/balancer/policies/hashing/functions.ts';

const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));

/** The definitions, in numbers without a limit. */
const wide = (start: bigint, step: (hash: bigint, byte: bigint) => bigint) => (data: Buffer) =>
  Number([...data].reduce((hash, byte) => BigInt.asUintN(32, step(hash, BigInt(byte))), start));

describe('hash functions', () => {
  it('agree with their definitions on any bytes', () => {
    const wideSdbm = wide(0n, (hash, byte) => hash * 65_599n + byte);
    const wideDjb2 = wide(5381n, (hash, byte) => hash * 33n + byte);
    fc.assert(
      fc.property(bytes, (data) => {
        const text = data.toString('latin1');
        expect(sdbm(text)).toBe(wideSdbm(data));
        expect(djb2(text)).toBe(wideDjb2(data));
        expect(crc32(text)).toBe(zlibCrc32(data));
      }),
    );
  });

  it('yield 32 bits without a sign, and stay what they are', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        for (const digest of Object.values(HASH_FUNCTIONS)) {
          const hash = digest(data.toString('latin1'));
          expect(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32).toBe(true);
          const spread = avalanche(hash);
          expect(Number.isInteger(spread) && spread >= 0 && spread < 2 ** 32).toBe(true);
        }
      }),
    );
    expect(wt6('')).toBe((0xa53c965a ^ 0x5ca6953a) >>> 0);
    expect(crc32('123456789')).toBe(0xcbf43926);
  });

  it('spread neighbours: one bit of the input turns about half of the output', () => {
    let turned = 0;
    const samples = 2000;
    for (let i = 0; i < samples; i++) {
      let bits = (avalanche(i) ^ avalanche(i ^ (1 << (i % 32)))) >>> 0;
      for (; bits > 0; bits = (bits & (bits - 1)) >>> 0) turned += 1;
    }
    const mean = turned / samples;
    console.log('bits turned of 32:', mean.toFixed(2));
    expect(mean).toBeGreaterThan(13);
    expect(mean).toBeLessThan(19);
  });
});
