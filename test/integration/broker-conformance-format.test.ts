import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import type { Peer } from '../support/broker-peer.ts';
import { startTrio, type Trio } from '../support/broker-trio.ts';
import { connect, packet, properties, text, uint16, uint32 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1, chapters 1 and 2, and what chapter 3 says of malformed packets. */
let trio: Trio;
let witness: Peer;
beforeAll(async () => {
  trio = await startTrio();
  witness = await trio.v5({ clientId: 'witness' });
  await witness.subscribe('witness');
});
afterAll(() => trio?.stop());

const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;
const NONE = properties();
const id = uint16(1);

const ILL_FORMED: [string, string][] = [
  ['a lone continuation byte', 'c328'],
  ['a surrogate', 'eda080'],
  ['an overlong form', 'c0af'],
  ['a code point above U+10FFFF', 'f4908080'],
  ['U+0000', '610062'],
];

describe.each([4, 5] as const)('strings, version %i', (version) => {
  const section = version === 5 ? [NONE] : [];

  test.each(ILL_FORMED)(
    '[MQTT-1.5.4-1] [MQTT-1.5.4-2] 3.1.1 [MQTT-1.5.3-1] 3.1.1 [MQTT-1.5.3-2] [MQTT-4.7.3-2] 3.1.1 [MQTT-4.7.3-2] [MQTT-3.3.2-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1] 3.1.1 [MQTT-3.8.3-1] 3.1.1 [MQTT-3.10.3-1]: %s',
    async (_, bytes) => {
      const bad = text(Buffer.from(bytes, 'hex'));
      const frames = [
        packet(0x30, bad, ...section),
        packet(0x82, id, ...section, bad, [0]),
        packet(0xa2, id, ...section, bad),
      ];
      for (const frame of frames) {
        const peer = await trio.of(version);
        peer.raw(frame);
        await peer.expectRefusal(MALFORMED);
      }
    },
  );

  test.each(ILL_FORMED)(
    '[MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] 3.1.1 [MQTT-3.1.3-4] 3.1.1 [MQTT-3.1.3-10] 3.1.1 [MQTT-3.1.3-11]: client id, will topic and user name with %s',
    async (_, bytes) => {
      const bad = text(Buffer.from(bytes, 'hex'));
      const ok = text('c');
      const cases: [number, Buffer[]][] = [
        [0x02, [bad]],
        [0x06, [ok, ...section, bad, text('will')]],
        [0x82, [ok, bad]],
      ];
      for (const [flags, payload] of cases) {
        const peer = await trio.open();
        peer.version = version;
        peer.raw(connect({ level: version, flags, payload }));
        if (version === 5) expect((await peer.expect('connack')).reasonCode).toBe(MALFORMED);
        expect(await peer.next()).toBeUndefined();
      }
    },
  );

  test('[MQTT-1.5.4-3] [MQTT-4.7.3-4] 3.1.1 [MQTT-1.5.3-3] 3.1.1 [MQTT-4.7.3-4]: U+FEFF stays, nothing is normalized', async () => {
    const subscriber = await trio.of(version);
    const publisher = await trio.of(version);
    const topics = [`\ufeffbom/${version}`, `nfc/\u00e9/${version}`, `Case/${version}`];
    for (const topic of topics) await subscriber.subscribe(topic);
    const others = [`bom/${version}`, `nfc/e\u0301/${version}`, `case/${version}`];
    for (const topic of [...others, ...topics]) await publisher.publish(topic, 'x', { qos: 1 });
    expect(await subscriber.topics(topics.length)).toEqual([...topics].sort());
    await subscriber.expectNothing();
  });

  test('[MQTT-4.7.3-3] 3.1.1 [MQTT-4.7.3-3]: the longest topic goes through', async () => {
    const topic = 'l'.repeat(65_000);
    const subscriber = await trio.of(version);
    const publisher = await trio.of(version);
    await subscriber.subscribe(topic);
    await publisher.publish(topic, 'x', { qos: 1 });
    expect((await subscriber.expect('publish')).topic).toBe(topic);
  });
});

describe('fixed header', () => {
  const wrong: [string, number, Buffer][] = [
    ['PUBACK [MQTT-2.1.3-1]', 0x41, packet(0x41, id)],
    ['PUBREC', 0x52, packet(0x52, id)],
    ['PUBREL [MQTT-3.6.1-1] 3.1.1 [MQTT-3.6.1-1]', 0x60, packet(0x60, id)],
    ['PUBCOMP', 0x71, packet(0x71, id)],
    ['SUBSCRIBE [MQTT-3.8.1-1] 3.1.1 [MQTT-3.8.1-1]', 0x80, packet(0x80, id, text('a'), [0])],
    ['UNSUBSCRIBE [MQTT-3.10.1-1] 3.1.1 [MQTT-3.10.1-1]', 0xa0, packet(0xa0, id, text('a'))],
    ['PINGREQ', 0xc1, packet(0xc1)],
    ['DISCONNECT [MQTT-3.14.1-1] 3.1.1 [MQTT-3.14.1-1]', 0xe1, packet(0xe1)],
    ['AUTH [MQTT-3.15.1-1]', 0xf1, packet(0xf1)],
    ['PUBLISH with QoS 3 [MQTT-3.3.1-4] 3.1.1 [MQTT-3.3.1-4]', 0x36, packet(0x36, text('a'), id)],
    [
      'PUBLISH with DUP and QoS 0 [MQTT-3.3.1-2] 3.1.1 [MQTT-3.3.1-2]',
      0x38,
      packet(0x38, text('a')),
    ],
  ];
  test.each(wrong)(
    '3.1.1 [MQTT-2.2.2-2] 3.1.1 [MQTT-2.2.2-1]: the flags of %s (%i)',
    async (_, __, frame) => {
      for (const version of [4, 5] as const) {
        const peer = await trio.of(version);
        peer.raw(frame);
        await peer.expectRefusal(MALFORMED);
      }
    },
  );

  test('[MQTT-1.5.5-1]: a padded remaining length, and one of five bytes', async () => {
    for (const bytes of ['c0 8000', '30 8500 0001 61 00 78', 'c0 8080808001']) {
      const peer = await trio.v5();
      peer.raw(bytes);
      await peer.expectRefusal(MALFORMED);
    }
    // 3.1.1 (2.2.3) forbids only the fifth byte.
    const lenient = await trio.v4();
    lenient.raw('c0 8000');
    await lenient.expect('pingresp');
    lenient.raw('c0 8080808001');
    await lenient.expectRefusal(MALFORMED);
  });

  test('[MQTT-1.5.5-1]: a padded property length', async () => {
    for (const frame of [
      packet(0x30, text('a'), '8000'),
      packet(0x82, id, '8000', text('a'), [0]),
      packet(0x82, id, properties([0x0b], '8100'), text('a'), [0]),
    ]) {
      const peer = await trio.v5();
      peer.raw(frame);
      await peer.expectRefusal(MALFORMED);
    }
  });

  test.each([2, 9, 11, 13, 0, 15])('packet type %i is no client’s', async (type) => {
    const peer = await trio.v5();
    peer.raw(packet(type << 4, id, [0]));
    await peer.expectRefusal(PROTOCOL_ERROR);
    const old = await trio.v4();
    old.raw(packet(type << 4, id, [0]));
    await old.expectRefusal(PROTOCOL_ERROR);
  });
});

describe('packet identifiers', () => {
  test.each([
    ['PUBLISH', packet(0x32, text('a'), uint16(0)), packet(0x32, text('a'), uint16(0), NONE)],
    [
      'SUBSCRIBE',
      packet(0x82, uint16(0), text('a'), [0]),
      packet(0x82, uint16(0), NONE, text('a'), [0]),
    ],
    ['UNSUBSCRIBE', packet(0xa2, uint16(0), text('a')), packet(0xa2, uint16(0), NONE, text('a'))],
  ])('[MQTT-2.2.1-3] 3.1.1 [MQTT-2.3.1-1]: 0 in a %s', async (_, v4, v5) => {
    for (const [version, frame] of [
      [4, v4],
      [5, v5],
    ] as const) {
      const peer = await trio.of(version);
      peer.raw(frame);
      await peer.expectRefusal(PROTOCOL_ERROR);
    }
  });

  test('[MQTT-2.2.1-2] 3.1.1 [MQTT-2.3.1-5]: QoS 0 goes out without one', async () => {
    const peer = await trio.v4();
    await peer.subscribe('bare');
    const publisher = await trio.v4();
    await publisher.publish('bare', 'x', { qos: 1 });
    await peer.expect('publish');
    expect(peer.frames.at(-1)?.toString('hex')).toBe(
      packet(0x30, text('bare'), Buffer.from('x')).toString('hex'),
    );
  });

  test('[MQTT-2.2.1-5] [MQTT-2.2.1-6] 3.1.1 [MQTT-2.3.1-6] 3.1.1 [MQTT-2.3.1-7]: answers carry the packet’s', async () => {
    for (const version of [4, 5] as const) {
      const peer = await trio.of(version);
      const base = { topic: 'ids', payload: 'x', dup: false, retain: false };
      peer.send({ cmd: 'publish', ...base, qos: 1, messageId: 65_535 });
      expect((await peer.expect('puback')).messageId).toBe(65_535);
      peer.send({ cmd: 'publish', ...base, qos: 2, messageId: 300 });
      expect((await peer.expect('pubrec')).messageId).toBe(300);
      peer.send({ cmd: 'pubrel', messageId: 300 });
      expect((await peer.expect('pubcomp')).messageId).toBe(300);
      const subscriptions = [{ topic: 'i', qos: 0, nl: false, rap: false, rh: 0 }];
      peer.send({ cmd: 'subscribe', messageId: 4_660, subscriptions });
      expect((await peer.expect('suback')).messageId).toBe(4_660);
      peer.send({ cmd: 'unsubscribe', messageId: 22_136, unsubscriptions: ['i'] });
      expect((await peer.expect('unsuback')).messageId).toBe(22_136);
    }
  });

  test('[MQTT-2.2.1-4] 3.1.1 [MQTT-2.3.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]: the server’s are unused and not 0', async () => {
    const subscriber = await trio.v5();
    await subscriber.subscribe('unused', 2);
    const publisher = await trio.v5();
    for (let i = 0; i < 20; i++) await publisher.publish('unused', 'x', { qos: 1 + (i % 2) });
    const used = new Set<number>();
    for (let i = 0; i < 20; i++) used.add((await subscriber.expect('publish')).messageId ?? 0);
    expect([used.size, used.has(0)]).toEqual([20, false]);
  });
});

describe('properties', () => {
  test('[MQTT-2.2.2-1]: none is a length of zero, in what the server sends', async () => {
    const peer = await trio.v5();
    await peer.subscribe('no-properties');
    expect(peer.frames.at(-1)?.toString('hex')).toBe('9004000100' + '00');
    const publisher = await trio.v4();
    await publisher.publish('no-properties', 'x', { qos: 1 });
    await peer.expect('publish');
    const frame = packet(0x30, text('no-properties'), [0], Buffer.from('x'));
    expect(peer.frames.at(-1)?.toString('hex')).toBe(frame.toString('hex'));
  });

  const subscribe = (...p: Parameters<typeof properties>) =>
    packet(0x82, id, properties(...p), text('a'), [0]);
  const publish = (...p: Parameters<typeof properties>) =>
    packet(0x30, text('a'), properties(...p));
  const rejected: [string, Buffer, number][] = [
    ['PUBLISH: unknown', publish('7f00'), MALFORMED],
    ['PUBLISH: of another packet', publish('1100000001'), MALFORMED],
    ['PUBLISH: twice', publish('01000100'), PROTOCOL_ERROR],
    ['PUBLISH: content type twice', publish([3], text('a'), [3], text('b')), PROTOCOL_ERROR],
    ['PUBLISH: payload format 2', publish('0102'), PROTOCOL_ERROR],
    ['PUBLISH: cut short', packet(0x30, text('a'), '0502000000'), MALFORMED],
    ['PUBLISH: longer than the packet', packet(0x30, text('a'), '05'), MALFORMED],
    ['PUBLISH: value past the section', packet(0x30, text('a'), '0302000000', [0, 1]), MALFORMED],
    ['PUBLISH [MQTT-3.3.2-8]: alias 0', publish('230000'), 0x94],
    ['PUBLISH [MQTT-3.3.4-6]: subscription identifier', publish('0b01'), PROTOCOL_ERROR],
    [
      'PUBLISH [MQTT-3.3.2-14]: wildcard in the response topic',
      publish([8], text('a/+')),
      PROTOCOL_ERROR,
    ],
    [
      'PUBLISH [MQTT-3.3.2-13]: response topic not UTF-8',
      publish([8], text(Buffer.from('ff', 'hex'))),
      MALFORMED,
    ],
    [
      'PUBLISH [MQTT-3.3.2-19]: content type not UTF-8',
      publish([3], text(Buffer.from('ff', 'hex'))),
      MALFORMED,
    ],
    [
      'PUBLISH [MQTT-1.5.7-1]: pair not UTF-8',
      publish([0x26], text('a'), text(Buffer.from('ff', 'hex'))),
      MALFORMED,
    ],
    [
      'PUBLISH [MQTT-1.5.7-1]: name not UTF-8',
      publish([0x26], text(Buffer.from('00', 'hex')), text('a')),
      MALFORMED,
    ],
    ['SUBSCRIBE: identifier 0', subscribe('0b00'), PROTOCOL_ERROR],
    ['SUBSCRIBE: identifier twice', subscribe('0b010b02'), PROTOCOL_ERROR],
    ['SUBSCRIBE: of another packet', subscribe('2101 00'), MALFORMED],
    ['SUBSCRIBE: pair cut short', subscribe('26 0001 61'), MALFORMED],
    [
      'SUBSCRIBE [MQTT-1.5.7-1]: pair not UTF-8',
      subscribe([0x26], text('a'), '0001 ff'),
      MALFORMED,
    ],
    ['UNSUBSCRIBE: of another packet', packet(0xa2, id, properties('0b01'), text('a')), MALFORMED],
    ['PUBACK: of another packet', packet(0x40, id, [0], properties('0b01')), MALFORMED],
    [
      'PUBACK: reason string twice',
      packet(0x40, id, [0], properties([0x1f], text('a'), [0x1f], text('b'))),
      PROTOCOL_ERROR,
    ],
    ['PUBACK: bytes after the end', packet(0x40, id, [0], NONE, [0]), MALFORMED],
    [
      'PUBREC: reason string not UTF-8',
      packet(0x50, id, [0], properties([0x1f], '0001 ff')),
      MALFORMED,
    ],
    ['PUBREL: of another packet', packet(0x62, id, [0], properties('2300 01')), MALFORMED],
    ['PUBCOMP: of another packet', packet(0x70, id, [0], properties('0101')), MALFORMED],
    ['PUBACK [MQTT-3.4.2-1]: no reason code of it', packet(0x40, id, [0x04]), MALFORMED],
    ['PUBREC [MQTT-3.5.2-1]: no reason code of it', packet(0x50, id, [0x92]), MALFORMED],
    ['PUBREL [MQTT-3.6.2-1]: no reason code of it', packet(0x62, id, [0x80]), MALFORMED],
    ['PUBCOMP [MQTT-3.7.2-1]: no reason code of it', packet(0x70, id, [0x10]), MALFORMED],
    ['DISCONNECT [MQTT-3.14.2-1]: no reason code of it', packet(0xe0, [0x03]), MALFORMED],
    [
      'DISCONNECT: expiry twice',
      packet(0xe0, [0], properties([0x11], uint32(0), [0x11], uint32(0))),
      PROTOCOL_ERROR,
    ],
    [
      'DISCONNECT: server reference',
      packet(0xe0, [0], properties([0x1c], text('a'))),
      PROTOCOL_ERROR,
    ],
    ['DISCONNECT: of another packet', packet(0xe0, [0], properties('2100 01')), MALFORMED],
    ['DISCONNECT: bytes after the end', packet(0xe0, [0], NONE, [0]), MALFORMED],
  ];
  test.each(rejected)('[MQTT-4.13.1-1]: %s', async (_, frame, reason) => {
    const peer = await trio.v5();
    peer.raw(frame);
    await peer.expectRefusal(reason);
  });

  test('user properties may repeat everywhere', async () => {
    const peer = await trio.v5();
    const pairs = properties([0x26], text('k'), text('1'), [0x26], text('k'), text('1'));
    peer.raw(packet(0x82, id, pairs, text('up'), [0]));
    await peer.expect('suback');
    peer.raw(packet(0x32, text('up2'), id, pairs));
    await peer.expect('puback');
    peer.raw(packet(0x40, id, [0], pairs));
    peer.raw(packet(0xa2, id, pairs, text('up')));
    await peer.expect('unsuback');
    peer.raw(packet(0xe0, [0], pairs));
    await peer.expectClose();
  });
});

describe('packets that end too early', () => {
  const whole: [string, Buffer][] = [
    ['PUBLISH', packet(0x32, text('abc'), id, properties('0101'), Buffer.from(''))],
    ['SUBSCRIBE', packet(0x82, id, properties('0b05'), text('a/b'), [1])],
    ['UNSUBSCRIBE', packet(0xa2, id, NONE, text('a/b'))],
    ['PUBACK', packet(0x40, id, [0x10], properties([0x1f], text('why')))],
    ['DISCONNECT', packet(0xe0, [4], properties([0x11], uint32(0)))],
  ];
  test.each(whole)('%s, cut at every byte', async (_, frame) => {
    let refused = 0;
    for (let length = 0; length < frame.length - 2; length++) {
      const peer = await trio.v5();
      peer.raw(packet(frame[0]!, frame.subarray(2, 2 + length)));
      peer.raw('c000');
      // Some cuts are whole packets by themselves; then the ping is answered, or it was the end.
      const answer = await peer.next();
      if (answer?.cmd === 'disconnect') {
        expect([MALFORMED, PROTOCOL_ERROR]).toContain(answer.reasonCode);
        expect(await peer.next()).toBeUndefined();
        refused++;
      } else if (answer !== undefined) expect(['pingresp', 'puback']).toContain(answer.cmd);
      peer.socket.destroy();
    }
    console.log(`cuts: ${frame.length - 2}, refused: ${refused}`);
    expect(refused).toBeGreaterThan(0);
  });
});

test('nobody else is disturbed by any of it', async () => {
  const publisher = await trio.v4();
  await publisher.publish('witness', 'here', { qos: 1 });
  expect((await witness.expect('publish')).payload?.toString()).toBe('here');
  const states = await Promise.all(trio.cluster.brokers.map((broker) => broker.ready()));
  expect(states.map((state) => state.ready)).toEqual([true, true, true]);
});

test('and nothing is left of those who did it', async () => {
  trio.drop();
  const left = async (): Promise<number[]> => {
    const all = await Promise.all(trio.cluster.brokers.map((broker) => broker.status()));
    return all.flatMap(({ clients, sessions, subscriptions }) => [
      clients,
      sessions,
      subscriptions,
    ]);
  };
  await eventually('everything is gone', async () => (await left()).every((count) => count === 0));
});
