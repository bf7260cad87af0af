// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MQTT_PLACEHOLDERS } from '#core/config/bridge.ts';
import { bridgePassword, withBridgeUser } from '#core/config/bridge-user.ts';
import { parseCluster } from '#core/config/cluster.ts';
import { parseTemplate, TemplateError } from '#core/config/template.ts';

const HEAD = `cluster: { name: test, secret: 0123456789abcdef }
nodes: [{ name: pi1, address: 127.0.0.1 }]
`;
const KAFKA = 'kafka: { bootstrap: ["127.0.0.1:9092"] }\n';

const problems = (text: string): string => {
  try {
    parseCluster(HEAD + text);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('templates', () => {
  test('text and placeholders', () => {
    expect(parseTemplate('a.${topic.2}.$$${payload.device.id}', MQTT_PLACEHOLDERS)).toEqual([
      'a.',
      { name: 'topic', path: ['2'] },
      '.$',
      { name: 'payload', path: ['device', 'id'] },
    ]);
  });

  test.each([
    ['a$b', 'character 2: a "$" alone'],
    ['x${topic', 'character 2: an opening brace'],
    ['${nope}', 'character 3: "nope" is none of topic, clientId'],
    ['${topic.0}', 'wants one number'],
    ['${topic.1.2}', 'wants one number'],
    ['${qos.1}', 'nothing may follow'],
    ['${payload}', 'wants the name of a field'],
    ['${payload..a}', 'wants the name of a field'],
    ['${constructor}', 'is none of'],
  ])('%s is refused', (text, message) => {
    expect(() => parseTemplate(text, MQTT_PLACEHOLDERS)).toThrow(message);
  });

  test('anything parses or is refused in words', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('$', '{', '}', '.', 't', 'topic', '1') }),
        (text) => {
          try {
            parseTemplate(text, MQTT_PLACEHOLDERS);
          } catch (error) {
            expect(error).toBeInstanceOf(TemplateError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('cluster.yaml', () => {
  test('a wrong template is told with its line and column', () => {
    const text = `${KAFKA}bridge:\n  toKafka:\n    - name: a\n      filters: [x/#]\n      topic: plant.\${topik}\n`;
    expect(problems(text)).toContain(
      'cluster.yaml:8:14: bridge.toKafka.0.topic: character 9: "topik"',
    );
  });

  test.each([
    ['bridge: {}\n', 'the bridge needs to know where Kafka is'],
    [
      `${KAFKA}bridge: { toKafka: [{ name: a, filters: [a/#/b], topic: x }] }\n`,
      'no MQTT topic filter',
    ],
    [`${KAFKA}bridge: { toKafka: [{ name: A, filters: [a], topic: x }] }\n`, 'lower case'],
    [
      `${KAFKA}bridge: { toKafka: [{ name: a, filters: [a], topic: x }, { name: a, filters: [b], topic: x }] }\n`,
      '"a" is taken by bridge.toKafka.0',
    ],
    [
      `${KAFKA}bridge: { toMqtt: [{ name: a, topics: ['a b'], topic: x }] }\n`,
      'use letters, digits',
    ],
    [`${KAFKA}bridge: { deadLeter: x }\n`, 'did you mean "deadLetter"'],
    ['kafka: { bootstrap: [somewhere] }\n', 'write host:port'],
    ['kafka: { bootstrap: ["a:1"], tls: { key: k.pem } }\n', 'a certificate and its key'],
  ])('%s', (text, message) => {
    expect(problems(text)).toContain(message);
  });

  test('the bridge has a user of its own only where there is a bridge', () => {
    const without = parseCluster(HEAD);
    expect(withBridgeUser(without).users).toEqual([]);
    const cluster = parseCluster(`${HEAD}${KAFKA}bridge: {}\n`);
    expect(withBridgeUser(cluster).users).toMatchObject([
      { name: '$bridge', password: bridgePassword('0123456789abcdef') },
    ]);
  });
});
