// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bridge } from '#core/config/bridge.ts';
import { RecordTranslator } from '../../../services/bridge/inbound/record-translator.ts';
import { readProperties } from '../../../services/bridge/outbound/properties.ts';
import type { SourceMessage } from '../../../services/bridge/outbound/source-message.ts';
import { kafkaTopic, Translator } from '../../../services/bridge/outbound/translator.ts';

const settings = bridge.parse({
  toKafka: [
    {
      name: 'a',
      filters: ['plant/+/state', 'doc/#'],
      topic: '${topic.2}',
      key: '${payload.id}',
      headers: { unit: '${payload.unit}' },
    },
  ],
  toMqtt: [{ name: 'b', topics: ['t'], topic: 'x/${key}' }],
});
const translator = new Translator(settings.toKafka[0]!, 'home');
const back = new RecordTranslator(settings.toMqtt[0]!, 'home');

const message = (change: Partial<SourceMessage> = {}): SourceMessage => ({
  topic: 'plant/hall/state',
  qos: 1,
  retain: false,
  payload: Buffer.from('{"id":7,"unit":"K"}'),
  properties: Buffer.alloc(0),
  publisher: 'meter',
  origin: 'pi1',
  sequence: 42,
  position: { shard: 1, sequence: 9, index: 3 },
  ...change,
});

/** User properties as they stand in the log (MQTT 5, 3.3.2.3.7). */
function userProperties(pairs: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [Buffer.from([0x26]), text(name), text(value)]),
  );
}

describe('MQTT to Kafka', () => {
  test('key, topic, headers and time', () => {
    const found = translator.translate(message(), 1_000);
    expect(found).toMatchObject({ topic: 'hall', record: { timestamp: 1_000 } });
    expect(found!.record.key?.toString()).toBe('7');
    expect({ ...found!.record.headers }).toEqual({
      'mqtt.topic': 'plant/hall/state',
      'mqtt.qos': '1',
      'mqtt.client': 'meter',
      'bramble.cluster': 'home',
      'bramble.node': 'pi1',
      'bramble.id': 'pi1/42',
      'bramble.position': '1:9:3',
      unit: 'K',
    });
  });

  test('what is not its, or of too low a QoS, or came from Kafka, is not carried', () => {
    expect(translator.translate(message({ topic: 'plant/hall' }), 1)).toBeUndefined();
    expect(translator.translate(message({ topic: 'plant/a/b/state' }), 1)).toBeUndefined();
    expect(translator.translate(message({ qos: 0 }), 1)).toBeUndefined();
    const looped = userProperties([['bramble.from-kafka', 'home/b']]);
    expect(translator.translate(message({ properties: looped }), 1)).toBeUndefined();
  });

  test('a field that is not there makes no key, and no topic at all is told', () => {
    expect(translator.translate(message({ payload: Buffer.from('x') }), 1)!.record.key).toBeNull();
    const found = translator.translate(message({ topic: 'doc' }), 1);
    expect(found).toMatchObject({ topic: undefined, reason: 'its topic names what it lacks' });
  });

  test('names of Kafka topics are made legal', () => {
    expect(kafkaTopic('a/b c/é')).toBe('a.b_c._');
    expect(kafkaTopic('..')).toBeUndefined();
    expect(kafkaTopic('')).toBeUndefined();
    expect(kafkaTopic('x'.repeat(250))).toBeUndefined();
  });

  test('user properties of any name become headers, more than one of a name a list', () => {
    const name = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'a', 'a', 'length'),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.string({ maxLength: 8 })), { maxLength: 6 }),
        (pairs) => {
          const well = pairs.filter(([key, value]) => key.isWellFormed() && value.isWellFormed());
          const found = translator.translate(message({ properties: userProperties(well) }), 1);
          const headers = found!.record.headers;
          for (const [key] of well) {
            if (key.startsWith('mqtt.') || key.startsWith('bramble.')) continue;
            const all = well.filter(([other]) => other === key).map(([, value]) => value);
            expect(Object.hasOwn(headers, key)).toBe(true);
            expect([headers[key]].flat()).toEqual(all);
          }
        },
      ),
    );
  });

  test('properties that do not parse end the reading, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const found = readProperties(Buffer.from(bytes));
        expect(Array.isArray(found.user)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('Kafka to MQTT', () => {
  const record = (change: object = {}) => ({
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: {},
    offset: '5',
    timestamp: 1,
    ...change,
  });

  test('a record becomes a publication that says where it is from', () => {
    const headers = { trace: ['a', 'b'], 'content-type': 'text/plain', 'mqtt.topic': 'old' };
    expect(back.translate('t', 0, record({ headers }))).toMatchObject({
      publication: {
        topic: 'x/k',
        qos: 1,
        retain: false,
        contentType: 'text/plain',
        user: { trace: ['a', 'b'], 'bramble.from-kafka': 'home/b' },
      },
    });
  });

  test.each([
    [{ headers: { 'bramble.cluster': 'home' } }, { looped: true }],
    [{ key: null }, { reason: 'its topic names what it lacks' }],
    [{ key: Buffer.from('#') }, { reason: 'no MQTT topic: "x/#"' }],
    [{ key: Buffer.from('\0') }, { reason: 'no MQTT topic: "x/\0"' }],
  ])('%j', (change, expected) => {
    expect(back.translate('t', 0, record(change))).toEqual(expected);
  });

  test('any bytes and headers make a publication or a reason', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20 }),
        fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.string(), fc.constant(undefined))),
        (key, headers) => {
          const found = back.translate('t', 0, record({ key: Buffer.from(key), headers }));
          expect('publication' in found || 'reason' in found).toBe(true);
        },
      ),
    );
  });
});
