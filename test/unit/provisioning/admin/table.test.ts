import { expect, test } from 'vitest';
import { age, bytes, printable, rate, table } from '../../../../provisioning/admin/table.ts';

test('columns are aligned, numbers to the right, long cells cut', () => {
  const text = table(
    [
      { head: 'NAME', value: (row: [string, number]) => row[0] },
      { head: 'N', right: true, value: (row) => row[1] },
    ],
    [
      ['a', 5],
      ['x'.repeat(100), 12_345],
    ],
  );
  const [head, first, second] = text.split('\n');
  expect(head).toBe(`${'NAME'.padEnd(60)}      N`);
  expect(first).toBe(`${'a'.padEnd(60)}      5`);
  expect(second).toBe(`${'x'.repeat(59)}…  12345`);
});

test('what clients have chosen cannot speak to the terminal', () => {
  expect(printable('a\u001b[2Jb\u0007\u009b\u202e\n')).toBe(
    'a\\u001b[2Jb\\u0007\\u009b\\u202e\\u000a',
  );
  expect(printable('höhle ☂')).toBe('höhle ☂');
});

test('ages, sizes and rates in words', () => {
  expect([age(40_000), age(7_000_000), age(86_400_000), age(9e8), age(-5)]).toEqual([
    '40 s',
    '116 min',
    '24 h',
    '10 d',
    '0 s',
  ]);
  expect([bytes(512), bytes(1_536), bytes(20 << 20), bytes(5e14)]).toEqual([
    '512 B',
    '1.5 KiB',
    '20.0 MiB',
    '455 TiB',
  ]);
  expect([rate(0), rate(0.04), rate(3.14), rate(1234.5)]).toEqual(['0', '0.0', '3.1', '1235']);
});
