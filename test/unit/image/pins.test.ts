import { expect, test } from 'vitest';
import {
  compare,
  parsePins,
  pinPreferences,
  pinsDate,
  pinsText,
} from '../../../image/build/pins.ts';

test('a list of versions is read as it was written, with its day', () => {
  const text = pinsText('apt=3.0.4\nlibc6=2.41-12\n', '2026-11-21');
  expect([...parsePins(text)]).toEqual([
    ['apt', '3.0.4'],
    ['libc6', '2.41-12'],
  ]);
  expect(pinsDate(text)).toBe(Date.UTC(2026, 10, 21) / 1000);
});

test('a list that is none is refused', () => {
  expect(() => parsePins('apt 3.0.4\n')).toThrow('not package=version: apt 3.0.4');
  expect(() => parsePins('apt=\n')).toThrow('not package=version');
  expect(() => pinsDate('apt=3.0.4\n')).toThrow('of which day');
});

test('apt takes just these versions, and a difference is told by package', () => {
  const pins = parsePins('apt=3.0.4\nlibc6=2.41-12\n');
  expect(pinPreferences(pins)).toContain(
    'Package: libc6\nPin: version 2.41-12\nPin-Priority: 1001\n',
  );
  expect(compare(pins, pins)).toEqual([]);
  expect(compare(pins, parsePins('apt=3.0.5\nxz-utils=5.8\n'))).toEqual([
    'apt: 3.0.4, installed: 3.0.5',
    'libc6: 2.41-12, installed: not at all',
    'xz-utils: not in the list, installed: 5.8',
  ]);
});
