import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fence, startTrio, type Trio } from '../support/broker-trio.ts';
import { connect, properties, text, uint32 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1: session state (3.1.2.4, 3.1.2.11.2, 4.1, 4.4, 4.5) and the will (3.1.2.5, 3.1.3.2). */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

const VERSIONS = [4, 5] as const;
const kept = { sessionExpiryInterval: 300 };
/** Options for a session that outlives its connection. */
const lasting = (clientId: string, clean = false) => ({ clientId, clean, properties: kept });

describe.each(VERSIONS)('session state, version %i', (version) => {
  test('[MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.2.2-3] 3.1.1 [MQTT-3.1.2-4] 3.1.1 [MQTT-3.2.2-2] 3.1.1 [MQTT-3.2.2-3] [MQTT-3.1.3-2] 3.1.1 [MQTT-3.1.3-2]: created, then resumed on every node', async () => {
    const clientId = `resume-${version}`;
    for (let i = 0; i < 4; i++) {
      const peer = await trio.open();
      const connack = await peer.connect({ version, ...lasting(clientId) });
      expect(connack.sessionPresent).toBe(i > 0);
      if (i === 0) await peer.subscribe(`resume/${version}`, 1);
      const publisher = await trio.of(version);
      await publisher.publish(`resume/${version}`, String(i), { qos: 1 });
      const got = await peer.expect('publish');
      expect(got.payload?.toString()).toBe(String(i));
      peer.send({ cmd: 'puback', messageId: got.messageId });
      await peer.leave();
    }
  });

  test('[MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] 3.1.1 [MQTT-3.1.2-6] 3.1.1 [MQTT-3.1.4-3] 3.1.1 [MQTT-3.2.2-1]: a clean start discards it, wherever it is', async () => {
    const clientId = `discard-${version}`;
    const first = await trio.of(version, lasting(clientId));
    await first.subscribe(`discard/${version}`, 1);
    await first.leave();
    const publisher = await trio.of(version);
    await publisher.publish(`discard/${version}`, 'x', { qos: 1 });
    const clean = await trio.open();
    const connack = await clean.connect({ version, ...lasting(clientId, true) });
    expect(connack.sessionPresent).toBe(false);
    await publisher.publish(`discard/${version}`, 'x', { qos: 1 });
    await fence(publisher, clean);
    await clean.leave();
    const after = await trio.open();
    // 3.1.1: a clean session ends with its connection; MQTT 5: it has its own expiry.
    const { sessionPresent } = await after.connect({ version, ...lasting(clientId) });
    expect(sessionPresent).toBe(version === 5);
  });

  test('[MQTT-3.1.2-23] [MQTT-4.1.0-1] [MQTT-4.5.0-1] 3.1.1 [MQTT-3.1.2-5] 3.1.1 [MQTT-4.1.0-1] 3.1.1 [MQTT-4.5.0-1]: it is kept while the client is away, with what comes', async () => {
    const clientId = `away-${version}`;
    const first = await trio.of(version, lasting(clientId));
    await first.subscribe(`away/${version}/#`, 2);
    first.socket.destroy();
    const publisher = await trio.of(version);
    for (let i = 0; i < 30; i++)
      await publisher.publish(`away/${version}/x`, String(i), { qos: 1 + (i % 2) });
    const second = await trio.of(version, lasting(clientId));
    const got: string[] = [];
    for (let i = 0; i < 30; i++) {
      const message = await second.expect('publish');
      got.push(`${message.payload} ${message.qos}`);
    }
    expect(got).toEqual(Array.from({ length: 30 }, (_, i) => `${i} ${1 + (i % 2)}`));
  });

  test('[MQTT-4.4.0-1] [MQTT-3.3.1-1] 3.1.1 [MQTT-4.4.0-1] 3.1.1 [MQTT-2.3.1-3] 3.1.1 [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6]: what was not acknowledged comes again, on another node, with its identifier and DUP', async () => {
    const clientId = `again-${version}`;
    const topic = `again/${version}`;
    const first = await trio.of(version, lasting(clientId));
    await first.subscribe(topic, 2);
    const publisher = await trio.of(version);
    for (const qos of [1, 2, 2, 1]) await publisher.publish(topic, `q${qos}`, { qos });
    const seen = [];
    for (let i = 0; i < 4; i++) seen.push(await first.expect('publish'));
    expect(seen.map((m) => m.dup)).toEqual([false, false, false, false]);
    first.send({ cmd: 'pubrec', messageId: seen[1]!.messageId });
    await first.expect('pubrel');
    first.send({ cmd: 'puback', messageId: seen[3]!.messageId });
    await first.expectNothing();
    first.socket.destroy();
    const second = await trio.of(version, lasting(clientId));
    const again = [await second.next(), await second.next(), await second.next()];
    expect(again.map((m) => [m?.cmd, m?.messageId, (m as { dup?: boolean }).dup])).toEqual([
      ['publish', seen[0]!.messageId, true],
      ['pubrel', seen[1]!.messageId, false],
      ['publish', seen[2]!.messageId, true],
    ]);
    second.send({ cmd: 'puback', messageId: seen[0]!.messageId });
    second.send({ cmd: 'pubcomp', messageId: seen[1]!.messageId });
    second.send({ cmd: 'pubrec', messageId: seen[2]!.messageId });
    await second.expect('pubrel');
    second.send({ cmd: 'pubcomp', messageId: seen[2]!.messageId });
    // Nothing is sent again within a connection.
    await fence(publisher, second);
  });

  test('[MQTT-4.3.3-10] 3.1.1 [MQTT-4.3.3-2]: a QoS 2 message that its publisher repeats on another node is one', async () => {
    const clientId = `twice-${version}`;
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`twice/${version}`, 2);
    const message = {
      cmd: 'publish',
      topic: `twice/${version}`,
      payload: 'x',
      qos: 2,
      messageId: 9,
      retain: false,
    };
    const first = await trio.of(version, lasting(clientId));
    first.send({ ...message, dup: false });
    await first.expect('pubrec');
    first.socket.destroy();
    const second = await trio.of(version, lasting(clientId));
    second.send({ ...message, dup: true });
    await second.expect('pubrec');
    second.send({ cmd: 'pubrel', messageId: 9 });
    await second.expect('pubcomp');
    const got = await subscriber.expect('publish');
    subscriber.send({ cmd: 'pubrec', messageId: got.messageId });
    await subscriber.expect('pubrel');
    subscriber.send({ cmd: 'pubcomp', messageId: got.messageId });
    await fence(second, subscriber);
  });

  test('3.1.1 [MQTT-3.1.2-7]: retained messages are no part of it', async () => {
    const clientId = `retains-${version}`;
    const peer = await trio.of(version, { clientId });
    await peer.publish(`retains/${version}`, 'x', { qos: 1, retain: true });
    await peer.leave();
    const reader = await trio.of(version);
    await reader.subscribe(`retains/${version}`);
    expect((await reader.expect('publish')).retain).toBe(true);
  });
});

describe('any client id', () => {
  const ids = ['a b', 'a.b', '*', '>', 'a/b', '#', '+/+', 'ü€😀', '\'"`$', '%2e', 'x'.repeat(200)];
  test.each(ids)('[MQTT-3.1.3-2]: the session of %j moves with its client', async (clientId) => {
    const publisher = await trio.v4();
    for (let i = 0; i < 3; i++) {
      const peer = await trio.open();
      const { sessionPresent } = await peer.connect({ version: 5, ...lasting(clientId) });
      expect(sessionPresent).toBe(i > 0);
      if (i === 0) await peer.subscribe('ids/x', 1);
      else
        await peer
          .expect('publish')
          .then(({ messageId }) => peer.send({ cmd: 'puback', messageId }));
      await peer.leave();
      await publisher.publish('ids/x', String(i), { qos: 1 });
    }
  });

  test('a session goes on in the other version, with its subscriptions and messages', async () => {
    const first = await trio.v5(lasting('versions'));
    await first.subscribe('versions/x', 1, { nl: true, rap: true }, { subscriptionIdentifier: 4 });
    await first.leave();
    const publisher = await trio.v5();
    const properties = { contentType: 'text', userProperties: { a: 'b' } };
    await publisher.publish('versions/x', 'one', { qos: 1, properties });
    const old = await trio.v4(lasting('versions'));
    const one = await old.expect('publish');
    expect([String(one.payload), one.properties]).toEqual(['one', undefined]);
    old.send({ cmd: 'puback', messageId: one.messageId });
    await old.leave();
    await publisher.publish('versions/x', 'two', { qos: 1, properties });
    const again = await trio.v5(lasting('versions'));
    expect((await again.expect('publish')).properties).toMatchObject({
      contentType: 'text',
      subscriptionIdentifier: 4,
    });
  });
});

describe('session expiry', () => {
  test('[MQTT-4.1.0-2] 3.1.1 [MQTT-4.1.0-2]: it ends with its interval, and not before', async () => {
    const cases = [
      [0, 0, false],
      [1, 2_200, false],
      [60, 1_200, true],
      [0xffffffff, 1_200, true],
    ] as const;
    await Promise.all(
      cases.map(async ([sessionExpiryInterval, wait, present]) => {
        const options = {
          clientId: `expiry-${sessionExpiryInterval}`,
          properties: { sessionExpiryInterval },
        };
        await (await trio.v5(options)).leave();
        await sleep(wait);
        const peer = await trio.open();
        const { sessionPresent } = await peer.connect({ version: 5, ...options, clean: false });
        expect([sessionExpiryInterval, sessionPresent]).toEqual([sessionExpiryInterval, present]);
      }),
    );
  });

  test('3.14.2.2.2: DISCONNECT shortens or lengthens it, but not from 0', async () => {
    const shorter = await trio.v5(lasting('shorter'));
    await shorter.leave(0, { sessionExpiryInterval: 0 });
    const gone = await trio.open();
    expect(
      (await gone.connect({ version: 5, clientId: 'shorter', clean: false })).sessionPresent,
    ).toBe(false);
    const longer = await trio.v5({ clientId: 'longer', properties: { sessionExpiryInterval: 1 } });
    await longer.leave(0, { sessionExpiryInterval: 60 });
    const zero = await trio.v5({ clientId: 'zero' });
    zero.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 60 } });
    await zero.expectRefusal(0x82);
    await sleep(2_200);
    const there = await trio.open();
    expect(
      (await there.connect({ version: 5, clientId: 'longer', clean: false })).sessionPresent,
    ).toBe(true);
  });

  test('[MQTT-3.14.2-2]: the server’s DISCONNECT has none', async () => {
    const peer = await trio.v5(lasting('server-disconnect'));
    peer.raw('f000');
    const told = await peer.expect('disconnect');
    expect(told.properties ?? {}).not.toHaveProperty('sessionExpiryInterval');
  });
});

describe('wills', () => {
  const will = (topic: string, more: Record<string, unknown> = {}) => ({
    topic,
    payload: Buffer.from('gone'),
    qos: 1,
    retain: false,
    ...more,
  });
  const delay = (seconds: number) => ({ properties: { willDelayInterval: seconds } });

  test('[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-10] 3.1.1 [MQTT-3.1.2-8] 3.1.1 [MQTT-3.1.2-10]: sent once when the connection is lost', async () => {
    for (const version of VERSIONS) {
      const watcher = await trio.v5();
      await watcher.subscribe(`lost/${version}`, 1);
      const options = { ...lasting(`lost-${version}`), will: will(`lost/${version}`) };
      const peer = await trio.of(version, options);
      peer.socket.resetAndDestroy();
      expect((await watcher.expect('publish')).payload?.toString()).toBe('gone');
      const back = await trio.of(version, lasting(`lost-${version}`));
      back.socket.resetAndDestroy();
      await fence(await trio.v4(), watcher);
    }
  });

  test('[MQTT-3.14.4-3] 3.1.1 [MQTT-3.14.4-3] 3.1.1 [MQTT-3.1.2-12]: not after DISCONNECT, and not without the flag', async () => {
    for (const version of VERSIONS) {
      const watcher = await trio.v5();
      await watcher.subscribe('polite/#', 1);
      await (await trio.of(version, { will: will('polite/x') })).leave();
      (await trio.of(version)).socket.resetAndDestroy();
      await fence(await trio.v4(), watcher);
    }
  });

  test('3.14.2.1: DISCONNECT with another reason than 0 sends it', async () => {
    for (const reason of [0x04, 0x80, 0x98]) {
      const watcher = await trio.v5();
      await watcher.subscribe(`reason/${reason}`, 1);
      await (await trio.v5({ will: will(`reason/${reason}`) })).leave(reason);
      await watcher.expect('publish');
    }
  });

  test('3.1.2.5: sent after a protocol error, a keep alive that ran out and a takeover', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('why/#', 1);
    (await trio.v5({ will: will('why/error') })).raw('0000');
    expect((await watcher.expect('publish')).topic).toBe('why/error');
    await trio.v4({ clientId: 'taken', will: will('why/taken') });
    await trio.v5({ clientId: 'taken' });
    expect((await watcher.expect('publish')).topic).toBe('why/taken');
    await trio.v5({ keepalive: 1, will: will('why/silent') });
    expect((await watcher.expect('publish')).topic).toBe('why/silent');
  });

  test('[MQTT-3.1.2-14] [MQTT-3.1.2-15] 3.1.1 [MQTT-3.1.2-16] 3.1.1 [MQTT-3.1.2-17]: with its QoS and retain flag', async () => {
    for (const version of VERSIONS) {
      for (const qos of [0, 1, 2]) {
        const topic = `will-qos/${version}/${qos}`;
        const watcher = await trio.v5();
        await watcher.subscribe(`${topic}/+`, 2);
        for (const retain of [true, false]) {
          const peer = await trio.of(version, {
            will: will(`${topic}/${retain}`, { qos, retain }),
          });
          peer.socket.resetAndDestroy();
          expect((await watcher.expect('publish')).qos).toBe(qos);
        }
        const late = await trio.v4();
        await late.subscribe(`${topic}/+`);
        expect((await late.expect('publish')).topic).toBe(`${topic}/true`);
        await late.expectNothing();
      }
    }
  });

  test('[MQTT-3.1.3-9]: delayed, and not sent when the client is back on another node', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('delayed/#', 1);
    const delayed = (clientId: string, seconds: number) =>
      trio.v5({ ...lasting(clientId), will: will(`delayed/${clientId}`, delay(seconds)) });
    const started = performance.now();
    (await delayed('back', 1)).socket.resetAndDestroy();
    (await delayed('lost', 1)).socket.resetAndDestroy();
    await sleep(100);
    await trio.v5(lasting('back'));
    expect((await watcher.expect('publish')).topic).toBe('delayed/lost');
    expect(performance.now() - started).toBeGreaterThan(900);
    await sleep(700);
    await fence(await trio.v4(), watcher);
  });

  test('3.1.4: a takeover sends a delayed will only with a clean start', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('overtaken/#', 1);
    const own = (name: string) => ({
      ...lasting('overtaken'),
      will: will(`overtaken/${name}`, delay(60)),
    });
    await trio.v5(own('one'));
    await trio.v5(own('two'));
    await fence(await trio.v4(), watcher);
    await trio.v5({ clientId: 'overtaken', clean: true });
    expect((await watcher.expect('publish')).topic).toBe('overtaken/two');
  });

  test('3.1.3.2.2: no later than the end of the session, by expiry or by a clean start', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('ended/#', 1);
    const expiring = { clientId: 'ended', properties: { sessionExpiryInterval: 1 } };
    (
      await trio.v5({ ...expiring, will: will('ended/expiry', delay(60)) })
    ).socket.resetAndDestroy();
    expect((await watcher.expect('publish')).topic).toBe('ended/expiry');
    const options = { ...lasting('ended-clean'), will: will('ended/clean', delay(60)) };
    (await trio.v5(options)).socket.resetAndDestroy();
    await trio.v5({ clientId: 'ended-clean', clean: true });
    expect((await watcher.expect('publish')).topic).toBe('ended/clean');
  });

  test('[MQTT-3.1.3-10]: its properties, user properties in order, and its expiry', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('will-properties', 1);
    const pairs = [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['', ''],
    ] as const;
    const users = pairs.flatMap(([name, value]) => [Buffer.from([0x26]), text(name), text(value)]);
    const section = properties(
      [0x01, 1],
      [0x02],
      uint32(50),
      [0x03],
      text('text/plain'),
      [0x18],
      uint32(0),
      ...users,
      [0x08],
      text('reply'),
      [0x09],
      text('id'),
    );
    const peer = await trio.open();
    peer.version = 5;
    const payload = [text('will-properties'), section, text('will-properties'), text('x')];
    peer.raw(connect({ level: 5, flags: 0x0e, payload }));
    await peer.expect('connack');
    peer.socket.resetAndDestroy();
    const got = await watcher.expect('publish');
    expect(got.properties).toMatchObject({
      payloadFormatIndicator: true,
      messageExpiryInterval: 50,
      contentType: 'text/plain',
      responseTopic: 'reply',
      correlationData: Buffer.from('id'),
    });
    expect(watcher.frames.at(-1)?.includes(Buffer.concat(users))).toBe(true);
  });
});
