import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Message } from '#core/mqtt/message.ts';
import { matchesFilter } from '../../../services/broker/codec/topic.ts';
import {
  encodeEnvelope,
  readEnvelope,
  readRecords,
} from '../../../services/broker/router/envelope.ts';
import {
  LONG_SUBJECT,
  subjectOfTopic,
  subjectsOfFilter,
} from '../../../services/broker/router/subjects.ts';
import { SubscriptionTrie } from '../../../services/broker/router/trie.ts';
import { TopicTree } from '../../../services/broker/store/topic-tree.ts';

const level = fc.constantFrom(
  '',
  'a',
  'b',
  'A b',
  'x.y',
  '*',
  '>',
  '=',
  '=2a',
  '$SYS',
  'ü',
  '\t',
  'a'.repeat(600),
);
const topicArb = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((l) => l.join('/'))
  .filter((t) => t !== '');
const filterArb = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter((f) => f !== '');

/** NATS matching (docs.nats.io, Subject-Based Messaging): `*` one token, `>` one or more. */
function natsMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const given = subject.split('.');
  for (const [i, token] of wanted.entries()) {
    if (token === '>') return given.length > i;
    if (i >= given.length || (token !== '*' && token !== given[i])) return false;
  }
  return wanted.length === given.length;
}

describe('matching', () => {
  test('through NATS subjects it equals MQTT’s; long topics go where every node listens', () => {
    let long = 0;
    fc.assert(
      fc.property(topicArb, filterArb, (topic, filter) => {
        const subject = subjectOfTopic(topic);
        expect(subject).toMatch(/^[A-Za-z0-9_.=-]+$/);
        expect(subject.split('.').every((token) => token !== '')).toBe(true);
        if (subject === LONG_SUBJECT) {
          long++;
          return;
        }
        const patterns = subjectsOfFilter(filter);
        expect(patterns.some((p) => natsMatches(p, subject))).toBe(matchesFilter(filter, topic));
      }),
      { numRuns: 20_000 },
    );
    console.log(`pairs: 20000, of long topics: ${long}`);
  });

  test('a filter without a subject matches long topics only', () => {
    const filter = `${'a'.repeat(600)}/${'b'.repeat(900)}/+`;
    expect(subjectsOfFilter(filter)).toEqual([]);
    expect(subjectOfTopic(filter.replace('+', ''))).toBe(LONG_SUBJECT);
  });

  test('the trie equals the reference, after removals too', () => {
    fc.assert(
      fc.property(
        fc.array(filterArb, { maxLength: 20 }),
        fc.array(topicArb, { maxLength: 5 }),
        (filters, topics) => {
          const trie = new SubscriptionTrie<number, string>();
          for (const [i, filter] of filters.entries()) trie.set(filter, i, filter);
          for (const [i, filter] of filters.entries()) if (i % 3 === 0) trie.delete(filter, i);
          for (const topic of topics) {
            const got: number[] = [];
            trie.match(topic, (key) => got.push(key));
            const expected = filters.flatMap((f, i) =>
              i % 3 !== 0 && matchesFilter(f, topic) ? [i] : [],
            );
            expect(got.sort((a, b) => a - b)).toEqual(expected);
          }
          for (const [i, filter] of filters.entries()) trie.delete(filter, i);
          expect(trie.size).toBe(0);
        },
      ),
    );
  });

  test('the tree of retained topics equals the reference', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topicArb, { maxLength: 20 }), filterArb, (topics, filter) => {
        const tree = new TopicTree<string>();
        for (const topic of topics) tree.set(topic, topic);
        for (const [i, topic] of topics.entries()) if (i % 4 === 0) tree.delete(topic);
        const left = topics.filter((_, i) => i % 4 !== 0);
        expect(tree.size).toBe(left.length);
        expect([...tree.match(filter)].sort()).toEqual(
          left.filter((t) => matchesFilter(filter, t)).sort(),
        );
      }),
    );
  });

  test('deep and wide topics cost no stack', () => {
    const trie = new SubscriptionTrie<number, true>();
    const deep = Array.from({ length: 30_000 }, () => 'x').join('/');
    trie.set('#', 1, true);
    trie.set(`${deep}/#`, 2, true);
    const got: number[] = [];
    trie.match(deep, (key) => got.push(key));
    expect(got).toEqual([1, 2]);
  });
});

test('envelopes: what goes in comes out; any bytes are read or refused', () => {
  fc.assert(
    fc.property(
      topicArb,
      fc.uint8Array(),
      fc.uint8Array(),
      fc.nat(2),
      fc.boolean(),
      fc.nat(),
      (topic, payload, properties, qos, retain, expiry) => {
        const message = new Message(
          topic,
          qos as 0 | 1 | 2,
          retain,
          Buffer.from(payload),
          Buffer.from(properties),
          expiry,
        );
        message.sequence = 2 ** 50 + 3;
        const bytes = encodeEnvelope(message, 'pi1', 77);
        const { origin, batch, offset } = readEnvelope(bytes);
        expect([origin, batch]).toEqual(['pi1', 77]);
        const out: Message[] = [];
        readRecords(bytes, offset, origin, (m) => out.push(m));
        expect(out.length).toBe(1);
        const [got] = out;
        expect([got!.topic, got!.qos, got!.retain, got!.expiresAt, got!.sequence]).toEqual([
          topic,
          qos,
          retain,
          expiry,
          2 ** 50 + 3,
        ]);
        expect([got!.payload.equals(payload), got!.properties.equals(properties)]).toEqual([
          true,
          true,
        ]);
        for (let cut = 0; cut < bytes.length; cut += 7) {
          try {
            readRecords(bytes.subarray(0, cut), offset, origin, () => {});
          } catch (error) {
            expect((error as { code?: string }).code).toBe('BRAMBLE_PROTOCOL');
          }
        }
      },
    ),
  );
});
