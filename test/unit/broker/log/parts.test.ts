import { beforeEach, expect, test } from 'vitest';
import type { LogRecord } from '#core/message-log/log-record.ts';
import { RecordOrder } from '#core/message-log/order.ts';
import { RecordRing } from '#core/message-log/record-ring.ts';
import { SeenRecords } from '#core/message-log/seen-records.ts';
import { LOG_SHARDS, laneOf } from '#core/message-log/shard-names.ts';
import { Message } from '#core/mqtt/message.ts';
import { ShardBoard } from '../../../../services/broker/log/shard-board.ts';
import { TurnTimer } from '../../../../services/broker/log/turn-timer.ts';

const MINUTE = 60_000;

function record(number: number, time = number, writer = 'pi1/a'): LogRecord {
  const messages = [new Message('t', 1, false, Buffer.alloc(1_000))];
  return { shard: 0, sequence: number, time, writer, lane: 0, number, messages };
}

test('topics spread evenly over the lanes', () => {
  const counts = new Array<number>(LOG_SHARDS).fill(0);
  for (let i = 0; i < 3_000; i++) counts[laneOf(`zigbee2mqtt/room ${i % 60}/sensor ${i}`)]!++;
  console.log(`3000 topics: ${counts.join(' ')}`);
  for (const count of counts) expect(count).toBeGreaterThan(850);
});

test('a ring keeps the last records that fit, and begins anew after a leap', () => {
  const ring = new RecordRing(10_000);
  for (let sequence = 1; sequence <= 50; sequence++) ring.add(record(sequence));
  expect(ring.bytes).toBeLessThanOrEqual(10_000);
  expect(ring.get(50)?.sequence).toBe(50);
  expect(ring.get(46)?.sequence).toBe(46);
  expect(ring.get(30)).toBeUndefined();
  ring.add(record(90));
  expect(ring.get(50)).toBeUndefined();
  ring.add(record(91));
  expect([ring.get(90)?.sequence, ring.get(91)?.sequence]).toEqual([90, 91]);
  const small = new RecordRing(1);
  small.add(record(1));
  expect(small.get(1)?.sequence).toBe(1);
});

let board: ShardBoard;
beforeEach(() => {
  board = new ShardBoard(3);
});

test('lanes of shards that fail spread over those that work', () => {
  board.failed(0, 0);
  const first = board.alternative(0);
  board.moved(0, first);
  expect(board.works(first)).toBe(true);
  board.failed(first, 10);
  const last = board.alternative(first);
  expect(new Set([0, first, last]).size).toBe(3);
  board.failed(last, 20);
  expect(board.alternative(last)).toBe(0);
});

test('a shard that failed is tried now and then, and seldom when it fails again and again', () => {
  const tries = (from: number, until: number): number => {
    let count = 0;
    for (let now = from; now < until; now += 100) count += board.due(now).length;
    return count;
  };
  board.failed(1, 0);
  expect(tries(0, 10_000)).toBe(9);
  expect(board.worked(1, 10_000)).toBe(true);
  expect(board.worked(1, 10_000)).toBe(false);
  for (let now = 11_000; now < 16_000; now += 1_000) {
    board.failed(1, now);
    board.worked(1, now + 500);
  }
  board.failed(1, 20_000);
  expect(tries(20_000, 120_000)).toBeLessThan(10);
});

test('the wait for a shard follows how long it takes, between bounds', () => {
  const timer = new TurnTimer();
  for (let i = 0; i < 50; i++) timer.confirmed(5);
  expect(timer.wait).toBe(500);
  for (let i = 0; i < 50; i++) timer.confirmed(i % 2 === 0 ? 300 : 700);
  expect(timer.wait).toBeGreaterThan(900);
  for (let i = 0; i < 50; i++) timer.confirmed(30_000);
  expect(timer.wait).toBe(2_000);
  timer.turns = 5;
  expect(timer.wait).toBe(4_000);
});

test('a first record of a writer may be one that others overtook', () => {
  const order = new RecordOrder(new SeenRecords());
  expect(order.judge(record(7))).toBe('new');
  order.take(record(7));
  expect(order.judge(record(7))).toBe('copy');
  expect(order.judge(record(9))).toBe('early');
  expect(order.judge(record(6))).toBe('new');
  order.take(record(6));
  expect(order.judge(record(6))).toBe('copy');
  expect(order.judge(record(0))).toBe('copy');
});

test('silent writers are forgotten, and records that never came', () => {
  const order = new RecordOrder(new SeenRecords());
  order.take(record(1, 0, 'pi9/old'));
  order.take(record(1, 0));
  order.take(record(5, 1));
  for (let number = 6; number < 600; number++) order.take(record(number, 2 * MINUTE));
  expect(order.judge(record(3))).toBe('new');
  for (let number = 600; number < 1_200; number++) order.take(record(number, 20 * MINUTE));
  expect(order.judge(record(3))).toBe('copy');
  expect([...order.seen.writers]).toEqual(['pi1/a']);
});
