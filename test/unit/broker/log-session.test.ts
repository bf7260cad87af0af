import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fences } from '#core/message-log/fences.ts';
import { Message, type Qos } from '#core/mqtt/message.ts';
import { AccessList } from '../../../services/broker/auth/acl.ts';
import { MemoryLog } from '../../../services/broker/log/memory-log.ts';
import { Pressure } from '../../../services/broker/router/pressure.ts';
import { Router } from '../../../services/broker/router/router.ts';
import type { Outgoing, SessionOutlet } from '../../../services/broker/session/outgoing.ts';
import { Session } from '../../../services/broker/session/session.ts';
import { encodeSnapshot, latestSnapshot } from '../../../services/broker/session/snapshot.ts';

const everything = new AccessList({ admin: true, sys: false, rules: [] });
const turn = () => new Promise((go) => setImmediate(go));

/** A client that takes as much as its window and its socket allow. */
class Client implements SessionOutlet {
  window = 10;
  ready = true;
  readonly got: { text: string; qos: Qos; dup: boolean; id: number }[] = [];
  readonly releases: number[] = [];

  send({ message, qos }: Outgoing, id: number, dup: boolean): boolean {
    this.got.push({ text: message.payload.toString(), qos, dup, id });
    return true;
  }

  sendRelease(id: number): void {
    this.releases.push(id);
  }

  overflow(): void {}

  get texts(): string[] {
    return this.got.map(({ text }) => text);
  }
}

function setUp(options: { messages?: number; bytes?: number } = {}) {
  const dropped: [string, number][] = [];
  const router = new Router({
    mayReceive: (session, topic) => session.access?.allows('read', topic) ?? false,
    uplink: undefined,
  });
  const sessions: Session[] = [];
  const log = new MemoryLog({
    messages: 10_000,
    bytes: 1 << 24,
    ...options,
    onMessage: (message) => router.receiveLogged(message),
    floor: () =>
      Math.min(
        ...sessions.filter((s) => s.isBehind).map((s) => s.cursor.sequences[0]! + 1),
        Number.POSITIVE_INFINITY,
      ),
  });
  const open = (clientId: string, filter: string, qos: Qos = 2): Session => {
    const session = new Session({
      clientId,
      limits: { messages: 100, bytes: 1 << 20 },
      events: { dropped: (_, why, count = 1) => dropped.push([why, count]) },
      pressure: new Pressure(),
      log: {
        log,
        targetFor: (...match) => router.targetFor(...match),
        isDropped: () => false,
      },
    });
    session.access = everything;
    const base = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const, id: 0 };
    const subscription = { filter, qos, ...base };
    session.subscriptions.set(filter, subscription);
    void router.subscribe(session, subscription);
    sessions.push(session);
    return session;
  };
  let sequence = 0;
  const publish = (text: string, topic = 't', qos: Qos = 1): void => {
    const message = new Message(topic, qos, false, Buffer.from(text));
    message.origin = 'pi1';
    message.sequence = ++sequence;
    log.append(message, { settle: () => {} });
  };
  return { log, open, publish, dropped, router };
}

describe('a session that reads the log', () => {
  test('is handed each message while it keeps up, and reads on by itself when it does not', async () => {
    const { open, publish } = setUp();
    const session = open('slow', 't');
    const client = new Client();
    session.outlet = client;
    for (let i = 0; i < 25; i++) publish(String(i));
    expect(client.texts).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    expect(session.isBehind).toBe(true);
    for (let id = 1; id <= 25; id++) session.acknowledge(id);
    await turn();
    expect(client.texts).toEqual(Array.from({ length: 25 }, (_, i) => String(i)));
    expect(session.isBehind).toBe(false);
  });

  test('costs the same however much waits for it', async () => {
    const { open, publish } = setUp();
    const session = open('away', 't');
    for (let i = 0; i < 5_000; i++) publish(String(i));
    expect([session.queue.length, session.inflight.size]).toEqual([0, 0]);
    const client = new Client();
    client.window = 10_000;
    session.outlet = client;
    session.resend();
    for (let i = 0; i < 20; i++) await turn();
    expect(client.got.length).toBe(5_000);
  });

  test('counts what retention took before it was read', async () => {
    const { open, publish, dropped } = setUp({ messages: 100 });
    const session = open('late', 't');
    for (let i = 0; i < 1_000; i++) publish(String(i));
    const client = new Client();
    client.window = 10_000;
    session.outlet = client;
    session.resend();
    for (let i = 0; i < 5; i++) await turn();
    const lost = dropped.filter(([why]) => why === 'retention').reduce((sum, [, n]) => sum + n, 0);
    expect(client.got.length + lost).toBe(1_000);
    expect(lost).toBeGreaterThan(500);
  });

  test('whatever the client does, each message is sent once and in order', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ kind: fc.constant('ack' as const), count: fc.integer({ min: 1, max: 15 }) }),
      fc.record({ kind: fc.constant('socket' as const), ready: fc.boolean() }),
      fc.record({ kind: fc.constant('leave' as const) }),
      fc.record({ kind: fc.constant('turn' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { open, publish } = setUp();
        const session = open('s', 't');
        let client = new Client();
        const all: string[] = [];
        session.outlet = client;
        let made = 0;
        const leave = (): void => {
          session.detach();
          all.push(...client.got.filter(({ dup }) => !dup).map(({ text }) => text));
          client = new Client();
          session.outlet = client;
          session.resend();
        };
        for (const one of steps) {
          if (one.kind === 'publish') for (let i = 0; i < one.count; i++) publish(String(made++));
          else if (one.kind === 'ack') {
            for (const id of [...session.inflight.keys()].slice(0, one.count)) {
              session.acknowledge(id);
            }
          } else if (one.kind === 'socket') {
            client.ready = one.ready;
            if (one.ready) session.pump();
          } else if (one.kind === 'leave') leave();
          else await turn();
        }
        leave();
        while (session.inflight.size > 0 || session.isBehind) {
          for (const id of [...session.inflight.keys()]) session.acknowledge(id);
          session.pump();
          await turn();
        }
        all.push(...client.got.filter(({ dup }) => !dup).map(({ text }) => text));
        expect(all).toEqual(Array.from({ length: made }, (_, i) => String(i)));
      }),
      { numRuns: 200 },
    );
  });

  test('hands shared messages back when its client goes, and keeps its own', () => {
    const { open, publish } = setUp();
    const session = open('member', 't');
    const client = new Client();
    session.outlet = client;
    publish('own');
    const told: string[] = [];
    for (const text of ['a', 'b']) {
      const message = new Message('x', 1, false, Buffer.from(text));
      const [done, handBack] = [() => told.push(`${text} done`), () => told.push(`${text} back`)];
      session.enqueue({
        message,
        qos: 1,
        retain: false,
        ids: undefined,
        told: { done: () => void done(), handBack: () => void handBack() },
      });
    }
    session.acknowledge(2);
    session.detach();
    expect(told).toEqual(['a done', 'b back']);
    expect([...session.inflight.values()].map(({ message }) => String(message.payload))).toEqual([
      'own',
    ]);
  });
});

describe('snapshots', () => {
  test('hold references, and the latest of several wins', () => {
    const { open, publish } = setUp();
    const session = open('s', 't', 2);
    session.outlet = new Client();
    publish('first', 't', 2);
    publish('second', 't', 1);
    session.incoming.received.set(9, { shard: 0, sequence: 1, index: 0 });
    const epoch = { time: 5, node: 'pi1' };
    const older = encodeSnapshot(session, { epoch, version: 1, closed: false });
    session.release(1, () => {});
    const newer = encodeSnapshot(session, { epoch, version: 2, closed: true });
    const snapshot = latestSnapshot([newer, older])!;
    expect(snapshot.closed).toBe(true);
    expect(snapshot.entries.map(({ id, qos, released }) => [id, qos, released])).toEqual([
      [1, 2, true],
      [2, 1, false],
    ]);
    expect(snapshot.received).toEqual([[9, { shard: 0, sequence: 1, index: 0 }]]);
    expect(newer.includes('second')).toBe(false);
  });

  test('answer only for QoS 2 messages that are in the log, not for those on their way', () => {
    const session = setUp().open('s', 't', 2);
    const received = () => {
      const bytes = encodeSnapshot(session, {
        epoch: { time: 5, node: 'pi1' },
        version: 1,
        closed: false,
      });
      return latestSnapshot([bytes])!.received.map(([id]) => id);
    };
    // Refused, but acknowledged to a client that knows no reason codes.
    session.incoming.received.set(3, undefined);
    session.incoming.received.set(4, undefined);
    session.incoming.receiving.add(4);
    session.incoming.begun();
    expect(received()).toEqual([3]);
    session.incoming.settled(4, { shard: 0, sequence: 1, index: 0 });
    expect(received()).toEqual([3, 4]);
  });
});

describe('an identifier that only the log tells of', () => {
  const recalled = () => {
    const session = setUp().open('s', 't', 2);
    const message = new Message('t', 2, false, Buffer.from('old'));
    session.incoming.received.set(7, { shard: 0, sequence: 1, index: 0 });
    session.incoming.recalled.set(7, message);
    return session;
  };

  test('stands for its message, marked as sent again or not', () => {
    const session = recalled();
    session.incoming.unmarked(7, new Message('t', 2, false, Buffer.from('old')));
    expect(session.incoming.received.has(7)).toBe(true);
  });

  test('is free for another message: the first one was complete before a power cut', () => {
    const session = recalled();
    session.incoming.unmarked(7, new Message('t', 2, false, Buffer.from('new')));
    expect(session.incoming.received.has(7)).toBe(false);
    expect(session.incoming.releasedAhead.map(({ packetId }) => packetId)).toEqual([7]);
  });

  test('that the session itself knew of is never taken for free', () => {
    const session = setUp().open('s', 't', 2);
    session.incoming.received.set(7, { shard: 0, sequence: 1, index: 0 });
    session.incoming.unmarked(7, new Message('t', 2, false, Buffer.from('new')));
    expect(session.incoming.received.has(7)).toBe(true);
  });
});

describe('fences', () => {
  const message = (publisher: string, epoch: number, shard: number, sequence: number): Message => {
    const made = new Message('t', 2, false, Buffer.from('x'));
    made.publisher = publisher;
    made.publisherEpoch = epoch;
    made.position = { shard, sequence, index: 0 };
    made.origin = 'pi1';
    made.sequence = sequence;
    return made;
  };

  test('keep out what an earlier claim publishes behind them, and nothing before', async () => {
    const fences = new Fences();
    const before = message('c', 10, 0, 1);
    expect(fences.admits(before)).toBe(true);
    let sequence = 1;
    await fences.raise({ clientId: 'c', epoch: 20 }, (fence) => {
      const shard = sequence % 3;
      fence.position = { shard, sequence: ++sequence, index: 0 };
      setImmediate(() => fences.admits(fence));
    });
    const late = message('c', 10, 0, 9);
    const verdicts = [late, message('c', 20, 0, 10), message('d', 10, 0, 11)].map((one) =>
      fences.admits(one),
    );
    expect(verdicts).toEqual([false, true, true]);
    expect([fences.wasDropped(late), fences.wasDropped(before)]).toEqual([true, false]);
    // The writer had not heard of it and wrote it again into another shard.
    const copy = message('c', 10, 0, 9);
    copy.position = { shard: 1, sequence: 77, index: 0 };
    expect(fences.wasDropped(copy)).toBe(true);
  });
});
