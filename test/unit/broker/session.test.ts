import { afterEach, expect, test } from 'vitest';
import { HybridClock, isLater } from '../../../services/broker/cluster/clock.ts';
import { type InProcessBroker, startInProcess } from '../../support/broker-peer.ts';

let server: InProcessBroker | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

test('the hybrid clock never falls behind what it has heard, and two nodes never tie', () => {
  const clock = new HybridClock('pi1');
  const ahead = Date.now() + 3_600_000;
  clock.observe(ahead);
  const next = clock.next();
  expect(next.time).toBeGreaterThan(ahead);
  expect(isLater(clock.next(), next)).toBe(true);
  expect(isLater({ time: 1, node: 'pi2' }, { time: 1, node: 'pi1' })).toBe(true);
  expect(isLater({ time: 1, node: 'pi1' }, { time: 1, node: 'pi2' })).toBe(false);
});

test('many sessions that overflow at one message, each with a will for all: no recursion', async () => {
  server = await startInProcess('{ anonymous: true, limits: { offline: 20, queue: 64 KiB } }');
  const count = 300;
  for (let i = 0; i < count; i++) {
    const will = { topic: 'flood/will', payload: Buffer.from('x'), qos: 1, retain: false };
    const peer = await server.peer({ will });
    await peer.subscribe('flood/#', 1);
    // Takes one message and never acknowledges it, so all else waits for it.
    peer.socket.pause();
  }
  const publisher = await server.peer({});
  for (let i = 0; i < 2_000; i++)
    await publisher.publish('flood/x', Buffer.alloc(1_000), { qos: 1 });
  for (let i = 0; i < 50 && server.broker.sessions.connected > 1; i++) {
    await new Promise((go) => setTimeout(go, 20));
  }
  await publisher.expectNothing();
  console.log(
    `overflown sessions: ${count}, still connected: ${server.broker.sessions.connected - 1}`,
  );
});
