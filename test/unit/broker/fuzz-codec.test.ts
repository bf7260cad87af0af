import fc from 'fast-check';
import { generate, type Packet, parser } from 'mqtt-packet';
import { expect, test } from 'vitest';
import type { MqttVersion } from '#core/mqtt/message.ts';
import { encodePublish } from '#core/mqtt/publish-encode.ts';
import { readVarint, varintLength, writeVarint } from '#core/mqtt/varint.ts';
import { decodeConnect, readVersion } from '../../../services/broker/codec/connect-decode.ts';
import { decodePublish } from '../../../services/broker/codec/publish-decode.ts';
import { ProtocolFault, REASON } from '../../../services/broker/codec/reason.ts';
import { checkReason, decodeDisconnect } from '../../../services/broker/codec/reasoned-decode.ts';
import {
  decodeSubscribe,
  decodeUnsubscribe,
} from '../../../services/broker/codec/subscribe-decode.ts';
import {
  connect,
  packet,
  properties,
  text,
  uint16,
  uint32,
  varint,
} from '../../support/mqtt-bytes.ts';

const REASONS = new Set<number>(Object.values(REASON));
const version = fc.constantFrom<MqttVersion>(3, 4, 5);

/** Offset of the body of a whole packet. */
function bodyOf(frame: Buffer): number {
  let at = 1;
  while (frame[at]! >= 0x80) at++;
  return at + 1;
}

function decode(frame: Buffer, level: MqttVersion): unknown {
  const body = bodyOf(frame);
  switch (frame[0]! >> 4) {
    case 1: {
      const spoken = readVersion(frame, body);
      return spoken === undefined ? undefined : decodeConnect(frame, body, spoken);
    }
    case 3:
      return decodePublish(frame, body, level, { maximum: 4, topics: new Map() });
    case 8:
      return decodeSubscribe(frame, body, level);
    case 10:
      return decodeUnsubscribe(frame, body, level);
    case 14:
      return decodeDisconnect(frame, body, level);
    default:
      return checkReason(frame, body);
  }
}

/** Decodes; whatever is wrong must be a ProtocolFault with a reason that we know. */
function attempt(frame: Buffer, level: MqttVersion): 'taken' | 'refused' {
  try {
    decode(frame, level);
    return 'taken';
  } catch (error) {
    if (!(error instanceof ProtocolFault)) throw error;
    expect(REASONS).toContain(error.reason);
    return 'refused';
  }
}

const pair = Buffer.concat([Buffer.from([0x26]), text('k'), text('v')]);
const SAMPLES: Buffer[] = [
  connect({
    level: 5,
    flags: 0xc6,
    payload: [
      text('c'),
      properties(
        [1, 1, 2],
        uint32(9),
        [3],
        text('t'),
        [8],
        text('r'),
        [9],
        text('d'),
        [0x18],
        uint32(1),
        pair,
      ),
      text('w'),
      text('p'),
      text('u'),
      text('s'),
    ],
    properties: properties(
      [0x11],
      uint32(60),
      [0x21],
      uint16(9),
      [0x22],
      uint16(4),
      [0x27],
      uint32(999),
      [0x17, 1, 0x19, 0],
      pair,
    ),
  }),
  connect({ flags: 0xee, payload: [text('c'), text('w'), text('p'), text('u'), text('s')] }),
  connect({ level: 3, name: 'MQIsdp' }),
  packet(
    0x3d,
    text('a/b'),
    uint16(7),
    properties(
      [1, 1, 2],
      uint32(9),
      [3],
      text('t'),
      [8],
      text('r'),
      [9],
      text('d'),
      [0x23],
      uint16(2),
      pair,
    ),
    Buffer.from('payload'),
  ),
  packet(0x32, text('a/b'), uint16(7), Buffer.from('payload')),
  packet(
    0x82,
    uint16(7),
    properties([0x0b], varint(300), pair),
    text('a/#'),
    [0x2d],
    text('b'),
    [1],
  ),
  packet(0x82, uint16(7), text('a/#'), [2]),
  packet(0xa2, uint16(7), properties(pair), text('a/#'), text('b')),
  packet(0xe0, [4], properties([0x11], uint32(5), [0x1f], text('why'), pair)),
  packet(0x50, uint16(7), [0x10], properties([0x1f], text('why'), pair)),
  packet(0x62, uint16(7), [0x92]),
];

test('samples of every packet are taken, so that what is made of them is near the mark', () => {
  for (const sample of SAMPLES) {
    const levels = ([4, 5] as const).map((level) => attempt(sample, level));
    expect([sample.toString('hex'), levels.includes('taken')]).toEqual([
      sample.toString('hex'),
      true,
    ]);
  }
});

test('mutated, cut and stretched packets: taken or refused with a reason, never anything else', () => {
  const count = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(
      fc.constantFrom(...SAMPLES),
      version,
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
      fc.integer({ min: -20, max: 20 }),
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      (sample, level, mutations, stretch, noise) => {
        const body = Buffer.from(sample.subarray(bodyOf(sample)));
        for (const [at, value] of mutations) body[at % body.length] = value;
        const cut = body.subarray(0, Math.max(0, body.length + Math.min(0, stretch)));
        const tail = Buffer.from(noise.subarray(0, Math.max(0, stretch)));
        count[attempt(packet(sample[0]!, cut, tail), level)]++;
      },
    ),
    { numRuns: 20_000 },
  );
  console.log(`mutated packets: taken ${count.taken}, refused ${count.refused}`);
  expect(count.refused).toBeGreaterThan(count.taken);
});

test('random bytes as packets of every type', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0x10, 0x32, 0x82, 0xa2, 0xe0, 0x40, 0x50, 0x62, 0x70),
      version,
      fc.uint8Array({ maxLength: 60 }),
      (first, level, bytes) => {
        attempt(packet(first, Buffer.from(bytes)), level);
      },
    ),
    { numRuns: 10_000 },
  );
});

const word = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((s) => !/[#+\0]/.test(s));

test('what mqtt-packet writes as CONNECT and SUBSCRIBE is read as it was meant', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 5 as const),
      fc.boolean(),
      fc.nat(65_535),
      word,
      fc.option(word, { nil: undefined }),
      fc.option(
        fc.record({
          topic: word,
          qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
          retain: fc.boolean(),
          payload: fc.uint8Array({ maxLength: 50 }),
        }),
        { nil: undefined },
      ),
      fc.array(
        fc.record({
          topic: word,
          qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
          nl: fc.boolean(),
          rap: fc.boolean(),
          rh: fc.constantFrom(0, 1, 2),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      (level, clean, keepalive, clientId, username, will, subscriptions) => {
        const frame = generate(
          {
            cmd: 'connect',
            protocolId: 'MQTT',
            protocolVersion: level,
            clean,
            keepalive,
            clientId,
            ...(username === undefined ? {} : { username }),
            ...(will === undefined
              ? {}
              : { will: { ...will, payload: Buffer.from(will.payload) } }),
          },
          { protocolVersion: level },
        );
        expect(decodeConnect(frame, bodyOf(frame), level)).toMatchObject({
          clean,
          keepalive,
          clientId,
          username,
          will: will === undefined ? undefined : { ...will, payload: Buffer.from(will.payload) },
        });
        const subscribe = generate(
          { cmd: 'subscribe', messageId: 9, subscriptions } as unknown as Packet,
          { protocolVersion: level },
        );
        const { requests } = decodeSubscribe(subscribe, bodyOf(subscribe), level);
        expect(requests).toEqual(
          subscriptions.map(({ topic, qos, nl, rap, rh }) => ({
            filter: topic,
            qos,
            noLocal: level === 5 && nl,
            retainAsPublished: level === 5 && rap,
            retainHandling: level === 5 ? rh : 0,
          })),
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a PUBLISH that was read is written so that mqtt-packet reads the same', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      word,
      fc.constantFrom(0 as const, 1 as const, 2 as const),
      fc.boolean(),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.tuple(word, word), { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
      (v5, topic, qos, retain, payload, users, ids) => {
        const pairs = users.flatMap(([name, value]) => [
          Buffer.from([0x26]),
          text(name),
          text(value),
        ]);
        const section = v5 ? [properties(...pairs)] : [];
        const first = 0x30 | (qos << 1) | (retain ? 1 : 0);
        const frame = packet(
          first,
          text(topic),
          ...(qos > 0 ? [uint16(5)] : []),
          ...section,
          Buffer.from(payload),
        );
        const { message } = decodePublish(frame, bodyOf(frame), v5 ? 5 : 4, undefined);
        const form = { v5, qos, retain, remaining: 0 };
        const { bytes } = encodePublish(
          message,
          ids.length > 0 && v5 ? { ...form, subscriptionIds: ids } : form,
        );
        if (qos > 0)
          bytes.writeUInt16BE(5, bytes.length - payload.length - 2 - sectionLength(v5, pairs, ids));
        const read: Packet[] = [];
        const parse = parser({ protocolVersion: v5 ? 5 : 4 });
        parse.on('packet', (one: Packet) => read.push(one));
        parse.parse(bytes);
        expect(read[0]).toMatchObject({
          cmd: 'publish',
          topic,
          qos,
          retain,
          payload: Buffer.from(payload),
        });
        expect(!v5 || bytes.includes(Buffer.concat(pairs))).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

function sectionLength(v5: boolean, pairs: Buffer[], ids: number[]): number {
  if (!v5) return 0;
  const length =
    pairs.reduce((sum, one) => sum + one.length, 0) +
    ids.reduce((sum, one) => sum + 1 + varintLength(one), 0);
  return varintLength(length) + length;
}

test('variable byte integers: every value goes around in the fewest bytes, padded ones are refused', () => {
  fc.assert(
    fc.property(fc.nat(268_435_455), (value) => {
      const bytes = Buffer.alloc(4);
      const end = writeVarint(bytes, value, 0);
      expect(end).toBe(varintLength(value));
      expect(readVarint(bytes, 0, end)).toBe(value * 8 + end);
      for (let short = 0; short < end; short++) expect(readVarint(bytes, 0, short)).toBe(-1);
      if (end === 4) return;
      bytes[end - 1]! |= 0x80;
      bytes[end] = 0;
      expect(readVarint(bytes, 0, end + 1)).toBe(-2);
    }),
  );
});
