import { describe, expect, test } from 'vitest';
import { ChunkedReader } from '../../../../services/balancer/http/chunked.ts';
import { bytes } from './heads.ts';

/** Feeds the pieces; what came out, and -1 or the bytes left over behind the body. */
function read(...pieces: string[]) {
  const reader = new ChunkedReader();
  let out = '';
  let counted = 0;
  for (const piece of pieces) {
    const at = reader.feed(bytes(piece), 0);
    out += Buffer.concat(reader.output).toString('latin1');
    counted += reader.counted;
    if (at < 0) return { out, counted, rest: -1 };
    if (reader.done) return { out, counted, rest: piece.length - at };
  }
  return { out, counted, rest: undefined };
}

describe('what goes on', () => {
  test('canonical input: the very same bytes, not a copy', () => {
    const input = bytes('5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n');
    const reader = new ChunkedReader();
    expect(reader.feed(input, 0)).toBe(input.length);
    expect(reader.output).toEqual([input]);
    expect(reader.output[0]!.buffer).toBe(input.buffer);
  });

  test.each([
    ['an extension', '2;a="b"\r\nok\r\n0\r\n\r\n'],
    ['bare LF', '2\nok\n0\n\n'],
    ['blanks behind the size', '2 \t\r\nok\r\n0\r\n\r\n'],
    ['leading zeros', '00002\r\nok\r\n000\r\n\r\n'],
    ['an extension of the last chunk', '2\r\nok\r\n0;x=y\r\n\r\n'],
  ])('%s is made canonical', (_name, text) => {
    expect(read(text)).toEqual({ out: '2\r\nok\r\n0\r\n\r\n', counted: 3, rest: 0 });
  });

  test('trailers are checked as fields are, framing ones are left out', () => {
    const { out } = read('0\r\nX-T:  v\r\nContent-Length: 3\r\nHost: b\r\n\r\n');
    expect(out).toBe('0\r\nx-t: v\r\n\r\n');
    expect(read('0\r\nX : y\r\n\r\n').rest).toBe(-1);
  });

  test('what follows the body stays where it is', () => {
    expect(read('0\r\n\r\nGET').rest).toBe(3);
    expect(read('0\r\nA: b\r\n\r\nGET').rest).toBe(3);
    expect(read('2\r', '\nok\r\n0', '\r\n\r', '\nGET')).toMatchObject({
      out: '2\r\nok\r\n0\r\n\r\n',
      rest: 3,
    });
  });
});

describe('what is refused', () => {
  test.each([
    'zz\r\n',
    ' 2\r\nok\r\n',
    '0x2\r\nok\r\n',
    '-2\r\nok\r\n',
    '\r\nok',
    '2\rXok\r\n',
    '2\r\nokX\r\n',
    '2\r\nok\rX',
    '2;a\rX',
    'FFFFFFFFFFFFFFFFF\r\n',
    `2;${'x'.repeat(5000)}\r\nok\r\n`,
    `${'0'.repeat(5000)}2\r\nok\r\n`,
    `0\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
  ])('%j', (text) => {
    expect(read(text).rest).toBe(-1);
    expect(read(...text).rest).toBe(-1);
  });
});
