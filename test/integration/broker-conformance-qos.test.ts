import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Peer } from '../support/broker-peer.ts';
import { fence, startTrio, type Trio } from '../support/broker-trio.ts';
import { packet, properties, text, uint16 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1: acknowledgements (3.4 to 3.7), QoS (4.3), order (4.6), flow control (4.9). */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

const VERSIONS = [4, 5] as const;
const message = (topic: string, payload: string, qos: number, messageId: number, dup = false) => ({
  cmd: 'publish',
  topic,
  payload,
  qos,
  messageId,
  dup,
  retain: false,
});

/** Acknowledges a message of QoS 1 or 2 to its end. */
async function take(peer: Peer, got: { qos?: unknown; messageId?: unknown }): Promise<void> {
  const { messageId } = got;
  if (got.qos === 1) peer.send({ cmd: 'puback', messageId });
  if (got.qos !== 2) return;
  peer.send({ cmd: 'pubrec', messageId });
  expect((await peer.expect('pubrel')).messageId).toBe(messageId);
  peer.send({ cmd: 'pubcomp', messageId });
}

describe.each(VERSIONS)('delivery, version %i', (version) => {
  const section = version === 5 ? [properties()] : [];

  test('[MQTT-4.3.1-1] 3.1.1 [MQTT-4.3.1-1] [MQTT-4.3.2-2] 3.1.1 [MQTT-4.3.2-1] [MQTT-4.3.3-2] 3.1.1 [MQTT-4.3.3-1] [MQTT-3.3.4-1] 3.1.1 [MQTT-3.3.4-1]: each QoS with its handshake, DUP 0', async () => {
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`each/${version}`, 2);
    const publisher = await trio.of(version);
    for (const qos of [0, 1, 2]) {
      const last = await publisher.publish(`each/${version}`, 'x', { qos });
      expect(last?.cmd).toBe([undefined, 'puback', 'pubcomp'][qos]);
      const got = await subscriber.expect('publish');
      expect([got.qos, got.dup]).toEqual([qos, false]);
      await take(subscriber, got);
    }
    await fence(publisher, subscriber);
  });

  test('[MQTT-3.3.1-3] 3.1.1 [MQTT-3.3.1-3]: DUP of the publisher goes no further', async () => {
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`dup/${version}`, 2);
    const publisher = await trio.of(version);
    publisher.send(message(`dup/${version}`, 'x', 1, 5, true));
    await publisher.expect('puback');
    expect((await subscriber.expect('publish')).dup).toBe(false);
  });

  test('[MQTT-4.3.2-4] [MQTT-4.3.2-5] 3.1.1 [MQTT-4.3.2-2]: QoS 1, the identifier again is a new message', async () => {
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`new1/${version}`);
    const publisher = await trio.of(version);
    for (const [payload, dup] of [
      ['a', false],
      ['b', true],
      ['c', false],
    ] as const) {
      publisher.send(message(`new1/${version}`, payload, 1, 5, dup));
      expect((await publisher.expect('puback')).messageId).toBe(5);
    }
    const got = [];
    for (let i = 0; i < 3; i++) got.push((await subscriber.expect('publish')).payload?.toString());
    expect(got).toEqual(['a', 'b', 'c']);
  });

  test('[MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12]: QoS 2, the identifier again is the same message until PUBREL', async () => {
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`new2/${version}`);
    const publisher = await trio.of(version);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 3; i++) {
        publisher.send(message(`new2/${version}`, String(round), 2, 5, i > 0));
        expect((await publisher.expect('pubrec')).messageId).toBe(5);
      }
      for (let i = 0; i < 2; i++) {
        publisher.send({ cmd: 'pubrel', messageId: 5 });
        expect((await publisher.expect('pubcomp')).messageId).toBe(5);
      }
      expect((await subscriber.expect('publish')).payload?.toString()).toBe(String(round));
    }
    await fence(publisher, subscriber);
  });

  test('[MQTT-4.3.3-4]: PUBREC gets PUBREL, and PUBREC again gets it again', async () => {
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`rec/${version}`, 2);
    await (await trio.of(version)).publish(`rec/${version}`, 'x', { qos: 2 });
    const { messageId } = await subscriber.expect('publish');
    for (let i = 0; i < 2; i++) {
      subscriber.send({ cmd: 'pubrec', messageId });
      const release = await subscriber.expect('pubrel');
      expect([release.messageId, release.reasonCode ?? 0]).toEqual([messageId, 0]);
      expect(subscriber.frames.at(-1)?.[0]).toBe(0x62);
    }
    subscriber.send({ cmd: 'pubcomp', messageId });
    await subscriber.expectNothing();
  });

  test('[MQTT-4.6.0-5] [MQTT-4.6.0-6] 3.1.1 [MQTT-4.6.0-5] 3.1.1 [MQTT-4.6.0-6]: the order of a topic holds for each QoS', async () => {
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`order/${version}/+`, 2);
    const publisher = await trio.of(version);
    const count = 60;
    for (let i = 0; i < count; i++) {
      const qos = i % 3;
      const topic = `order/${version}/${qos}`;
      const id = qos === 0 ? [] : [uint16(i + 1)];
      publisher.raw(
        packet(0x30 | (qos << 1), text(topic), ...id, ...section, Buffer.from(String(i))),
      );
      if (qos === 2) publisher.raw(packet(0x62, uint16(i + 1)));
    }
    const byQos: number[][] = [[], [], []];
    for (let i = 0; i < count; ) {
      const got = await subscriber.next();
      if (got?.cmd !== 'publish') continue;
      byQos[got.qos]!.push(Number(got.payload));
      if (got.qos === 1) subscriber.send({ cmd: 'puback', messageId: got.messageId });
      if (got.qos === 2) subscriber.send({ cmd: 'pubrec', messageId: got.messageId });
      i++;
    }
    for (const [qos, list] of byQos.entries()) {
      expect(list).toEqual(Array.from({ length: count / 3 }, (_, i) => 3 * i + qos));
    }
  });

  test('[MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4] 3.1.1 [MQTT-4.6.0-2] 3.1.1 [MQTT-4.6.0-3] 3.1.1 [MQTT-4.6.0-4]: PUBACK, PUBREC and PUBREL in the order of what they answer', async () => {
    const publisher = await trio.of(version);
    for (let i = 1; i <= 60; i++) {
      const qos = 1 + (i % 2);
      const topic = text(`acks/${version}/${i % 5}`);
      // Some are retained, so that they take longer than others.
      const first = 0x30 | (qos << 1) | (i % 3 === 0 ? 1 : 0);
      publisher.raw(packet(first, topic, uint16(i), ...section, Buffer.from('x')));
    }
    const acks: string[] = [];
    for (let i = 1; i <= 60; i++)
      acks.push(`${(await publisher.next())?.cmd} ${publisher.received.at(i)?.messageId}`);
    expect(acks).toEqual(
      Array.from({ length: 60 }, (_, i) => `${i % 2 === 0 ? 'pubrec' : 'puback'} ${i + 1}`),
    );
    const subscriber = await trio.of(version);
    await subscriber.subscribe(`release/${version}`, 2);
    for (let i = 0; i < 5; i++)
      await (await trio.of(version)).publish(`release/${version}`, 'x', { qos: 2 });
    const ids: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) ids.push((await subscriber.expect('publish')).messageId);
    for (const messageId of ids) subscriber.send({ cmd: 'pubrec', messageId });
    const released: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) released.push((await subscriber.expect('pubrel')).messageId);
    expect(released).toEqual(ids);
  });

  test('[MQTT-4.6.0-1] 3.1.1 [MQTT-4.6.0-1]: what is sent again is sent in its order', async () => {
    const options = {
      clientId: `resend-${version}`,
      clean: false,
      properties: { sessionExpiryInterval: 60 },
    };
    const first = await trio.of(version, options);
    await first.subscribe(`resend/${version}`, 2);
    const publisher = await trio.of(version);
    for (let i = 0; i < 12; i++)
      await publisher.publish(`resend/${version}`, String(i), { qos: 1 + (i % 2) });
    for (let i = 0; i < 12; i++) await first.expect('publish');
    first.socket.destroy();
    const second = await trio.of(version, options);
    const payloads: string[] = [];
    for (let i = 0; i < 12; i++) payloads.push(String((await second.expect('publish')).payload));
    expect(payloads).toEqual(Array.from({ length: 12 }, (_, i) => String(i)));
  });
});

describe('reason codes', () => {
  test('[MQTT-4.3.3-9]: after a PUBREC that refuses, the identifier is free', async () => {
    const publisher = await trio.v5();
    for (const topic of ['forbidden/x', 'forbidden/y', 'free/x']) {
      publisher.raw(packet(0x34, text(topic), uint16(7), properties()));
      const { reasonCode = 0 } = await publisher.expect('pubrec');
      expect(reasonCode).toBe(topic === 'free/x' ? 0 : 0x87);
    }
    publisher.send({ cmd: 'pubrel', messageId: 7 });
    expect((await publisher.expect('pubcomp')).reasonCode ?? 0).toBe(0);
  });

  test('[MQTT-4.4.0-2]: a PUBACK or PUBREC that refuses is the end of that message', async () => {
    const options = { clientId: 'refusing', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(options);
    await first.subscribe('refusing', 2);
    const publisher = await trio.v5();
    for (const qos of [1, 2]) {
      await publisher.publish('refusing', 'x', { qos });
      const { messageId } = await first.expect('publish');
      const cmd = qos === 1 ? 'puback' : 'pubrec';
      first.send({ cmd, messageId, reasonCode: 0x83 });
    }
    await first.expectNothing();
    first.socket.destroy();
    const second = await trio.v5({ ...options, clean: false });
    await fence(publisher, second);
  });

  test('[MQTT-3.6.2-1] [MQTT-3.7.2-1]: an unknown identifier gets 0x92 in PUBREL and PUBCOMP', async () => {
    const peer = await trio.v5();
    peer.send({ cmd: 'pubrel', messageId: 77 });
    expect((await peer.expect('pubcomp')).reasonCode).toBe(0x92);
    peer.send({ cmd: 'pubrec', messageId: 78, reasonCode: 0 });
    expect((await peer.expect('pubrel')).reasonCode).toBe(0x92);
    peer.send({ cmd: 'puback', messageId: 79, reasonCode: 0 });
    peer.send({ cmd: 'pubcomp', messageId: 80, reasonCode: 0 });
    await peer.expectNothing();
  });

  test('[MQTT-3.4.2-1] [MQTT-3.5.2-1]: those of the server are of their packets', async () => {
    const peer = await trio.v5();
    const codes = new Set<unknown>();
    for (const topic of ['nobody/listens', 'forbidden/x']) {
      for (const first of [0x32, 0x34]) {
        peer.raw(packet(first, text(topic), uint16(7), properties()));
        codes.add(((await peer.next()) as { reasonCode?: number }).reasonCode ?? 0);
      }
      peer.send({ cmd: 'pubrel', messageId: 7 });
      await peer.expect('pubcomp');
    }
    for (const code of codes) expect([0, 0x10, 0x87]).toContain(code);
  });
});

describe('message expiry and QoS 2', () => {
  test('[MQTT-4.3.3-7] [MQTT-4.3.3-13]: what was sent once is finished, expired or not', async () => {
    const options = { clientId: 'finishing', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(options);
    await first.subscribe('finishing', 2);
    const publisher = await trio.v5();
    const expiring = { qos: 2, properties: { messageExpiryInterval: 1 } };
    await publisher.publish('finishing', 'a', expiring);
    await publisher.publish('finishing', 'b', expiring);
    const [a, b] = [await first.expect('publish'), await first.expect('publish')];
    first.send({ cmd: 'pubrec', messageId: a.messageId });
    await first.expect('pubrel');
    first.socket.destroy();
    await new Promise((go) => setTimeout(go, 1_500));
    const second = await trio.v5({ ...options, clean: false });
    expect((await second.expect('pubrel')).messageId).toBe(a.messageId);
    expect((await second.expect('publish')).messageId).toBe(b.messageId);
  });
});

describe('flow control', () => {
  test('[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] [MQTT-3.3.4-10]: no more than Receive Maximum, and nothing else waits for it', async () => {
    const subscriber = await trio.v5({ properties: { receiveMaximum: 2 } });
    await subscriber.subscribe('flow', 2);
    const publisher = await trio.v5();
    for (let i = 0; i < 6; i++) await publisher.publish('flow', String(i), { qos: 1 + (i % 2) });
    const [a, b] = [await subscriber.expect('publish'), await subscriber.expect('publish')];
    await publisher.publish('flow', 'zero', { qos: 0 });
    expect((await subscriber.expect('publish')).qos).toBe(0);
    await subscriber.subscribe('flow-other', 1);
    subscriber.send(message('flow-out', 'x', 1, 9));
    await subscriber.expect('puback');
    await subscriber.expectNothing();
    subscriber.send({ cmd: 'pubrec', messageId: b.messageId });
    await subscriber.expect('pubrel');
    await subscriber.expectNothing();
    subscriber.send({ cmd: 'pubcomp', messageId: b.messageId });
    const c = await subscriber.expect('publish');
    subscriber.send({ cmd: 'puback', messageId: a.messageId });
    const d = await subscriber.expect('publish');
    subscriber.send({ cmd: 'pubrec', messageId: d.messageId, reasonCode: 0x80 });
    const e = await subscriber.expect('publish');
    await subscriber.expectNothing();
    expect([c, d, e].map((one) => String(one.payload))).toEqual(['2', '3', '4']);
  });

  test('4.9: it holds for a session that comes back, with the new maximum', async () => {
    const options = { clientId: 'flow-back', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(options);
    await first.subscribe('flow-back', 1);
    await first.leave();
    const publisher = await trio.v4();
    for (let i = 0; i < 5; i++) await publisher.publish('flow-back', String(i), { qos: 1 });
    const properties = { sessionExpiryInterval: 60, receiveMaximum: 1 };
    const second = await trio.v5({ ...options, clean: false, properties });
    for (let i = 0; i < 5; i++) {
      const got = await second.expect('publish');
      expect(String(got.payload)).toBe(String(i));
      await second.expectNothing();
      await take(second, got);
    }
  });

  test('[MQTT-3.3.4-7]: a client above the server’s Receive Maximum gets 0x93', async () => {
    const peer = await trio.open();
    const connack = await peer.connect({ version: 5 });
    const { receiveMaximum } = connack.properties as { receiveMaximum: number };
    const one = (id: number) => packet(0x34, text('much'), uint16(id), properties());
    const all = Array.from({ length: receiveMaximum }, (_, i) => one(i + 1));
    peer.raw(Buffer.concat(all));
    for (let i = 0; i < receiveMaximum; i++) await peer.expect('pubrec');
    await peer.expectNothing();
    peer.raw(one(receiveMaximum + 1));
    await peer.expectRefusal(0x93);
  });

  test('[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]: acknowledgements stay below the client’s maximum, refusals too', async () => {
    const peer = await trio.v5({ properties: { maximumPacketSize: 24 } });
    expect((await peer.publish('forbidden/x', 'x', { qos: 1 }))?.reasonCode).toBe(0x87);
    peer.raw(packet(0x34, text('forbidden/x'), uint16(9), properties()));
    expect((await peer.expect('pubrec')).reasonCode).toBe(0x87);
    peer.send({ cmd: 'pubrec', messageId: 10, reasonCode: 0 });
    expect((await peer.expect('pubrel')).reasonCode).toBe(0x92);
    peer.send({ cmd: 'pubrel', messageId: 11, reasonCode: 0 });
    expect((await peer.expect('pubcomp')).reasonCode).toBe(0x92);
    expect((await peer.subscribe('forbidden/#')).granted).toEqual([0x87]);
    peer.send({ cmd: 'unsubscribe', messageId: 12, unsubscriptions: ['never'] });
    expect((await peer.expect('unsuback')).granted).toEqual([0x11]);
    for (const frame of peer.frames) expect(frame.length).toBeLessThanOrEqual(24);
  });
});
