import type { StreamInfo } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { crowded, dueChange, isWhole } from '#core/jetstream/stream-plan.ts';

interface Replica {
  name: string;
  current?: boolean;
  offline?: boolean;
  lag?: number;
}

function stream(leader: string | undefined, replicas: readonly (string | Replica)[], count = 3) {
  const config = { name: `S_${leader}`, num_replicas: count, max_age: 7, max_bytes: 100 };
  const cluster = {
    leader,
    replicas: replicas.map((one) => {
      const replica = typeof one === 'string' ? { name: one } : one;
      return { current: true, offline: false, active: 0, lag: 0, ...replica };
    }),
  };
  return { config, cluster } as unknown as StreamInfo;
}

test('a stream is whole with a leader and every replica there and up to date', () => {
  expect(isWhole(stream('a', ['b', 'c']))).toBe(true);
  expect(isWhole(stream('a', ['b', { name: 'c', lag: 100 }]))).toBe(true);
  expect(isWhole(stream(undefined, ['b', 'c']))).toBe(false);
  expect(isWhole(stream('a', ['b']))).toBe(false);
  expect(isWhole(stream('a', ['b', { name: 'c', current: false }]))).toBe(false);
  expect(isWhole(stream('a', ['b', { name: 'c', offline: true }]))).toBe(false);
  expect(isWhole(stream('a', ['b', { name: 'c', lag: 5_000 }]))).toBe(false);
  expect(isWhole(stream(undefined, [], 1))).toBe(true);
});

test('a leader moves only when a server with a replica leads none', () => {
  const even = [stream('a', ['b', 'c']), stream('b', ['a', 'c']), stream('c', ['a', 'b'])];
  expect(crowded(even)).toBeUndefined();
  const two = [stream('a', ['b', 'c']), stream('a', ['b', 'c']), stream('b', ['a', 'c'])];
  expect(crowded(two)).toBe(two[0]);
  const elsewhere = [stream('b', ['a', 'c']), stream('a', ['b', 'd']), stream('a', ['b', 'c'])];
  expect(crowded(elsewhere)).toBe(elsewhere[1]);
  const nowhere = [stream('a', ['b']), stream('a', ['b']), stream('b', ['a'])];
  expect(crowded(nowhere)).toBeUndefined();
  expect(crowded([stream('a', ['b', 'c'])])).toBeUndefined();
});

test('replicas grow with the nodes up to three, and never shrink', () => {
  const limits = { max_age: 7, max_bytes: 100 };
  expect(dueChange(stream('a', [], 1), 1)).toBeUndefined();
  expect(dueChange(stream('a', [], 1), 3)).toEqual({ num_replicas: 3, ...limits });
  expect(dueChange(stream('a', ['b', 'c']), 7)).toBeUndefined();
  expect(dueChange(stream('a', ['b', 'c']), 1)).toBeUndefined();
  const placed = stream('a', [], 1);
  placed.config.placement = { cluster: 'c', tags: ['node:a'] };
  const change = dueChange(placed, 3);
  expect(change).toMatchObject({ num_replicas: 3 });
  expect(Object.keys(change!)).toContain('placement');
  expect(change!.placement).toBeUndefined();
  expect(dueChange(stream('a', ['b', 'c']), 3, { max_bytes: 50 })).toEqual({
    num_replicas: 3,
    max_age: 7,
    max_bytes: 50,
  });
});
