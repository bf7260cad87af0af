import { expect, test } from 'vitest';
import { Copies } from '../../../services/bridge/kafka/copies.ts';

test('what settings say goes, and somebody else’s Kafka has as many copies as it has brokers', () => {
  const copies = new Copies();
  expect(copies.of({ replicas: 2, own: 3 }, 1)).toBe(2);
  expect([1, 2, 3, 9].map((brokers) => copies.of({}, brokers))).toEqual([1, 2, 3, 3]);
  expect([1, 2, 3, 6].map((own) => copies.of({ own }, own))).toEqual([1, 2, 3, 3]);
});

test('a new topic waits a minute for a node of ours, and each time anew', () => {
  let now = 0;
  const copies = new Copies(() => now);
  const asked = (at: number, brokers: number) => {
    now = at * 1_000;
    return copies.of({ own: 3 }, brokers);
  };
  expect([0, 20, 40, 60].map((at) => asked(at, 2))).toEqual(Array(4).fill(undefined));
  expect(asked(61, 3)).toBe(3);
  expect([62, 82, 102, 122, 123].map((at) => asked(at, 2))).toEqual([
    ...Array(4).fill(undefined),
    2,
  ]);
  expect(asked(1_000, 2)).toBe(undefined);
});
