import { beforeEach, expect, test } from 'vitest';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { readRecord } from '#core/message-log/record.ts';
import { Message } from '#core/mqtt/message.ts';
import { LaneWriter } from '../../../../services/broker/log/lane-writer.ts';
import { ShardBoard } from '../../../../services/broker/log/shard-board.ts';

interface Sent {
  shard: number;
  number: number;
  topics: string[];
  time: number;
}

let sent: Sent[];
let settled: string[];
let connected: boolean;
let board: ShardBoard;
let lane: LaneWriter;
let clock: number;

beforeEach(() => {
  sent = [];
  settled = [];
  connected = true;
  clock = 1;
  board = new ShardBoard(3);
  lane = new LaneWriter({
    lane: 1,
    writer: 'pi1/a',
    board,
    recordMax: () => 1 << 20,
    connected: () => connected,
    time: () => clock++,
    counters: { records: 0, resent: 0, failovers: 0, committed: 0 },
    send: (shard, _lane, bytes, number) => {
      const record = readRecord(bytes, shard, 0);
      expect(record.number).toBe(number);
      const topics = record.messages.map(({ topic }) => topic);
      sent.push({ shard, number, topics, time: record.time });
    },
  });
});

function append(topic: string, bytes = 10): void {
  lane.append(new Message(topic, 1, false, Buffer.alloc(bytes)), {
    settle: (_error, position) => {
      const where = position === undefined ? 'failed' : Object.values(position).join('.');
      settled.push(`${topic} ${where}`);
    },
  });
}

/** So many records on their way. */
function fill(count: number): void {
  for (let i = 1; i <= count; i++) {
    append(`t${i}`);
    lane.flush();
  }
  expect(sent.map(({ number }) => number)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
}

const later = (milliseconds: number): number => performance.now() + milliseconds;
const unavailable = (): BrambleError => new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'late');

test('messages of a turn share a record, and what comes while eight are on their way the next', () => {
  append('a');
  append('b');
  lane.flush();
  expect(sent).toEqual([{ shard: 1, number: 1, topics: ['a', 'b'], time: 1 }]);
  for (let i = 2; i <= 12; i++) {
    append(`t${i}`);
    lane.flush();
  }
  expect(sent.length).toBe(8);
  lane.confirm(1, 1, 100);
  expect(settled).toEqual(['a 1.100.0', 'b 1.100.1']);
  expect(sent[8]?.topics).toEqual(['t9', 't10', 't11', 't12']);
  for (let number = 9; number > 1; number--) lane.confirm(number, 1, 100 + number);
  expect(lane.pendingBytes).toBe(0);
  expect(lane.waitingSince).toBeUndefined();
});

test('a record ends at 64 KiB, and a larger message has one of its own', () => {
  for (let i = 0; i < 10; i++) append('a', 20_000);
  append('large', 200_000);
  append('after');
  lane.flush();
  expect(sent.map(({ topics }) => topics.length)).toEqual([3, 3, 3, 1, 1, 1]);
  expect(sent[4]?.topics).toEqual(['large']);
  append('too large', 1 << 20);
  expect(settled).toEqual(['too large failed']);
});

test('what is not confirmed in half a second goes to another shard under the same numbers', () => {
  fill(4);
  const { time } = sent[1]!;
  lane.confirm(1, 1, 50);
  lane.tick(later(400));
  expect(sent.length).toBe(4);
  lane.tick(later(600));
  const again = sent.slice(4);
  expect(again.map(({ number }) => number)).toEqual([2, 3, 4]);
  expect(again[0]!.time).toBe(time);
  const { shard } = again[0]!;
  expect(shard).not.toBe(1);
  append('next');
  lane.flush();
  expect(sent.at(-1)).toMatchObject({ shard, number: 5 });
  // The first shard's late answer counts as well as the second's.
  lane.confirm(2, 1, 51);
  lane.confirm(2, shard, 9);
  lane.confirm(3, shard, 10);
  expect(settled).toEqual(['t1 1.50.0', 't2 1.51.0', `t3 ${shard}.10.0`]);
});

test('a shard without leader is left at once, and one after the other is tried', () => {
  fill(2);
  lane.refuse(1, later(0));
  const second = lane.shard;
  lane.refuse(1, later(0));
  expect(lane.shard).toBe(second);
  lane.refuse(second, later(0));
  expect(new Set([1, second, lane.shard]).size).toBe(3);
  expect(sent.map(({ number }) => number)).toEqual([1, 2, 1, 2, 1, 2]);
});

test('it goes home when home works again and nothing is on its way elsewhere', () => {
  fill(2);
  lane.refuse(1, later(0));
  const away = lane.shard;
  board.worked(1, later(0));
  append('after');
  lane.flush();
  expect(sent.length).toBe(4);
  lane.confirm(1, away, 1);
  expect(sent.length).toBe(4);
  lane.confirm(2, away, 2);
  expect(sent.at(-1)).toMatchObject({ shard: 1, number: 3, topics: ['after'] });
});

test('while the connection is gone everything waits, and goes on under its numbers', () => {
  fill(3);
  connected = false;
  append('waiting');
  lane.flush();
  lane.tick(later(5_000));
  expect(sent.length).toBe(3);
  connected = true;
  lane.resume(later(5_000));
  expect(sent.slice(3).map(({ number }) => number)).toEqual([1, 2, 3, 4]);
});

test('what is given up leaves its number behind, without messages', () => {
  fill(2);
  connected = false;
  append('waiting');
  expect(lane.expire(later(0), unavailable)).toBe(3);
  expect(settled).toEqual(['t1 failed', 't2 failed', 'waiting failed']);
  expect(lane.pendingBytes).toBe(0);
  connected = true;
  append('new');
  lane.resume(later(0));
  expect(sent.slice(2)).toMatchObject([
    { number: 1, topics: [] },
    { number: 2, topics: [] },
    { number: 3, topics: ['new'] },
  ]);
  lane.confirm(1, 1, 7);
  lane.confirm(3, 1, 9);
  expect(settled.at(-1)).toBe('new 1.9.0');
  expect(lane.pendingBytes).toBe(0);
});
