import { afterEach, describe, expect, test } from 'vitest';
import { HybridClock, isLater } from '../../../services/broker/cluster/clock.ts';
import { Message } from '../../../services/broker/message.ts';
import { Pressure } from '../../../services/broker/router/pressure.ts';
import { Session } from '../../../services/broker/session/session.ts';
import { exportSession, importSession } from '../../../services/broker/session/transfer.ts';
import { type InProcessBroker, startInProcess } from '../../support/broker-peer.ts';

let server: InProcessBroker | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const dropped: string[] = [];
const newSession = (messages = 100, bytes = 1 << 20) =>
  new Session('s', { messages, bytes }, { dropped: (_, why) => dropped.push(why) }, new Pressure());

function message(sequence: number, qos: 0 | 1 | 2 = 1): Message {
  const made = new Message('t', qos, false, Buffer.from(String(sequence)));
  made.origin = 'pi1';
  made.sequence = sequence;
  return made;
}

describe('a session that is away', () => {
  test('keeps QoS 1 and 2 within its limits, and counts what it drops', () => {
    const session = newSession(3);
    dropped.length = 0;
    for (let i = 1; i <= 5; i++) session.deliver(message(i), 1, false, undefined);
    session.deliver(message(9, 0), 0, false, undefined);
    expect([session.queue.length, dropped]).toEqual([3, ['queue-full', 'queue-full']]);
    const small = newSession(100, 500);
    for (let i = 1; i <= 10; i++) small.deliver(message(i), 1, false, undefined);
    expect(small.queuedBytes).toBeLessThanOrEqual(500);
  });
});

describe('transfer between nodes', () => {
  test('in flight, queue, QoS 2 state and subscriptions arrive; the rest is merged once, in order', () => {
    const old = newSession();
    old.user = 'ada';
    old.expiryInterval = 60;
    old.lastId = 7;
    old.received.add(12);
    old.subscriptions.set('t/#', {
      filter: 't/#',
      qos: 2,
      noLocal: true,
      retainAsPublished: false,
      retainHandling: 1,
      id: 5,
    });
    old.inflight.set(6, { message: message(1), qos: 2, retain: false, ids: [5], released: true });
    old.inflight.set(7, {
      message: message(2),
      qos: 1,
      retain: true,
      ids: undefined,
      released: false,
    });
    for (const n of [3, 4]) old.deliver(message(n), 1, false, [5]);
    const state = exportSession(old);
    old.deliver(message(5), 1, false, undefined);
    old.deliver(message(6), 1, false, undefined);
    const fresh = newSession();
    const seen = importSession(fresh, state);
    // 5 came both ways while both nodes were subscribed, 6 is still on its way, 7 came only here.
    fresh.deliver(message(5), 1, false, undefined);
    fresh.deliver(message(7), 1, false, undefined);
    importSession(fresh, exportSession(old), seen);
    fresh.deliver(message(6), 1, false, undefined);
    expect([...fresh.queue].map((o) => o.message.sequence)).toEqual([3, 4, 5, 6, 7]);
    expect([...fresh.inflight].map(([id, o]) => [id, o.qos, o.retain, o.released, o.ids])).toEqual([
      [6, 2, false, true, [5]],
      [7, 1, true, false, undefined],
    ]);
    expect([fresh.user, fresh.lastId, [...fresh.received]]).toEqual(['ada', 7, [12]]);
    expect(fresh.subscriptions.get('t/#')).toEqual(old.subscriptions.get('t/#'));
    expect(fresh.queuedBytes).toBe([...fresh.queue].reduce((sum, o) => sum + o.message.size, 0));
  });
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
