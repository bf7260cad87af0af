import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, expect, test } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import { Cursor } from '#core/message-log/cursor.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import {
  messageLengthMax,
  recordHeader,
  stampRecord,
  writeMessage,
} from '#core/message-log/record.ts';
import { streamOf, subjectOf } from '#core/message-log/shard-names.ts';
import { Message } from '#core/mqtt/message.ts';
import type { JetStreamLog } from '../../services/broker/log/jetstream-log.ts';
import { eventually, pause } from '../support/broker.ts';
import { LogNode } from '../support/log-nodes.ts';
import { type NatsServer, startNats } from '../support/nats.ts';

let servers: NatsServer[] = [];
let nodes: LogNode[] = [];
let stop: (() => Promise<void>) | undefined;

afterEach(async () => {
  for (const node of nodes) await node.close();
  await stop?.();
  nodes = [];
  stop = undefined;
});

async function start(count: number, options = {}, replicas = count): Promise<LogNode> {
  ({ servers, stop } = await startNats(count));
  return add(0, replicas, options);
}

async function add(server: number, replicas: number, options = {}): Promise<LogNode> {
  const node = new LogNode(servers[server]!, replicas, options);
  nodes.push(node);
  return node.start();
}

/** A record of a writer elsewhere, put into a shard as it would do it. */
async function write(node: LogNode, shard: number, number: number, lane = 0): Promise<void> {
  const message = new Message(`t/${lane}`, 1, false, Buffer.from(`${number}`));
  message.sequence = number;
  const room = Buffer.alloc(messageLengthMax(message));
  const bytes = Buffer.concat([
    recordHeader('far/1', lane),
    room.subarray(0, writeMessage(room, message, 0)),
  ]);
  stampRecord(bytes, number, 1_000 + number);
  await node.bus.nats.request(subjectOf(shard), bytes, { timeout: 2_000 });
}

async function readAll(log: JetStreamLog, from = Cursor.start(3)): Promise<string[]> {
  const reader = log.reader(from);
  const read: string[] = [];
  for (;;) {
    const found = reader.next();
    if (found === 'head') return read;
    if (found === 'wait') await reader.load();
    else read.push(...found.messages.map((message) => message.payload.toString()));
  }
}

test('a record that overtook another one through another shard waits for it', async () => {
  const got: string[] = [];
  const node = await start(1, {
    onMessage: (message: Message) => got.push(message.payload.toString()),
  });
  await write(node, 0, 1);
  await write(node, 1, 3);
  await write(node, 1, 4);
  await pause(300);
  expect(got).toEqual(['1']);
  expect(node.log.head.sequences).toEqual([1, 0, 0]);
  await write(node, 2, 2);
  await write(node, 0, 3);
  await eventually('the rest', () => got.length === 4);
  await pause(200);
  expect(got).toEqual(['1', '2', '3', '4']);
  expect(node.log.head.sequences).toEqual([2, 2, 1]);
  expect(node.log.counters.secondCopies).toBe(1);
  expect(await readAll(node.log)).toEqual(['1', '2', '3', '4']);
});

test('two shards do not wait for what stands behind each other', async () => {
  const got: string[] = [];
  const node = await start(1, {
    onMessage: ({ topic, sequence }: Message) => got.push(`${topic} ${sequence}`),
  });
  await write(node, 0, 1, 0);
  await write(node, 1, 1, 1);
  await write(node, 0, 3, 0);
  await write(node, 1, 3, 1);
  await pause(200);
  expect(node.log.head.sequences).toEqual([1, 1, 0]);
  expect(node.log.reader(node.log.head).next()).toBe('wait');
  const cursor = node.log.head.clone();
  await write(node, 0, 2, 1);
  await write(node, 1, 2, 0);
  await eventually('all', () => got.length === 6, 5_000);
  expect(got.filter((id) => id.startsWith('t/0'))).toEqual(['t/0 1', 't/0 2', 't/0 3']);
  expect(got.filter((id) => id.startsWith('t/1'))).toEqual(['t/1 1', 't/1 2', 't/1 3']);
  expect(node.log.head.sequences).toEqual([3, 3, 0]);
  expect(await readAll(node.log)).toEqual(['1', '1', '2', '2', '3', '3']);
  expect(await readAll(node.log, cursor)).toEqual(['2', '2', '3', '3']);
});

test('one whose forerunner does not come goes on, and the late one comes once', async () => {
  const got: string[] = [];
  const node = await start(1, {
    reorderWait: 500,
    onMessage: (message: Message) => got.push(message.payload.toString()),
  });
  await write(node, 0, 1);
  await write(node, 0, 3);
  await eventually('not to wait for good', () => got.length === 2);
  expect(got).toEqual(['1', '3']);
  const cursor = Cursor.decode(node.log.head.encode());
  await write(node, 1, 2);
  await write(node, 2, 2);
  await write(node, 2, 4);
  await eventually('the late one', () => got.length === 4);
  expect(got).toEqual(['1', '3', '2', '4']);
  expect(await readAll(node.log, cursor)).toEqual(['2', '4']);
});

test('a session that moves finds on every node what it has not read, and no more', async () => {
  const first = await start(2);
  const second = await add(1, 2);
  for (let i = 0; i < 500; i++) first.append(`t/${i % 7}`, Buffer.from(`${i}`));
  await eventually('settled', () => first.settled === 500);
  const cursor = first.log.head.clone();
  for (let i = 500; i < 900; i++) second.append(`t/${i % 7}`, Buffer.from(`${i}`));
  await eventually('settled', () => second.settled === 400);
  const third = await add(0, 2);
  await eventually('read', () => first.tally.total === 900 && second.tally.total === 900);
  const expected = Array.from({ length: 400 }, (_, i) => `${500 + i}`).sort();
  for (const { log } of [first, second, third]) {
    expect((await readAll(log, cursor)).sort()).toEqual(expected);
    expect((await readAll(log, log.head.clone())).length).toBe(0);
  }
});

test('a message is found again by its position, and trimmed ones are lost with a count', async () => {
  const node = await start(1, { ringBytes: 1_000 });
  const positions: LogPosition[] = [];
  for (let i = 0; i < 200; i++) {
    const message = new Message(`t/${i % 9}`, 2, false, Buffer.from(`payload ${i}`));
    message.packetId = i + 1;
    message.publisher = 'client';
    node.log.append(message, { settle: (_, position) => positions.push(position!) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually('settled', () => positions.length === 200);
  for (const position of positions) {
    const found = await node.log.fetch(position);
    expect(found?.position).toEqual(position);
    expect(found?.payload.toString()).toBe(`payload ${found!.packetId - 1}`);
    expect(found?.publisher).toBe('client');
    expect(found?.origin).toBe('n1');
  }
  const floor = node.log.head.sequences.map((sequence) => Math.floor(sequence / 2) + 1);
  await node.log.trim(floor);
  const { log } = await add(0, 1, { ringBytes: 1_000 });
  const reader = log.reader(Cursor.start(3));
  let read = 0;
  for (let found = reader.next(); found !== 'head'; found = reader.next()) {
    if (found === 'wait') await reader.load();
    else read++;
  }
  const gone = floor.reduce((sum, sequence) => sum + sequence - 1, 0);
  const total = node.log.head.sequences.reduce((sum, sequence) => sum + sequence, 0);
  expect(reader.lost).toBe(gone);
  expect(read).toBe(total - gone);
  const early = positions.find(({ shard, sequence }) => sequence < floor[shard]! - 2)!;
  expect(await log.fetch(early)).toBeUndefined();
});

test('without a quorum nothing is confirmed, publishers are told, and memory is set free', async () => {
  const node = await start(3, { patience: 4_000 });
  const changes: boolean[] = [];
  node.log.on('writable', (writable) => changes.push(writable));
  node.append('a', Buffer.from('1'));
  await eventually('settled', () => node.confirmed.size === 1);
  await Promise.all([servers[1]!.kill(), servers[2]!.kill()]);
  for (let i = 0; i < 100; i++) node.append('a', Buffer.alloc(1_000));
  expect(node.log.pendingBytes).toBeGreaterThan(100_000);
  await eventually('given up', () => node.failed === 100, 15_000);
  expect(node.log.pendingBytes).toBe(0);
  expect(node.log.writable).toBe(false);
  await Promise.all([servers[1]!.restart(), servers[2]!.restart()]);
  node.append('a', Buffer.from('2'));
  await eventually('writable', () => node.log.writable, 30_000);
  await eventually('settled', () => node.settled === 102, 30_000);
  expect(changes).toEqual([false, true]);
});

test('a message beyond what may wait is refused at once', async () => {
  const node = await start(1, { pendingMax: 10_000 });
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 50; i++) {
    node.log.append(new Message('t', 1, false, Buffer.alloc(1_000)), {
      settle: (error) => codes.push((error as { code?: string } | undefined)?.code),
    });
  }
  expect(codes.length).toBeGreaterThan(30);
  expect(new Set(codes)).toEqual(new Set([ERROR_CODES.ENGINE_UNAVAILABLE]));
  await eventually('settled', () => codes.length === 50);
  expect(codes.filter((code) => code === undefined).length).toBeGreaterThan(5);
});

test('one replica becomes three, and the leaders spread', async () => {
  const careInterval = 300;
  const node = await start(3, { careInterval }, 1);
  for (let i = 0; i < 300; i++) node.append(`t/${i}`, Buffer.from('x'));
  await eventually('settled', () => node.settled === 300);
  expect((await node.log.info()).map(({ replicas }) => replicas.length)).toEqual([0, 0, 0]);
  await node.close();
  nodes = [];
  const { log } = await add(0, 3, { careInterval });
  await eventually(
    'three replicas, with a leader each',
    async () => {
      const infos = await log.info();
      const whole = infos.every(
        ({ replicas }) => replicas.length === 2 && replicas.every(({ current }) => current),
      );
      return whole && new Set(infos.map(({ leader }) => leader)).size === 3;
    },
    60_000,
  );
  expect((await readAll(log)).length).toBe(300);
  nodes[0]!.append('t', Buffer.from('y'));
  await eventually('settled', () => nodes[0]!.confirmed.size === 1);
});

test('streams that somebody deletes are made again, and everything goes on', async () => {
  const got: string[] = [];
  const node = await start(1, {
    careInterval: 200,
    onMessage: (message: Message) => got.push(message.payload.toString()),
  });
  for (let i = 0; i < 50; i++) {
    node.append(`t/${i}`, Buffer.from(`${i}`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually('read', () => got.length === 50);
  const cursor = node.log.head.clone();
  const manager = await jetstreamManager(node.bus.nats);
  for (const shard of [0, 1, 2]) await manager.streams.delete(streamOf(shard));
  for (let i = 50; i < 60; i++) node.append(`t/${i}`, Buffer.from(`${i}`));
  await eventually('settled', () => node.confirmed.size === 60, 20_000);
  await eventually('read', () => got.length === 60, 20_000);
  expect(new Set(got).size).toBe(60);
  node.append('t/last', Buffer.from('last'));
  await eventually('read', () => got.at(-1) === 'last');
  expect((await readAll(node.log, cursor)).length).toBeLessThanOrEqual(11);
  expect((await readAll(node.log)).length).toBe(11);
});
