import { expect, test } from 'vitest';
import * as units from '../../../services/stats/page/units.ts';

const plain = (text: string) => text.replaceAll('\u00a0', ' ').replaceAll('\u202f', ' ');

test.each([
  [0, '0'],
  [999, '999'],
  [4711, '4 711'],
  [99_999, '99 999'],
  [123_456, '123 k'],
  [999_600, '1 M'],
  [1_234_567, '1.23 M'],
])('count %d → %s', (value, text) => expect(plain(units.count(value))).toBe(text));

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [12_595, '12.3 KiB'],
  [1_048_575, '1 MiB'],
  [5 * 2 ** 30, '5 GiB'],
])('bytes %d → %s', (value, text) => expect(plain(units.bytes(value))).toBe(text));

test('a share of a size is in the unit of the whole', () => {
  expect(plain(units.bytesOf(512 * 2 ** 20, 8 * 2 ** 30))).toBe('0.5 of 8 GiB');
  expect(plain(units.bytesOf(0, 0))).toBe('0 of 0 B');
});

test.each([
  [0, '0'],
  [0.44, '0.4'],
  [10, '10'],
  [99.95, '100'],
  [1234.4, '1 234'],
  [54_321, '54.3 k'],
])('rate %d → %s', (value, text) => expect(plain(units.rate(value))).toBe(text));

test.each([
  [-3, '0 s'],
  [45, '45 s'],
  [72, '1 min 12 s'],
  [754, '12 min'],
  [7200, '2 h'],
  [9000, '2 h 30 min'],
  [273_900, '3 d 4 h'],
])('duration %d → %s', (value, text) => expect(plain(units.duration(value))).toBe(text));

test('a moment of another day carries its date', () => {
  const now = new Date(2026, 10, 21, 10, 41, 7).getTime();
  expect(units.moment(now, now)).toBe('10:41:07');
  expect(units.moment(now - 86_400_000, now)).toBe('2026-11-20 10:41:07');
});

test('all digits are grouped, also of what has a fraction', () => {
  expect(plain(units.exact(1234567))).toBe('1 234 567');
  expect(plain(units.exact(1234.5678))).toBe('1 234.5678');
});
