import { beforeEach, expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import type { Stored } from '#core/message-log/direct-gets.ts';
import { createLogCounters } from '#core/message-log/log-counters.ts';
import { recordHeader, stampRecord } from '#core/message-log/record.ts';
import { ShardFeed } from '#core/message-log/shard-feed.ts';

let stored: Map<number, Buffer>;
/** The replica that is asked has nothing from here on. */
let replicaEnd: number;
let read: number[];
let asked: string[];
let leaps: number;
let counters: ReturnType<typeof createLogCounters>;
let feed: ShardFeed;

beforeEach(() => {
  stored = new Map();
  replicaEnd = Number.POSITIVE_INFINITY;
  read = [];
  asked = [];
  leaps = 0;
  counters = createLogCounters();
  for (let sequence = 1; sequence <= 200; sequence++) stored.set(sequence, record(sequence));
  feed = new ShardFeed({
    shard: 0,
    gets: {
      from: async (_, sequence) => {
        asked.push(`replica ${sequence}`);
        return find(sequence, replicaEnd);
      },
      fromLeader: async (_, sequence) => {
        asked.push(`leader ${sequence}`);
        return find(sequence, Number.POSITIVE_INFINITY);
      },
    },
    connected: () => true,
    counters,
    log: createLog({ service: 'test', level: 'silent' }),
    onReady: () => {
      for (let front = feed.peek(); front !== undefined; front = feed.peek()) {
        read.push(front.sequence);
        feed.shift();
      }
    },
    onLeap: () => leaps++,
  });
});

function record(number: number): Buffer {
  const bytes = recordHeader('pi1/a', 0);
  stampRecord(bytes, number, number);
  return bytes;
}

function find(sequence: number, end: number): Stored | undefined {
  for (let at = sequence; at < end && at <= 200; at++) {
    const bytes = stored.get(at);
    if (bytes !== undefined) return { sequence: at, bytes };
  }
  return undefined;
}

/** Lets what was asked be answered, and time pass. */
async function tick(times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    feed.tick(performance.now() + 10_000 * (i + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

test('what comes in order is read at once, and nothing is asked for', () => {
  feed.begin(1);
  for (let sequence = 1; sequence <= 5; sequence++) feed.arrived(sequence, record(sequence));
  feed.arrived(3, record(3));
  expect(read).toEqual([1, 2, 3, 4, 5]);
  expect(asked).toEqual([]);
});

test('what came before the start waits for it, and a gap is filled', async () => {
  feed.arrived(4, record(4));
  feed.arrived(9, record(9));
  expect(read).toEqual([]);
  feed.begin(5);
  expect(feed.behind).toBe(true);
  await tick();
  expect(read.slice(0, 5)).toEqual([5, 6, 7, 8, 9]);
  expect(counters.filled).toBeGreaterThanOrEqual(4);
});

test('a lost end is noticed, and everything from there is read', async () => {
  feed.begin(1);
  await tick(20);
  expect(read).toEqual(upTo(200));
  expect(counters).toMatchObject({ filled: 200, lost: 0 });
  const before = asked.length;
  await tick(3);
  expect(asked.length - before).toBeLessThanOrEqual(3);
});

test('records that were removed are passed over and counted', async () => {
  for (let sequence = 1; sequence <= 50; sequence++) stored.delete(sequence);
  feed.begin(11);
  await tick(20);
  expect(read).toEqual(upTo(200, 51));
  expect(counters.lost).toBe(40);
  expect(leaps).toBe(1);
});

test('the leader is asked when the replica of this node stays behind', async () => {
  replicaEnd = 1;
  feed.begin(1);
  feed.arrived(21, record(21));
  await tick(20);
  expect(read.slice(0, 21)).toEqual(upTo(21));
  expect(asked.filter((question) => question.startsWith('leader')).length).toBeGreaterThan(10);
});

test('a record that cannot be read is passed over', async () => {
  stored.set(2, Buffer.from('noise'));
  feed.begin(1);
  await tick(20);
  expect(read).toEqual([1, ...upTo(200, 3)]);
});

test('what is held for later is bounded, and asked for again', async () => {
  const large = Buffer.concat([record(0), Buffer.alloc(1 << 20)]);
  feed.begin(1);
  for (let sequence = 2; sequence <= 20; sequence++) feed.arrived(sequence, large);
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(200 << 20);
  for (let sequence = 2; sequence <= 20; sequence++) stored.set(sequence, record(sequence));
  await tick(20);
  expect(read.at(-1)).toBe(200);
});

test('a shard has a leader as long as that is heard of, which is asked now and then', async () => {
  feed.begin(201);
  const now = performance.now();
  expect(feed.led(now)).toBe(false);
  expect(feed.led(now)).toBe(false);
  expect(asked.filter((one) => one.startsWith('leader'))).toEqual(['leader 201']);
  await tick();
  expect(feed.led(now + 500)).toBe(true);
  expect(feed.led(now + 2_500)).toBe(true);
  expect(asked.filter((one) => one.startsWith('leader'))).toHaveLength(2);
});

test('what a new leader is the first to know of is read', async () => {
  replicaEnd = 191;
  feed.begin(191);
  feed.led(performance.now());
  await tick();
  expect(read).toEqual([191]);
});
