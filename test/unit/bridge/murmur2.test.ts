import { expect, test } from 'vitest';
import { murmur2, partitionOf } from '../../../services/bridge/kafka/murmur2.ts';

test.each([
  // What Kafka's own unit test of Utils.murmur2 expects.
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('a key has a partition, whatever the sign of its hash', () => {
  for (let i = 0; i < 1_000; i++) {
    const partition = partitionOf(Buffer.from(`key-${i}`), 6);
    expect(partition).toBeGreaterThanOrEqual(0);
    expect(partition).toBeLessThan(6);
  }
  expect(partitionOf(Buffer.from('foobar'), 7)).toBe((-790332482 & 0x7fffffff) % 7);
});
