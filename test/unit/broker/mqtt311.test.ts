import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InProcessBroker, startInProcess } from '../../support/broker-peer.ts';

let server: InProcessBroker;
beforeAll(async () => {
  server = await startInProcess('{ anonymous: true, limits: { packet: 64 KiB, connect: 400 ms } }');
});
afterAll(() => server?.stop());

describe('CONNECT', () => {
  test('[MQTT-3.1.0-1] the first packet must be CONNECT', async () => {
    const peer = await server.peer();
    peer.raw('c000');
    await peer.expectClose();
  });

  test('[MQTT-3.1.0-2] a second CONNECT closes', async () => {
    const peer = await server.peer({});
    peer.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      clientId: 'x',
      keepalive: 0,
    });
    await peer.expectClose();
  });

  test('[MQTT-3.1.2-2] an unknown protocol level gets return code 1', async () => {
    const peer = await server.peer();
    peer.raw('10 0d 0004 4d515454 09 02 0000 0001 61');
    expect((await peer.expect('connack')).returnCode).toBe(1);
    await peer.expectClose();
  });

  test('[MQTT-3.1.2-3] the reserved flag must be 0', async () => {
    const peer = await server.peer();
    peer.raw('10 0d 0004 4d515454 04 03 0000 0001 61');
    await peer.expectClose();
  });

  test('[MQTT-3.1.3-8] an empty client id needs a clean session', async () => {
    const refused = await server.peer();
    refused.raw('10 0c 0004 4d515454 04 00 0000 0000');
    expect((await refused.expect('connack')).returnCode).toBe(2);
    await refused.expectClose();
    const taken = await server.peer();
    expect((await taken.connect({ clientId: '', clean: true })).returnCode).toBe(0);
  });

  test('[MQTT-3.1.4-2] a second client with the id displaces the first', async () => {
    const first = await server.peer({ clientId: 'same' });
    const second = await server.peer({ clientId: 'same' });
    await first.expectClose();
    await second.expectNothing();
  });

  test('3.1.4: no CONNECT in time closes', async () => {
    const peer = await server.peer();
    await peer.expectClose();
  });

  test('MQTT 3.1 is served too', async () => {
    const peer = await server.peer();
    expect((await peer.connect({ version: 3, clientId: 'old' })).returnCode).toBe(0);
  });

  test('[MQTT-3.1.2-24] silence for one and a half keep alives closes, and the will is sent', async () => {
    const watcher = await server.peer({});
    await watcher.subscribe('will/keepalive', 1);
    const will = { topic: 'will/keepalive', payload: Buffer.from('gone'), qos: 1, retain: false };
    const peer = await server.peer({ keepalive: 1, will });
    await peer.expectClose();
    expect((await watcher.expect('publish')).payload?.toString()).toBe('gone');
  });
});

describe('sessions', () => {
  test('[MQTT-3.2.2-2] session present tells the truth', async () => {
    const first = await server.peer();
    expect((await first.connect({ clientId: 'sp', clean: false })).sessionPresent).toBe(false);
    first.send({ cmd: 'disconnect' });
    await first.expectClose();
    const second = await server.peer();
    expect((await second.connect({ clientId: 'sp', clean: false })).sessionPresent).toBe(true);
    second.send({ cmd: 'disconnect' });
    await second.expectClose();
    const third = await server.peer();
    expect((await third.connect({ clientId: 'sp', clean: true })).sessionPresent).toBe(false);
  });

  test('[MQTT-3.1.2-5] QoS 1 and 2 wait for a session that is away; QoS 0 does not', async () => {
    const first = await server.peer({ clientId: 'away', clean: false });
    await first.subscribe('away/#', 2);
    first.send({ cmd: 'disconnect' });
    await first.expectClose();
    const publisher = await server.peer({});
    for (const qos of [0, 1, 2]) await publisher.publish(`away/${qos}`, `q${qos}`, { qos });
    const second = await server.peer({ clientId: 'away', clean: false });
    const one = await second.expect('publish');
    const two = await second.expect('publish');
    expect([one.topic, one.qos, two.topic, two.qos]).toEqual(['away/1', 1, 'away/2', 2]);
    await second.expectNothing();
  });

  test('[MQTT-4.4.0-1] [MQTT-3.3.1-1] what was not acknowledged comes again, with DUP', async () => {
    const first = await server.peer({ clientId: 'redo', clean: false });
    await first.subscribe('redo/#', 2);
    const publisher = await server.peer({});
    await publisher.publish('redo/1', 'a', { qos: 1 });
    await publisher.publish('redo/2', 'b', { qos: 2 });
    await publisher.publish('redo/3', 'c', { qos: 2 });
    const seen = [
      await first.expect('publish'),
      await first.expect('publish'),
      await first.expect('publish'),
    ];
    expect(seen.map((p) => p.dup)).toEqual([false, false, false]);
    first.send({ cmd: 'pubrec', messageId: seen[1]!.messageId });
    await first.expect('pubrel');
    first.socket.destroy();
    const second = await server.peer({ clientId: 'redo', clean: false });
    const again = [await second.next(), await second.next(), await second.next()];
    expect(again.map((p) => [p!.cmd, p!.messageId])).toEqual([
      ['publish', seen[0]!.messageId],
      ['pubrel', seen[1]!.messageId],
      ['publish', seen[2]!.messageId],
    ]);
    expect((again[0] as unknown as { dup: boolean }).dup).toBe(true);
  });

  test('several filters on a persistent session are answered at once, in order', async () => {
    const peer = await server.peer({ clientId: 'many', clean: false });
    peer.send({
      cmd: 'subscribe',
      messageId: 9,
      subscriptions: Array.from({ length: 20 }, (_, i) => ({ topic: `many/${i}`, qos: i % 3 })),
    });
    const suback = await peer.expect('suback');
    expect(suback.granted).toEqual(Array.from({ length: 20 }, (_, i) => i % 3));
  });
});

describe('PUBLISH', () => {
  test.each([0, 1, 2])('a message of QoS %i goes around', async (qos) => {
    const peer = await server.peer({});
    await peer.subscribe(`round/${qos}`, 2);
    peer.send({
      cmd: 'publish',
      topic: `round/${qos}`,
      payload: 'x',
      qos,
      messageId: 5,
      dup: false,
      retain: false,
    });
    const kinds: string[] = [];
    while (!kinds.includes('publish')) kinds.push((await peer.next())!.cmd);
    expect(kinds).toContain('publish');
  });

  test('[MQTT-4.3.3-2] the same QoS 2 identifier twice is one message', async () => {
    const subscriber = await server.peer({});
    await subscriber.subscribe('twice', 0);
    const publisher = await server.peer({});
    const packet = {
      cmd: 'publish',
      topic: 'twice',
      payload: 'x',
      qos: 2,
      messageId: 3,
      dup: false,
      retain: false,
    };
    publisher.send(packet);
    await publisher.expect('pubrec');
    publisher.send({ ...packet, dup: true });
    await publisher.expect('pubrec');
    publisher.send({ cmd: 'pubrel', messageId: 3 });
    await publisher.expect('pubcomp');
    await subscriber.expect('publish');
    await subscriber.expectNothing();
  });

  test('[MQTT-3.3.1-4] QoS 3 closes', async () => {
    const peer = await server.peer({});
    peer.raw('36 05 0001 61 0001');
    await peer.expectClose();
  });

  test('[MQTT-3.3.2-2] a wildcard in a topic name closes', async () => {
    const peer = await server.peer({});
    peer.raw('30 05 0003 612f23');
    await peer.expectClose();
  });

  test('[MQTT-1.5.3-1] [MQTT-1.5.3-2] ill-formed UTF-8 and U+0000 close', async () => {
    for (const topic of ['c328', '6100', 'eda080']) {
      const peer = await server.peer({});
      const length = topic.length / 2;
      peer.raw(`30 ${(2 + length).toString(16).padStart(2, '0')} 000${length} ${topic}`);
      await peer.expectClose();
    }
  });

  test('a packet above the limit closes on its header, before its body', async () => {
    const peer = await server.peer({});
    peer.raw('30 ffffff7f');
    await peer.expectClose();
  });
});

describe('SUBSCRIBE', () => {
  test('[MQTT-3.8.3-3] without a filter, and with reserved flags, closes', async () => {
    for (const bytes of ['82 02 0001', '80 06 0001 0001 61 00']) {
      const peer = await server.peer({});
      peer.raw(bytes);
      await peer.expectClose();
    }
  });

  test('[MQTT-4.7.1-2] [MQTT-4.7.1-3] a filter with misplaced wildcards fails', async () => {
    const peer = await server.peer({});
    for (const filter of ['a/#/b', 'a+', '#a']) {
      expect((await peer.subscribe(filter)).granted).toEqual([128]);
    }
  });

  test('[MQTT-3.3.5-1] overlapping subscriptions: one delivery at the highest QoS', async () => {
    const peer = await server.peer({});
    await peer.subscribe('over/#', 2);
    await peer.subscribe('over/+', 1);
    const publisher = await server.peer({});
    await publisher.publish('over/x', 'x', { qos: 2 });
    expect((await peer.expect('publish')).qos).toBe(2);
    await peer.expectNothing();
  });

  test('[MQTT-4.7.2-1] wildcards do not see $ topics', async () => {
    const peer = await server.peer({});
    await peer.subscribe('#');
    await peer.subscribe('+/broker/uptime');
    await peer.expectNothing();
    await peer.subscribe('$SYS/broker/uptime');
    expect((await peer.expect('publish')).topic).toBe('$SYS/broker/uptime');
  });

  test('[MQTT-3.10.4-1] nothing comes after UNSUBACK', async () => {
    const peer = await server.peer({});
    await peer.subscribe('un/1');
    peer.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['un/1', 'never'] });
    await peer.expect('unsuback');
    const publisher = await server.peer({});
    await publisher.publish('un/1', 'x');
    await peer.expectNothing();
  });
});

describe('retained messages', () => {
  test('[MQTT-3.3.1-5] to -12: kept, replaced, replayed with the flag, removed', async () => {
    const publisher = await server.peer({});
    const live = await server.peer({});
    await live.subscribe('ret/#', 1);
    await publisher.publish('ret/a', 'one', { retain: true, qos: 1 });
    await publisher.publish('ret/a', 'two', { retain: true, qos: 1 });
    await publisher.publish('ret/b', 'bee', { retain: true });
    for (let i = 0; i < 3; i++) expect((await live.expect('publish')).retain).toBe(false);
    const late = await server.peer({});
    await late.subscribe('ret/+', 1);
    const got = [await late.expect('publish'), await late.expect('publish')];
    expect(got.map((p) => `${p.topic}=${p.payload} ${p.retain}`).sort()).toEqual([
      'ret/a=two true',
      'ret/b=bee true',
    ]);
    for (const topic of ['ret/a', 'ret/b'])
      await publisher.publish(topic, '', { retain: true, qos: 1 });
    const later = await server.peer({});
    await later.subscribe('ret/#');
    await later.expectNothing();
  });
});

describe('wills', () => {
  test('[MQTT-3.1.2-8] a lost connection sends the will, [MQTT-3.14.4-3] DISCONNECT does not', async () => {
    const watcher = await server.peer({});
    await watcher.subscribe('w/#', 2);
    const will = (topic: string) => ({ topic, payload: Buffer.from('x'), qos: 2, retain: true });
    const polite = await server.peer({ will: will('w/polite') });
    polite.send({ cmd: 'disconnect' });
    await polite.expectClose();
    const lost = await server.peer({ will: will('w/lost') });
    lost.socket.resetAndDestroy();
    const got = await watcher.expect('publish');
    expect([got.topic, got.qos]).toEqual(['w/lost', 2]);
    const late = await server.peer({});
    await late.subscribe('w/+');
    expect((await late.expect('publish')).topic).toBe('w/lost');
    await late.expectNothing();
  });
});
