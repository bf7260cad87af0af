import { expect, test } from 'vitest';
import { copyOf, giveBack } from '../../../../services/balancer/tcp/read-buffers.ts';

test.each([1, 4096, 4097, 65_535, 65_536])(
  '%d bytes are copied, and stay until given back',
  (size) => {
    const source = Buffer.alloc(size, 'a');
    const copy = copyOf(source);
    source.fill('b');
    const others = Array.from({ length: 50 }, () => copyOf(source));
    expect(copy.equals(Buffer.alloc(size, 'a'))).toBe(true);
    for (const each of [copy, ...others]) giveBack(each);
  },
);

test('nothing is taken back twice, and nothing that was never lent', () => {
  const copy = copyOf(Buffer.alloc(60_000));
  giveBack(copy);
  giveBack(copy);
  giveBack(Buffer.allocUnsafeSlow(65_536));
  const memories = new Set(Array.from({ length: 100 }, () => copyOf(Buffer.alloc(60_000)).buffer));
  expect(memories.size).toBe(100);
});

test('a large one is used again, two at a time are never the same', () => {
  const first = copyOf(Buffer.alloc(60_000));
  const memory = first.buffer;
  giveBack(first);
  const second = copyOf(Buffer.alloc(50_000));
  expect(second.buffer).toBe(memory);
  expect(second).toHaveLength(50_000);
  expect(copyOf(Buffer.alloc(50_000)).buffer).not.toBe(memory);
});
