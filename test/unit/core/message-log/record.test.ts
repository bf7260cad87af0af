import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import {
  messageLengthMax,
  nodeOfWriter,
  readRecord,
  readRecordLazily,
  recordHeader,
  stampRecord,
  writeMessage,
  writerName,
} from '#core/message-log/record.ts';
import { costOf } from '#core/message-log/record-ring.ts';
import { Message, NO_BYTES, type Qos } from '#core/mqtt/message.ts';

const messages = fc.array(
  fc.record({
    topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    qos: fc.constantFrom<Qos>(0, 1, 2),
    retain: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 300 }),
    properties: fc.uint8Array({ maxLength: 40 }),
    expiresAt: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 47 })),
    sequence: fc.maxSafeNat(),
    publisher: fc.string({ unit: 'grapheme', maxLength: 30 }),
    packetId: fc.nat(65_535),
  }),
  { maxLength: 8 },
);
type Fields = typeof messages extends fc.Arbitrary<(infer F)[]> ? F : never;

function build(fields: Fields): Message {
  const { topic, qos, retain, payload, properties, expiresAt } = fields;
  const own = properties.length > 0 ? Buffer.from(properties) : NO_BYTES;
  const message = new Message(topic, qos, retain, Buffer.from(payload), own, expiresAt);
  message.sequence = fields.sequence;
  message.publisher = fields.publisher;
  message.packetId = fields.packetId;
  return message;
}

function encode(list: readonly Message[], writer: string, lane: number): Buffer {
  const parts = [recordHeader(writer, lane)];
  for (const message of list) {
    const room = Buffer.alloc(messageLengthMax(message));
    parts.push(room.subarray(0, writeMessage(room, message, 0)));
  }
  return Buffer.concat(parts);
}

test('a record is read as it was written', () => {
  const numbers = fc.integer({ min: 1, max: 2 ** 50 });
  fc.assert(
    fc.property(messages, fc.nat(255), numbers, numbers, (list, lane, number, time) => {
      const writer = writerName('pi-küche', 'a1-b2');
      const bytes = encode(list.map(build), writer, lane);
      stampRecord(bytes, number, time);
      const record = readRecord(bytes, 2, 77);
      expect({ ...record, messages: [] }).toEqual({
        shard: 2,
        sequence: 77,
        time,
        writer,
        lane,
        number,
        messages: [],
      });
      expect(record.messages.length).toBe(list.length);
      const lazy = readRecordLazily(bytes, 2, 77);
      expect({ ...lazy, size: undefined }).toEqual({
        ...record,
        size: undefined,
        messages: undefined,
      });
      expect(lazy.messages).toEqual(record.messages);
      expect(lazy.messages).toBe(lazy.messages);
      if (list.every(({ topic }) => Buffer.byteLength(topic) === topic.length)) {
        // A message's own estimate has no head of it, its numbers and lengths.
        expect(costOf(lazy)).toBeGreaterThanOrEqual(costOf(record));
      }
      for (const [index, fields] of list.entries()) {
        const read = record.messages[index]!;
        const { topic, qos, retain, expiresAt, sequence, publisher, packetId } = read;
        expect({ topic, qos, retain, expiresAt, sequence, publisher, packetId }).toEqual({
          topic: fields.topic,
          qos: fields.qos,
          retain: fields.retain,
          expiresAt: fields.expiresAt,
          sequence: fields.sequence,
          publisher: fields.publisher,
          packetId: fields.packetId,
        });
        expect(Buffer.from(fields.payload).equals(read.payload)).toBe(true);
        expect(Buffer.from(fields.properties).equals(read.properties)).toBe(true);
        expect(read.origin).toBe('pi-küche');
        expect(read.position).toEqual({ shard: 2, sequence: 77, index });
      }
    }),
  );
});

test('a record that was cut or changed is refused or read, and nothing else happens', () => {
  const bytes = encode(
    [
      new Message('home/kitchen', 1, true, Buffer.from('21.5'), Buffer.from([1, 1]), 5),
      new Message('home/hall', 2, false, Buffer.from('18')),
    ],
    'pi1/x',
    1,
  );
  let refused = 0;
  const attempt = (damaged: Buffer): void => {
    try {
      readRecord(damaged, 0, 1);
    } catch (error) {
      refused++;
      expect((error as { code: string }).code).toBe(ERROR_CODES.PROTOCOL);
      // What is wrong is told at once, not when the messages are made.
      expect(() => readRecordLazily(damaged, 0, 1)).toThrow('a record that cannot be read');
      return;
    }
    expect(readRecordLazily(damaged, 0, 1).messages).toEqual(readRecord(damaged, 0, 1).messages);
  };
  for (let end = 0; end < bytes.length; end++) attempt(bytes.subarray(0, end));
  expect(refused).toBeGreaterThan(bytes.length - 3);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      attempt(damaged);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => attempt(Buffer.from(noise))));
});

test('the node of a writer', () => {
  expect(nodeOfWriter(writerName('pi1', 'abc'))).toBe('pi1');
  expect(nodeOfWriter('somebody')).toBe('somebody');
});
