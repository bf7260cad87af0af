import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import type { Peer } from '../support/broker-peer.ts';
import { fence, startTrio, type Trio } from '../support/broker-trio.ts';
import { packet, properties, text, uint16, uint32 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1, section 3.3: PUBLISH, retained messages, properties, topic aliases. */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

const VERSIONS = [4, 5] as const;
type Properties = Record<string, unknown>;
const propertiesOf = (got: unknown): Properties =>
  (got as { properties?: Properties }).properties ?? {};
const retained = { qos: 1, retain: true };

/** What a new subscriber gets at once, as `topic=payload`. */
async function retainedFor(filter: string, version: 4 | 5 = 4): Promise<string[]> {
  const peer = await trio.of(version);
  await peer.subscribe(filter, 2);
  return (await peer.settle())
    .filter((one) => one.cmd === 'publish')
    .map((one) => `${one.topic}=${one.payload}${one.retain ? '' : ' without the flag'}`)
    .sort();
}

describe.each(VERSIONS)('retained messages, version %i', (version) => {
  const base = `retained/${version}`;
  let publisher: Peer;
  beforeAll(async () => {
    publisher = await trio.of(version);
  });

  test('[MQTT-3.3.1-5] 3.1.1 [MQTT-3.3.1-5] 3.1.1 [MQTT-3.3.1-6] 3.1.1 [MQTT-3.3.1-8]: the last one is kept, and every node has it', async () => {
    for (const payload of ['one', 'two', 'three'])
      await publisher.publish(`${base}/a`, payload, retained);
    for (let node = 0; node < 3; node++) {
      expect(await retainedFor(`${base}/+`, version)).toEqual([`${base}/a=three`]);
    }
  });

  test('[MQTT-3.3.1-6] [MQTT-3.3.1-7] 3.1.1 [MQTT-3.3.1-10] 3.1.1 [MQTT-3.3.1-11]: an empty one is delivered and takes it away', async () => {
    const live = await trio.of(version);
    await live.subscribe(`${base}/b`);
    await publisher.publish(`${base}/b`, 'x', retained);
    await publisher.publish(`${base}/b`, '', retained);
    expect((await live.expect('publish')).payload?.toString()).toBe('x');
    const empty = await live.expect('publish');
    expect([empty.payload?.length, empty.retain]).toEqual([0, false]);
    expect(await retainedFor(`${base}/b`)).toEqual([]);
  });

  test('[MQTT-3.3.1-8] 3.1.1 [MQTT-3.3.1-12]: one without the flag leaves it alone', async () => {
    await publisher.publish(`${base}/c`, 'kept', retained);
    await publisher.publish(`${base}/c`, 'passing', { qos: 1 });
    await publisher.publish(`${base}/c`, '', { qos: 1 });
    expect(await retainedFor(`${base}/c`)).toEqual([`${base}/c=kept`]);
  });

  test('[MQTT-3.3.1-12] 3.1.1 [MQTT-3.3.1-9]: an established subscription gets it without the flag', async () => {
    const live = await trio.of(version);
    await live.subscribe(`${base}/d`, 1);
    await publisher.publish(`${base}/d`, 'x', retained);
    expect((await live.expect('publish')).retain).toBe(false);
  });

  test('3.1.1 [MQTT-3.3.1-7]: one of QoS 0 replaces what was there', async () => {
    await publisher.publish(`${base}/e`, 'old', retained);
    await publisher.publish(`${base}/e`, 'new', { qos: 0, retain: true });
    // QoS 0 is acknowledged by nothing, so when it is retained is not told.
    await eventually('it is replaced on every node', async () => {
      for (let node = 0; node < 3; node++) {
        if ((await retainedFor(`${base}/e`))[0] !== `${base}/e=new`) return false;
      }
      return true;
    });
  });

  test('[MQTT-3.8.4-8] 3.1.1 [MQTT-3.8.4-6]: it comes with the lower QoS', async () => {
    for (const qos of [0, 1, 2])
      await publisher.publish(`${base}/q/${qos}`, 'x', { qos, retain: true });
    await eventually('all are retained on every node', async () => {
      for (let node = 0; node < 3; node++) {
        if ((await retainedFor(`${base}/q/+`)).length < 3) return false;
      }
      return true;
    });
    for (const granted of [0, 1, 2]) {
      const peer = await trio.of(version);
      await peer.subscribe(`${base}/q/+`, granted);
      const got = [
        await peer.expect('publish'),
        await peer.expect('publish'),
        await peer.expect('publish'),
      ];
      const expected = [0, 1, 2].map((qos) => `${base}/q/${qos} ${Math.min(qos, granted)}`);
      expect(got.map((one) => `${one.topic} ${one.qos}`).sort()).toEqual(expected);
    }
  });
});

describe('subscription options for them', () => {
  test('[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4]: retain handling 0, 1 and 2', async () => {
    await (await trio.v5()).publish('handling/x', 'x', retained);
    const peer = await trio.v5();
    await peer.subscribe('handling/x', 1, { rh: 2 });
    await peer.expectNothing();
    await peer.subscribe('handling/x', 1, { rh: 1 });
    await peer.expectNothing();
    await peer.subscribe('handling/x', 1, { rh: 0 });
    expect((await peer.expect('publish')).retain).toBe(true);
    await peer.subscribe('handling/+', 0, { rh: 1 });
    await peer.expect('publish');
    await peer.subscribe('handling/+', 0, { rh: 1 });
    await peer.expectNothing();
  });

  test('[MQTT-3.3.1-13]: retain as published', async () => {
    const [keeps, clears] = [await trio.v5(), await trio.v5()];
    await keeps.subscribe('as-published', 1, { rap: true });
    await clears.subscribe('as-published', 1);
    const publisher = await trio.v4();
    await publisher.publish('as-published', 'x', retained);
    await publisher.publish('as-published', 'x', { qos: 1 });
    expect([
      (await keeps.expect('publish')).retain,
      (await keeps.expect('publish')).retain,
    ]).toEqual([true, false]);
    expect([
      (await clears.expect('publish')).retain,
      (await clears.expect('publish')).retain,
    ]).toEqual([false, false]);
  });
});

describe('topics', () => {
  test('[MQTT-3.3.2-2] 3.1.1 [MQTT-3.3.2-2] [MQTT-4.7.0-1] 3.1.1 [MQTT-4.7.1-1]: no wildcard', async () => {
    for (const version of VERSIONS) {
      for (const topic of ['a/#', '+', 'a+b']) {
        const peer = await trio.of(version);
        peer.raw(packet(0x30, text(topic), ...(version === 5 ? [properties()] : [])));
        await peer.expectRefusal(0x90);
      }
    }
  });

  test('[MQTT-4.7.3-1] 3.1.1 [MQTT-4.7.3-1]: at least one character', async () => {
    for (const version of VERSIONS) {
      const peer = await trio.of(version);
      peer.raw(packet(0x30, text(''), ...(version === 5 ? [properties()] : [])));
      await peer.expectRefusal(0x82);
    }
  });

  test('[MQTT-3.3.2-3] 3.1.1 [MQTT-3.3.2-3] 3.1.1 [MQTT-3.3.2-1]: what comes matches the filter', async () => {
    const peer = await trio.v5();
    await peer.subscribe('match/+/x');
    const publisher = await trio.v4();
    for (const topic of [
      'match/a/y',
      'match/x',
      'match/a/b/x',
      'match//x',
      '/match/a/x',
      'match/a/x',
    ]) {
      await publisher.publish(topic, 'x', { qos: 1 });
    }
    expect(await peer.topics(2)).toEqual(['match//x', 'match/a/x']);
    await fence(publisher, peer);
  });
});

describe('properties', () => {
  test('[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]: they travel unaltered and in order, live, queued and retained', async () => {
    const pairs = ['b', 'a', 'b', 'c', 'a'].flatMap((name, i) => [
      Buffer.from([0x26]),
      text(name),
      text(String(i)),
    ]);
    const section = Buffer.concat([
      Buffer.from([0x01, 0x01, 0x03]),
      text('text/plain; é'),
      Buffer.from([0x08]),
      text('reply/to'),
      ...pairs,
      Buffer.from([0x09]),
      text(Buffer.from('00ff80', 'hex')),
    ]);
    const away = { clientId: 'properties', properties: { sessionExpiryInterval: 60 } };
    const queued = await trio.v5(away);
    await queued.subscribe('properties', 1);
    await queued.leave();
    const live = await trio.v5();
    await live.subscribe('properties', 2);
    const publisher = await trio.v5();
    publisher.raw(
      packet(0x35, text('properties'), uint16(5), properties(section), Buffer.from('p')),
    );
    await publisher.expect('pubrec');
    publisher.send({ cmd: 'pubrel', messageId: 5 });
    await publisher.expect('pubcomp');
    const late = await trio.v5();
    await late.subscribe('properties');
    const back = await trio.v5({ ...away, clean: false });
    for (const peer of [live, late, back]) {
      await peer.expect('publish');
      const frame = peer.frames.at(-1)!;
      expect(frame.includes(properties(section))).toBe(true);
      expect(frame.toString('latin1').endsWith('p')).toBe(true);
    }
    const old = await trio.v4();
    await old.subscribe('properties');
    await old.expect('publish');
    expect(old.frames.at(-1)).toEqual(packet(0x31, text('properties'), Buffer.from('p')));
  });

  test('3.3.2.3.2: a payload format of 0 and none at all stay what they are', async () => {
    const peer = await trio.v5();
    await peer.subscribe('format');
    const publisher = await trio.v5();
    for (const section of [properties('0100'), properties()]) {
      publisher.raw(packet(0x30, text('format'), section, Buffer.from('x')));
      await peer.expect('publish');
      expect(peer.frames.at(-1)).toEqual(packet(0x30, text('format'), section, Buffer.from('x')));
    }
  });

  test('[MQTT-3.3.2-5] [MQTT-3.3.2-6]: message expiry, for who is away and for who comes late', async () => {
    const away = { clientId: 'expiring', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(away);
    await first.subscribe('expiring/#', 1);
    await first.leave();
    const publisher = await trio.v5();
    const send = (topic: string, expiry: number, retain: boolean) =>
      publisher.publish(topic, 'x', {
        qos: 1,
        retain,
        properties: { messageExpiryInterval: expiry },
      });
    await send('expiring/short', 1, false);
    await send('expiring/long', 60, false);
    await send('retained-expiring/short', 1, true);
    await send('retained-expiring/long', 60, true);
    await sleep(2_100);
    const second = await trio.v5({ ...away, clean: false });
    const got = await second.expect('publish');
    const late = await trio.v5();
    await late.subscribe('retained-expiring/#', 1);
    const kept = await late.expect('publish');
    for (const [message, topic] of [
      [got, 'expiring/long'],
      [kept, 'retained-expiring/long'],
    ] as const) {
      expect(message.topic).toBe(topic);
      const { messageExpiryInterval } = propertiesOf(message) as { messageExpiryInterval: number };
      expect(messageExpiryInterval).toBeGreaterThan(50);
      expect(messageExpiryInterval).toBeLessThan(59);
    }
    await second.expectNothing();
    await late.expectNothing();
  });

  test('request and response: the topic and the correlation data lead back', async () => {
    const [requester, responder] = [await trio.v5(), await trio.v5()];
    await responder.subscribe('service', 1);
    await requester.subscribe('answers/7', 1);
    const ask = { responseTopic: 'answers/7', correlationData: Buffer.from('42') };
    await requester.publish('service', 'question', { qos: 1, properties: ask });
    const { responseTopic, correlationData } = propertiesOf(await responder.expect('publish'));
    await responder.publish(String(responseTopic), 'answer', {
      qos: 1,
      properties: { correlationData },
    });
    expect(propertiesOf(await requester.expect('publish')).correlationData).toEqual(
      Buffer.from('42'),
    );
  });
});

describe('topic aliases', () => {
  const alias = (topic: string, value: number, payload = 'x') =>
    packet(0x30, text(topic), properties([0x23], uint16(value)), Buffer.from(payload));

  test('[MQTT-3.3.2-12]: every alias up to the maximum, and each may be set anew', async () => {
    const subscriber = await trio.v5();
    await subscriber.subscribe('alias/#');
    const publisher = await trio.open();
    const connack = await publisher.connect({ version: 5 });
    const maximum = propertiesOf(connack).topicAliasMaximum as number;
    for (let i = 1; i <= maximum; i++) publisher.raw(alias(`alias/${i}`, i));
    for (let i = 1; i <= maximum; i++) publisher.raw(alias('', i));
    publisher.raw(alias('alias/new', 1));
    publisher.raw(alias('', 1));
    const all = Array.from({ length: maximum }, (_, i) => `alias/${i + 1}`);
    const twice = [...all, ...all, 'alias/new', 'alias/new'].sort();
    expect(await subscriber.topics(twice.length)).toEqual(twice);
  });

  test('[MQTT-3.3.2-9] [MQTT-3.2.2-17]: one above the maximum is refused with 0x94', async () => {
    const peer = await trio.open();
    const maximum = propertiesOf(await peer.connect({ version: 5 })).topicAliasMaximum as number;
    peer.raw(alias('a', maximum + 1));
    await peer.expectRefusal(0x94);
  });

  test('[MQTT-3.3.2-7]: another connection of the same session does not know it', async () => {
    const options = { clientId: 'aliases', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(options);
    first.raw(alias('alias/first', 3));
    await first.expectNothing();
    first.socket.destroy();
    const second = await trio.v5({ ...options, clean: false });
    second.raw(alias('', 3));
    await second.expectRefusal(0x82);
  });

  test('[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]: the server uses as many as the client allows', async () => {
    const publisher = await trio.v5();
    for (const maximum of [0, 1, 3]) {
      const peer = await trio.v5(
        maximum === 0 ? {} : { properties: { topicAliasMaximum: maximum } },
      );
      await peer.subscribe(`out-alias/${maximum}/+`, 1);
      const known = new Map<number, string>();
      const used = new Set<number>();
      for (let i = 0; i < 12; i++) {
        await publisher.publish(`out-alias/${maximum}/${i % 4}`, 'x', { qos: 1 });
        const got = await peer.expect('publish');
        const value = (propertiesOf(got).topicAlias as number | undefined) ?? 0;
        if (value > 0) used.add(value);
        if (value > 0 && got.topic !== '') known.set(value, got.topic!);
        const topic = got.topic === '' ? known.get(value) : got.topic;
        expect(topic).toBe(`out-alias/${maximum}/${i % 4}`);
        expect(value).toBeLessThanOrEqual(maximum);
      }
      expect(used.size).toBe(maximum);
    }
  });
});

describe('what a client may not', () => {
  test('3.1.1 [MQTT-3.3.5-2]: a publish that is not allowed is acknowledged, and in MQTT 5 refused with 0x87', async () => {
    const watcher = await trio.v5({ username: 'chief', password: 'secret' });
    await watcher.subscribe('forbidden/#');
    const old = await trio.v4();
    await old.publish('forbidden/x', 'x', { qos: 1 });
    await old.publish('forbidden/x', 'x', { qos: 2 });
    const now = await trio.v5();
    expect((await now.publish('forbidden/x', 'x', { qos: 1 }))?.reasonCode).toBe(0x87);
    now.raw(packet(0x34, text('forbidden/x'), uint16(9), properties()));
    expect((await now.expect('pubrec')).reasonCode).toBe(0x87);
    await fence(now, watcher);
  });

  test('[MQTT-3.2.2-15]: a packet above the server’s maximum gets 0x95', async () => {
    const peer = await trio.open();
    const maximum = propertiesOf(await peer.connect({ version: 5 })).maximumPacketSize as number;
    const overhead = 1 + 3 + 3 + 1;
    await peer.publish('m', Buffer.alloc(maximum - overhead), { qos: 0 });
    peer.raw(packet(0x30, text('m'), properties(), Buffer.alloc(maximum - overhead + 1)));
    await peer.expectRefusal(0x95);
  });

  test('[MQTT-3.1.2-24] [MQTT-3.1.2-25]: one above the client’s maximum is dropped, and the rest goes on', async () => {
    const peer = await trio.v5({ properties: { maximumPacketSize: 100, receiveMaximum: 2 } });
    await peer.subscribe('size', 2);
    const publisher = await trio.v4();
    for (let i = 0; i < 6; i++) await publisher.publish('size', Buffer.alloc(100), { qos: i % 3 });
    await publisher.publish('size', 'small', { qos: 2 });
    expect((await peer.expect('publish')).payload?.toString()).toBe('small');
    for (const frame of peer.frames) expect(frame.length).toBeLessThanOrEqual(100);
  });

  test('expiry beyond what fits into four bytes does not exist: the longest one works', async () => {
    const peer = await trio.v5();
    await peer.subscribe('longest');
    const publisher = await trio.v5();
    publisher.raw(packet(0x30, text('longest'), properties([0x02], uint32(0xffff_ffff))));
    const got = await peer.expect('publish');
    expect(propertiesOf(got).messageExpiryInterval).toBeGreaterThan(0xffff_0000);
  });
});
