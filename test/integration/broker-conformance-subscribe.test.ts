import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fence, startTrio, type Trio } from '../support/broker-trio.ts';
import { packet, properties, text, uint16 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1: SUBSCRIBE to UNSUBACK (3.8 to 3.11), topic filters (4.7). */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

const VERSIONS = [4, 5] as const;
const id = uint16(1);
const request = (topic: string, qos = 0, more: Record<string, unknown> = {}) => ({
  topic,
  qos,
  nl: false,
  rap: false,
  rh: 0,
  ...more,
});
const identifiersOf = (got: unknown): number[] => {
  const { properties: told } = got as {
    properties?: { subscriptionIdentifier?: number | number[] };
  };
  return [told?.subscriptionIdentifier ?? []].flat().sort((a, b) => a - b);
};

describe.each(VERSIONS)('SUBSCRIBE, version %i', (version) => {
  const section = version === 5 ? [properties()] : [];

  test('[MQTT-3.8.3-2] 3.1.1 [MQTT-3.8.3-3] [MQTT-3.10.3-2] 3.1.1 [MQTT-3.10.3-2]: at least one filter', async () => {
    for (const first of [0x82, 0xa2]) {
      const peer = await trio.of(version);
      peer.raw(packet(first, id, ...section));
      await peer.expectRefusal(0x82);
    }
  });

  test('[MQTT-3.8.3-5] 3.1.1 [MQTT-3.8.3-4]: reserved bits of the options', async () => {
    for (const options of version === 5 ? [0x40, 0x80, 0xc1] : [0x04, 0x08, 0x80]) {
      const peer = await trio.of(version);
      peer.raw(packet(0x82, id, ...section, text('a'), [options]));
      await peer.expectRefusal(0x81);
    }
  });

  test('3.8.3.1: QoS 3, and in MQTT 5 retain handling 3', async () => {
    for (const options of version === 5 ? [0x03, 0x30] : [0x03]) {
      const peer = await trio.of(version);
      peer.raw(packet(0x82, id, ...section, text('a'), [options]));
      await peer.expectRefusal(version === 5 ? 0x82 : 0x81);
    }
  });

  test('[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] 3.1.1 [MQTT-3.8.4-1] 3.1.1 [MQTT-3.8.4-2] 3.1.1 [MQTT-3.8.4-4] 3.1.1 [MQTT-3.8.4-5] 3.1.1 [MQTT-3.9.3-1] 3.1.1 [MQTT-3.9.3-2]: one SUBACK, a code for each filter, in their order', async () => {
    const peer = await trio.of(version, { clientId: `many-${version}`, clean: false });
    const filters = ['a/0', 'forbidden/#', 'a/1', 'bad/#/filter', 'a/2', 'b+', 'a/+/#'];
    const subscriptions = filters.map((filter, i) => request(filter, Math.min(2, i >> 1)));
    peer.send({ cmd: 'subscribe', messageId: 513, subscriptions });
    const suback = await peer.expect('suback');
    expect(suback.messageId).toBe(513);
    const v5 = version === 5;
    expect(suback.granted).toEqual([
      0,
      v5 ? 0x87 : 0x80,
      1,
      v5 ? 0x8f : 0x80,
      2,
      v5 ? 0x8f : 0x80,
      2,
    ]);
    await peer.expectNothing();
    await (await trio.of(version)).publish('a/2', 'x', { qos: 2 });
    expect((await peer.expect('publish')).qos).toBe(2);
  });

  test('[MQTT-3.8.4-8] 3.1.1 [MQTT-3.8.4-6]: delivered with the lower QoS', async () => {
    const publisher = await trio.of(version);
    for (const granted of [0, 1, 2]) {
      const peer = await trio.of(version);
      await peer.subscribe(`lower/${granted}`, granted);
      for (const qos of [0, 1, 2]) {
        await publisher.publish(`lower/${granted}`, 'x', { qos });
        expect((await peer.expect('publish')).qos).toBe(Math.min(qos, granted));
      }
    }
  });

  test('[MQTT-3.8.4-3] [MQTT-3.8.4-4] 3.1.1 [MQTT-3.8.4-3]: the same filter replaces, sends what is retained again, and loses nothing', async () => {
    const topic = `same/${version}`;
    const publisher = await trio.of(version);
    await publisher.publish(topic, 'kept', { qos: 1, retain: true });
    const peer = await trio.of(version);
    await peer.subscribe(topic, 2);
    expect((await peer.expect('publish')).retain).toBe(true);
    const live: string[] = [];
    const load = (async () => {
      for (let i = 0; i < 60; i++) await publisher.publish(topic, String(i), { qos: 1 });
    })();
    for (let i = 0; i < 10; i++)
      peer.raw(packet(0x82, uint16(i + 1), ...section, text(topic), [1]));
    let again = 0;
    while (live.length < 60 || again < 10) {
      const got = await peer.next();
      if (got?.cmd !== 'publish') continue;
      if (got.retain) again++;
      else live.push(String(got.payload));
      expect(got.qos).toBe(1);
      peer.send({ cmd: 'puback', messageId: got.messageId });
    }
    await load;
    expect(live).toEqual(Array.from({ length: 60 }, (_, i) => String(i)));
    await publisher.publish(topic, '', { qos: 1, retain: true });
  });

  test('[MQTT-3.3.4-2] 3.1.1 [MQTT-3.3.5-1]: overlapping filters deliver once, with the highest QoS', async () => {
    const peer = await trio.of(version);
    const filters = [
      request(`over/${version}/#`, 0),
      request(`over/${version}/+`, 2),
      request(`over/+/x`, 1),
    ];
    peer.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters });
    await peer.expect('suback');
    const publisher = await trio.of(version);
    await publisher.publish(`over/${version}/x`, 'x', { qos: 2 });
    const got = await peer.expect('publish');
    expect(got.qos).toBe(2);
    peer.send({ cmd: 'pubrec', messageId: got.messageId });
    await peer.expect('pubrel');
    await fence(publisher, peer);
  });
});

describe('subscription identifiers', () => {
  test('[MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5]: all that match, live, retained and queued', async () => {
    const options = { clientId: 'identified', properties: { sessionExpiryInterval: 60 } };
    const peer = await trio.v5(options);
    const subscribe = (topic: string, subscriptionIdentifier?: number) =>
      peer.subscribe(topic, 1, {}, subscriptionIdentifier ? { subscriptionIdentifier } : undefined);
    await subscribe('ident/#', 1);
    await subscribe('ident/+', 268_435_455);
    await subscribe('+/x');
    await subscribe('ident/y', 7);
    const publisher = await trio.v4();
    await publisher.publish('ident/x', 'x', { qos: 1 });
    expect(identifiersOf(await peer.expect('publish'))).toEqual([1, 268_435_455]);
    await publisher.publish('other/x', 'x', { qos: 0 });
    expect(identifiersOf(await peer.expect('publish'))).toEqual([]);
    await peer.leave();
    await publisher.publish('ident/y', 'x', { qos: 1 });
    const back = await trio.v5({ ...options, clean: false });
    await back.expect('publish');
    expect(identifiersOf(await back.expect('publish'))).toEqual([1, 7, 268_435_455]);
    await publisher.publish('ident-retained', 'x', { qos: 1, retain: true });
    await back.subscribe('ident-retained', 1, {}, { subscriptionIdentifier: 300 });
    expect(identifiersOf(await back.expect('publish'))).toEqual([300]);
    await publisher.publish('ident-retained', '', { qos: 1, retain: true });
  });

  test('3.8.4: a new SUBSCRIBE replaces the identifier, or takes it away', async () => {
    const peer = await trio.v5();
    const publisher = await trio.v5();
    for (const subscriptionIdentifier of [5, 6, undefined]) {
      const told = subscriptionIdentifier === undefined ? undefined : { subscriptionIdentifier };
      await peer.subscribe('re-identified', 0, {}, told);
      await publisher.publish('re-identified', 'x');
      const expected = subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier];
      expect(identifiersOf(await peer.expect('publish'))).toEqual(expected);
    }
  });
});

describe('no local', () => {
  test('[MQTT-3.8.3-3]: own messages do not come back; others’, and those of the same client through another filter, do', async () => {
    const peer = await trio.v5({ clientId: 'no-local' });
    await peer.subscribe('no-local/#', 1, { nl: true });
    peer.send({ cmd: 'publish', topic: 'no-local/x', payload: 'own', qos: 1, messageId: 3 });
    await peer.expect('puback');
    const publisher = await trio.v5();
    await publisher.publish('no-local/x', 'other', { qos: 1 });
    expect(String((await peer.expect('publish')).payload)).toBe('other');
    await peer.subscribe('+/x', 0);
    peer.send({ cmd: 'publish', topic: 'no-local/x', payload: 'own', qos: 0 });
    expect(String((await peer.expect('publish')).payload)).toBe('own');
  });

  test('[MQTT-3.8.3-3]: it holds for what waited while the client moved to another node', async () => {
    const options = { clientId: 'no-local-moves', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(options);
    await first.subscribe('no-local-moves', 1, { nl: true });
    first.send({ cmd: 'publish', topic: 'no-local-moves', payload: 'own', qos: 1, messageId: 3 });
    await first.expect('puback');
    first.socket.destroy();
    const second = await trio.v5({ ...options, clean: false });
    second.send({ cmd: 'publish', topic: 'no-local-moves', payload: 'own', qos: 1, messageId: 4 });
    await second.expect('puback');
    await fence(await trio.v5(), second);
  });
});

describe.each(VERSIONS)('UNSUBSCRIBE, version %i', (version) => {
  test('[MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] 3.1.1 [MQTT-3.10.4-1] 3.1.1 [MQTT-3.10.4-2] 3.1.1 [MQTT-3.10.4-4] 3.1.1 [MQTT-3.10.4-5] 3.1.1 [MQTT-3.10.4-6]: exactly those filters, one UNSUBACK, then nothing comes', async () => {
    const peer = await trio.of(version);
    for (const filter of ['un/a', 'un/+', 'un/#', 'un/B']) await peer.subscribe(filter, 1);
    const unsubscriptions = ['un/a', 'un/A', 'un/+', 'never', 'un/b'];
    peer.send({ cmd: 'unsubscribe', messageId: 700, unsubscriptions });
    const unsuback = await peer.expect('unsuback');
    expect(unsuback.messageId).toBe(700);
    if (version === 5) expect(unsuback.granted).toEqual([0, 0x11, 0, 0x11, 0x11]);
    else expect(peer.frames.at(-1)).toEqual(packet(0xb0, uint16(700)));
    const publisher = await trio.of(version);
    await publisher.publish('un/a', 'x', { qos: 0 });
    await peer.expect('publish');
    peer.send({ cmd: 'unsubscribe', messageId: 701, unsubscriptions: ['un/#'] });
    await peer.expect('unsuback');
    await publisher.publish('un/a', 'x', { qos: 1 });
    await fence(publisher, peer);
    await publisher.publish('un/B', 'x', { qos: 0 });
    expect((await peer.expect('publish')).topic).toBe('un/B');
  });

  test('[MQTT-3.10.4-3] 3.1.1 [MQTT-3.10.4-3]: what is on its way is finished', async () => {
    const peer = await trio.of(version);
    await peer.subscribe(`finish/${version}`, 2);
    const publisher = await trio.of(version);
    await publisher.publish(`finish/${version}`, 'x', { qos: 2 });
    const { messageId } = await peer.expect('publish');
    peer.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: [`finish/${version}`] });
    await peer.expect('unsuback');
    peer.send({ cmd: 'pubrec', messageId });
    const release = await peer.expect('pubrel');
    expect([release.messageId, release.reasonCode ?? 0]).toEqual([messageId, 0]);
    peer.send({ cmd: 'pubcomp', messageId });
    await fence(publisher, peer);
  });
});

describe('topic filters', () => {
  const MATCHES: [string, string[], string[]][] = [
    [
      'sport/tennis/#',
      ['sport/tennis', 'sport/tennis/x', 'sport/tennis/x/y'],
      ['sport/tennis2', 'sport'],
    ],
    ['sport/+', ['sport/', 'sport/x'], ['sport', 'sport/x/y']],
    ['+/+', ['/finance', 'a/b'], ['finance', 'a/b/c']],
    ['/+', ['/finance'], ['finance', 'a/finance']],
    ['+/tennis/#', ['a/tennis', '/tennis/b'], ['tennis', '$a/tennis']],
    ['a//b', ['a//b'], ['a/b', 'a/c/b']],
    ['a b/ü', ['a b/ü'], ['a b/u', 'ab/ü']],
    ['a.b/*', ['a.b/*'], ['a.b/c', 'a/b/c']],
    ['>/x', ['>/x'], ['a/x']],
  ];
  test.each(MATCHES)(
    '[MQTT-4.7.1-1] [MQTT-4.7.1-2] 3.1.1 [MQTT-4.7.1-2] 3.1.1 [MQTT-4.7.1-3] 3.1.1 [MQTT-3.8.3-2]: %s',
    async (filter, yes, no) => {
      const peer = await trio.v5();
      await peer.subscribe(filter, 1);
      const retained = await trio.v4();
      const publisher = await trio.v4();
      for (const topic of [...no, ...yes]) await publisher.publish(topic, 'x', { qos: 1 });
      expect(await peer.topics(yes.length)).toEqual([...yes].sort());
      await fence(publisher, peer);
      // The search among retained messages is another piece of code.
      for (const topic of [...no, ...yes])
        await publisher.publish(topic, 'x', { qos: 1, retain: true });
      await retained.subscribe(filter);
      const topics = (await retained.settle()).map((one) => (one as { topic?: string }).topic);
      expect(topics.filter((topic) => no.includes(topic ?? ''))).toEqual([]);
      expect(new Set(topics)).toEqual(new Set(yes));
      for (const topic of [...no, ...yes])
        await publisher.publish(topic, '', { qos: 1, retain: true });
    },
  );

  test.each(['a/#/b', 'a#', '#a', '##', 'a+', '+a/b', 'a/b+', 'a/+b/c', 'a/++'])(
    '[MQTT-4.7.1-1] [MQTT-4.7.1-2] 3.1.1 [MQTT-4.7.1-2] 3.1.1 [MQTT-4.7.1-3]: %s is none',
    async (filter) => {
      const now = await trio.v5();
      expect((await now.subscribe(filter)).granted).toEqual([0x8f]);
      const old = await trio.v4();
      expect((await old.subscribe(filter)).granted).toEqual([0x80]);
    },
  );

  test('[MQTT-4.7.3-1] 3.1.1 [MQTT-4.7.3-1]: an empty filter is none', async () => {
    const peer = await trio.v5();
    peer.raw(packet(0x82, id, properties(), text(''), [0]));
    expect((await peer.expect('suback')).granted).toEqual([0x8f]);
  });

  test('[MQTT-4.7.2-1] 3.1.1 [MQTT-4.7.2-1]: a leading wildcard does not match topics that begin with $', async () => {
    const peer = await trio.v5();
    for (const filter of ['#', '+/broker/version', '+/x'])
      await peer.subscribe(filter, 0, { rh: 2 });
    const publisher = await trio.v4();
    await publisher.publish('$other/x', 'x', { qos: 1, retain: true });
    await fence(publisher, peer);
    await peer.subscribe('$other/#');
    expect((await peer.expect('publish')).topic).toBe('$other/x');
    await publisher.publish('$other/x', '', { qos: 1, retain: true });
  });
});
