import { expect, test } from 'vitest';
import { Message } from '#core/mqtt/message.ts';
import { ReadBarrier } from '../../../services/broker/log/read-barrier.ts';
import { startInProcess } from '../../support/broker-peer.ts';

test('waits until what the log has is applied; readers share a question', async () => {
  let applied = 3;
  let asked = 0;
  const barrier = new ReadBarrier({
    last: async () => {
      asked++;
      return 5;
    },
    applied: () => applied,
  });
  let passed = 0;
  const readers = Array.from({ length: 100 }, async () => {
    await barrier.pass();
    passed++;
  });
  await new Promise((go) => setTimeout(go, 20));
  expect(passed).toBe(0);
  applied = 5;
  await Promise.all(readers);
  expect([passed, asked]).toEqual([100, 1]);
  await barrier.pass();
  expect(asked).toBe(2);
});

test('a position that never comes holds readers up once; a log without answer, not again for a while', async () => {
  const purged = new ReadBarrier({ last: async () => 9, applied: () => 7 });
  await purged.pass();
  const from = performance.now();
  await purged.pass();
  expect(performance.now() - from).toBeLessThan(100);
  const dead = new ReadBarrier({ last: () => new Promise(() => {}), applied: () => 0 });
  await dead.pass();
  expect(dead.pass()).toBeUndefined();
});

test('SUBACK waits for it, so that the retained messages behind it are complete', async () => {
  const server = await startInProcess();
  const { retained, messages } = server.broker;
  let caughtUp = (_?: unknown): void => {};
  messages.caughtUp = () =>
    new Promise((go) => {
      caughtUp = go;
    });
  const peer = await server.peer({});
  peer.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'late/#', qos: 1 }] });
  await new Promise((go) => setTimeout(go, 50));
  expect(peer.received.length).toBe(1);
  retained.apply(new Message('late/x', 1, true, Buffer.from('x')), 1);
  caughtUp();
  await peer.expect('suback');
  expect((await peer.expect('publish')).topic).toBe('late/x');
  await server.stop();
});
