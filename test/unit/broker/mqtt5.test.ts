import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ConnectOptions,
  type InProcessBroker,
  startInProcess,
} from '../../support/broker-peer.ts';

let server: InProcessBroker;
beforeAll(async () => {
  server = await startInProcess('{ anonymous: true, limits: { packet: 64 KiB, retained: 50 } }');
});
afterAll(() => server?.stop());

const v5 = (options: ConnectOptions = {}) => server.peer({ version: 5, ...options });
type Properties = Record<string, unknown> & { subscriptionIdentifier?: number | number[] };
const propertiesOf = (packet: unknown): Properties =>
  ((packet as { properties?: Properties }).properties ?? {}) as Properties;

describe('CONNECT and CONNACK', () => {
  test('3.2.2.3: the server tells its limits', async () => {
    const peer = await server.peer();
    const connack = await peer.connect({ version: 5 });
    expect(connack.reasonCode).toBe(0);
    expect(propertiesOf(connack)).toMatchObject({
      maximumPacketSize: 65_536,
      receiveMaximum: 4_096,
    });
    expect(propertiesOf(connack).topicAliasMaximum).toBeGreaterThan(0);
  });

  test('[MQTT-3.1.3-6] [MQTT-3.2.2-16] an empty client id is assigned, and told', async () => {
    const peer = await server.peer();
    const connack = await peer.connect({ version: 5, clientId: '' });
    expect(propertiesOf(connack).assignedClientIdentifier).toMatch(/^bramble-/);
  });

  test('[MQTT-3.1.2-2] a version that we do not speak is refused', async () => {
    const peer = await server.peer();
    peer.raw('10 0d 0004 4d515454 06 02 0000 0001 61');
    expect((await peer.expect('connack')).returnCode).toBe(1);
    await peer.expectClose();
  });

  test('3.2.2.3.14: a long keep alive is shortened, and told', async () => {
    const peer = await server.peer();
    const long = await peer.connect({ version: 5, keepalive: 120 });
    expect(propertiesOf(long).serverKeepAlive).toBe(60);
    const other = await server.peer();
    const short = await other.connect({ version: 5, keepalive: 30 });
    expect(propertiesOf(short).serverKeepAlive).toBeUndefined();
  });

  test('4.12: enhanced authentication is refused with 0x8C', async () => {
    const peer = await server.peer();
    const connack = await peer.connect({
      version: 5,
      properties: { authenticationMethod: 'SCRAM' },
    });
    expect(connack.reasonCode).toBe(0x8c);
    await peer.expectClose();
  });

  test('3.1.2.11.3: a Receive Maximum of 0 is a protocol error', async () => {
    const peer = await server.peer();
    peer.raw('10 11 0004 4d515454 05 02 0000 03 210000 0001 61');
    peer.version = 5;
    expect((await peer.expect('connack')).reasonCode).toBe(0x82);
    await peer.expectClose();
  });

  test('[MQTT-3.1.4-3] takeover tells the first 0x8E', async () => {
    const first = await v5({ clientId: 'five' });
    await v5({ clientId: 'five' });
    expect((await first.expect('disconnect')).reasonCode).toBe(0x8e);
    await first.expectClose();
  });
});

describe('PUBLISH', () => {
  test('[MQTT-3.3.2-15] -16 -17 -20: properties travel unchanged and in order', async () => {
    const subscriber = await v5();
    await subscriber.subscribe('props', 2);
    const publisher = await v5();
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: 'reply/to',
      correlationData: Buffer.from('00ff', 'hex'),
      userProperties: { one: ['a', 'b'], two: 'c' },
    };
    await publisher.publish('props', 'x', { qos: 2, properties });
    const got = propertiesOf(await subscriber.expect('publish'));
    expect(got).toMatchObject({
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: 'reply/to',
      correlationData: Buffer.from('00ff', 'hex'),
    });
    expect({ ...(got.userProperties as object) }).toEqual({ one: ['a', 'b'], two: 'c' });
    const old = await server.peer({});
    await old.subscribe('props', 0);
    await publisher.publish('props', 'plain', { qos: 1, properties });
    expect((await old.expect('publish')).payload?.toString()).toBe('plain');
  });

  test('3.3.2.3.4: topic aliases of the client, and their misuse', async () => {
    const subscriber = await v5();
    await subscriber.subscribe('alias/#', 0);
    const publisher = await v5();
    await publisher.publish('alias/a', '1', { qos: 1, properties: { topicAlias: 1 } });
    await publisher.publish('', '2', { qos: 1, properties: { topicAlias: 1 } });
    await publisher.publish('alias/b', '3', { qos: 1, properties: { topicAlias: 1 } });
    await publisher.publish('', '4', { qos: 1, properties: { topicAlias: 1 } });
    const topics = [];
    for (let i = 0; i < 4; i++) {
      const got = await subscriber.expect('publish');
      expect(propertiesOf(got).topicAlias).toBeUndefined();
      topics.push(got.topic);
    }
    expect(topics).toEqual(['alias/a', 'alias/a', 'alias/b', 'alias/b']);
    publisher.send({
      cmd: 'publish',
      topic: '',
      payload: 'x',
      qos: 0,
      properties: { topicAlias: 9 },
    });
    expect((await publisher.expect('disconnect')).reasonCode).toBe(0x82);
    const other = await v5();
    other.send({
      cmd: 'publish',
      topic: 'a',
      payload: 'x',
      qos: 0,
      properties: { topicAlias: 65_000 },
    });
    expect((await other.expect('disconnect')).reasonCode).toBe(0x94);
  });

  test('3.1.2.11.5: the server uses aliases only as far as the client allows', async () => {
    const subscriber = await v5({ properties: { topicAliasMaximum: 1 } });
    await subscriber.subscribe('sa/#', 2);
    const publisher = await v5();
    for (const topic of ['sa/x', 'sa/x', 'sa/y', 'sa/x'])
      await publisher.publish(topic, 'x', { qos: 1 });
    const got = [];
    for (let i = 0; i < 4; i++) {
      const packet = await subscriber.expect('publish');
      got.push([packet.topic, propertiesOf(packet).topicAlias]);
    }
    expect(got).toEqual([
      ['sa/x', 1],
      ['', 1],
      ['sa/y', undefined],
      ['', 1],
    ]);
  });

  test('[MQTT-3.3.4-6] a subscription identifier from a client is a protocol error', async () => {
    const peer = await v5();
    peer.raw('30 06 0001 61 02 0b01');
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x82);
  });

  test('3.3.4: flow control: no more than Receive Maximum in flight, the rest follows', async () => {
    const subscriber = await v5({ properties: { receiveMaximum: 2 } });
    await subscriber.subscribe('flow', 2);
    const publisher = await v5();
    for (let i = 0; i < 5; i++) await publisher.publish('flow', String(i), { qos: 1 + (i % 2) });
    const a = await subscriber.expect('publish');
    const b = await subscriber.expect('publish');
    await subscriber.expectNothing();
    subscriber.send({ cmd: 'puback', messageId: a.messageId });
    const c = await subscriber.expect('publish');
    await subscriber.expectNothing();
    // [MQTT-4.9.0-2]: PUBREC frees nothing, PUBCOMP does.
    subscriber.send({ cmd: 'pubrec', messageId: b.messageId });
    await subscriber.expect('pubrel');
    await subscriber.expectNothing();
    subscriber.send({ cmd: 'pubcomp', messageId: b.messageId });
    const d = await subscriber.expect('publish');
    expect([a, b, c, d].map((p) => p.payload?.toString())).toEqual(['0', '1', '2', '3']);
  });

  test('[MQTT-3.1.2-24] packets above the client’s maximum are not sent to it', async () => {
    const subscriber = await v5({ properties: { maximumPacketSize: 64 } });
    await subscriber.subscribe('big', 1);
    const publisher = await v5();
    await publisher.publish('big', Buffer.alloc(100), { qos: 1 });
    await publisher.publish('big', 'small', { qos: 1 });
    expect((await subscriber.expect('publish')).payload?.toString()).toBe('small');
    await subscriber.expectNothing();
  });

  test('[MQTT-3.2.2-15] a packet above the server’s maximum gets 0x95', async () => {
    const peer = await v5();
    peer.raw('30 ffffff7f');
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x95);
  });

  test('3.3.1.3: beyond the retained limit 0x97 is the answer', async () => {
    const small = await startInProcess('{ anonymous: true, limits: { retained: 2 } }');
    const peer = await small.peer({ version: 5 });
    const codes = [];
    for (const topic of ['r/1', 'r/2', 'r/3', 'r/1']) {
      codes.push((await peer.publish(topic, 'x', { qos: 1, retain: true }))?.reasonCode ?? 0);
    }
    expect(codes).toEqual([0, 0, 0x97, 0]);
    await small.stop();
  });
});

describe('SUBSCRIBE', () => {
  test('[MQTT-3.8.3-3] No Local', async () => {
    const peer = await v5();
    await peer.subscribe('nl/x', 0, { nl: true });
    await peer.publish('nl/x', 'own');
    await peer.expectNothing();
    await (await v5()).publish('nl/x', 'other');
    expect((await peer.expect('publish')).payload?.toString()).toBe('other');
  });

  test('[MQTT-3.8.3-4] No Local on a shared subscription is a protocol error', async () => {
    const peer = await v5();
    peer.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: '$share/g/x', qos: 0, nl: true, rap: false, rh: 0 }],
    });
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x82);
  });

  test('[MQTT-3.3.1-12] -13 Retain As Published', async () => {
    const [keeps, clears] = [await v5(), await v5()];
    await keeps.subscribe('rap/x', 0, { rap: true });
    await clears.subscribe('rap/x', 0);
    await (await v5()).publish('rap/x', 'x', { retain: true, qos: 1 });
    expect((await keeps.expect('publish')).retain).toBe(true);
    expect((await clears.expect('publish')).retain).toBe(false);
  });

  test('[MQTT-3.3.1-9] -10 -11 Retain Handling', async () => {
    await (await v5()).publish('rh/x', 'x', { retain: true, qos: 1 });
    const peer = await v5();
    await peer.subscribe('rh/x', 0, { rh: 2 });
    await peer.expectNothing();
    await peer.subscribe('rh/x', 0, { rh: 1 });
    await peer.expectNothing();
    await peer.subscribe('rh/+', 0, { rh: 1 });
    await peer.expect('publish');
    await peer.subscribe('rh/+', 0, { rh: 0 });
    await peer.expect('publish');
  });

  test('[MQTT-3.3.4-3] -4 all identifiers of overlapping subscriptions', async () => {
    const peer = await v5();
    await peer.subscribe('si/#', 1, {}, { subscriptionIdentifier: 11 });
    await peer.subscribe('si/+', 2, {}, { subscriptionIdentifier: 268_435_455 });
    await peer.subscribe('si/x', 0);
    await (await v5()).publish('si/x', 'x', { qos: 2 });
    const got = await peer.expect('publish');
    expect(got.qos).toBe(2);
    const ids = propertiesOf(got).subscriptionIdentifier as number[];
    expect([...ids].sort((a, b) => a - b)).toEqual([11, 268_435_455]);
    await peer.expectNothing();
  });

  test('4.8.2: a shared subscription gets each message once, over all members', async () => {
    const members = [await v5(), await v5(), await v5()];
    for (const member of members) await member.subscribe('$share/group/sh/#', 1);
    const publisher = await v5();
    for (let i = 0; i < 30; i++) await publisher.publish('sh/x', String(i), { qos: 1 });
    const shares = () =>
      members.map((member) => member.received.filter((p) => p.cmd === 'publish').length);
    for (let i = 0; i < 100 && shares().reduce((a, b) => a + b) < 30; i++) await sleep(10);
    expect(shares()).toEqual([10, 10, 10]);
  });

  test('3.9.3: reason codes of SUBACK and UNSUBACK', async () => {
    const peer = await v5();
    expect((await peer.subscribe('$share//x')).granted).toEqual([0x8f]);
    peer.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['nobody'] });
    expect((await peer.expect('unsuback')).granted).toEqual([0x11]);
  });
});

describe('the end', () => {
  test('3.14: a server that shuts down says 0x8B', async () => {
    const other = await startInProcess();
    const peer = await other.peer({ version: 5 });
    await other.broker.close();
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x8b);
    await peer.expectClose();
    await other.stop();
  });

  test('3.1.2.10: keep alive exceeded says 0x8D', async () => {
    const peer = await v5({ keepalive: 1 });
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x8d);
  });
});
