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

test('many sessions that take nothing keep their connections: what waits for them is in the log', async () => {
  server = await startInProcess('{ anonymous: true, limits: { offline: 20, queue: 64 KiB } }');
  const count = 100;
  for (let i = 0; i < count; i++) {
    const peer = await server.peer({});
    await peer.subscribe('flood/#', 1);
    // Takes one message and never acknowledges it, so all else waits for it.
    peer.socket.pause();
  }
  const publisher = await server.peer({});
  for (let i = 0; i < 400; i++) await publisher.publish('flood/x', Buffer.alloc(1_000), { qos: 1 });
  await publisher.expectNothing();
  expect(server.broker.sessions.connected - 1).toBe(count);
});
