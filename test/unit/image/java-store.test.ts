import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { withDate } from '../../../image/build/java-store.ts';

const DAY = 1_795_305_600;

/** A store of the format that Java's KeyStore calls JKS, with certificates of any bytes. */
function store(dates: readonly number[], kind = 2, password = 'changeit'): Buffer {
  const text = (value: string) =>
    Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const entries = dates.map((milliseconds, at) => {
    const date = Buffer.alloc(8);
    date.writeBigUInt64BE(BigInt(milliseconds));
    const certificate = Buffer.alloc(100 + at, at);
    const tail = [text('X.509'), number(certificate.length), certificate];
    return Buffer.concat([number(kind), text(`debian:root${at}.pem`), date, ...tail]);
  });
  const head = [number(0xfeedfeed), number(2), number(dates.length)];
  const body = Buffer.concat([...head, ...entries]);
  const salted = Buffer.from(password, 'utf16le').swap16();
  const digest = createHash('sha1').update(salted).update('Mighty Aphrodite').update(body);
  return Buffer.concat([body, digest.digest()]);
}

test('stores that differ by when their certificates came are the same at one date', () => {
  const [one, other] = [store([1, 2, 3]), store([7_000_000_000_000, 8, 9])];
  expect(one.equals(other)).toBe(false);
  const dated = withDate(one, DAY);
  expect(withDate(other, DAY).equals(dated)).toBe(true);
  expect(dated.equals(store([DAY * 1000, DAY * 1000, DAY * 1000]))).toBe(true);
  expect(withDate(store([]), DAY).equals(store([]))).toBe(true);
});

test('what is no store of trusted certificates is refused', () => {
  expect(() => withDate(Buffer.from('MZ'), DAY)).toThrow('no Java key store');
  expect(() => withDate(Buffer.alloc(100), DAY)).toThrow('no Java key store');
  const broken = store([1]);
  broken[40]! ^= 1;
  expect(() => withDate(broken, DAY)).toThrow('damaged');
  expect(() => withDate(store([1], 2, 'secret'), DAY)).toThrow('another password');
  expect(() => withDate(store([1], 1), DAY)).toThrow('private keys');
});
