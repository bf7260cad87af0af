import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Message } from '#core/mqtt/message.ts';
import { LoadAverage } from '../../../../services/broker/admin/load-average.ts';
import { retainedRow } from '../../../../services/broker/admin/retained.ts';
import { TopicRates } from '../../../../services/broker/admin/topic-rates.ts';
import { Traffic } from '../../../../services/broker/admin/traffic.ts';

describe('TopicRates', () => {
  test('a topic with more than its share is found among any number of others, in bounded memory', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.integer({ min: 0, max: 99 })),
        fc.integer({ min: 1, max: 20 }),
        (dice, percent) => {
          const rates = new TopicRates();
          let next = 0;
          let mine = 0;
          for (const roll of dice.take(20_000)) {
            if (roll < percent) {
              rates.count('busy', 10);
              mine++;
            } else rates.count(`noise/${next++}`, 10);
          }
          const { rates: top, error, seconds } = rates.top(2_000);
          expect(top.length).toBeLessThanOrEqual(1_024);
          // Of 20,000 some 3,125 are counted; with 1 % of them it cannot be missed.
          if (mine > 100) expect(top.some(({ topic }) => topic === 'busy')).toBe(true);
          expect(error * seconds).toBeLessThanOrEqual((2 * 20_000) / 1_024 + 16);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('counts exactly while there are few topics, the busiest first', () => {
    const rates = new TopicRates();
    for (let i = 0; i < 1_000; i++) rates.count(i % 4 === 0 ? 'a' : 'b', 3);
    const { rates: top, seconds, error } = rates.top(10);
    expect(top.map(({ topic }) => topic)).toEqual(['b', 'a']);
    expect(top.map(({ messages }) => Math.round(messages * seconds))).toEqual([750, 250]);
    expect(Math.round(top[1]!.bytes * seconds)).toBe(750);
    expect(error).toBe(0);
  });
});

test('a flood is sampled, and the estimate is near', () => {
  const rates = new TopicRates();
  for (let i = 0; i < 200_000; i++) rates.count(`t/${i % 4}`, 5);
  const { rates: top, seconds } = rates.top(10);
  const sums = top.map(({ messages }) => Math.round(messages * seconds));
  console.log(`200,000 publishes to 4 topics, estimated: ${sums.join(', ')}`);
  expect(sums).toHaveLength(4);
  for (const sum of sums) expect(Math.abs(sum - 50_000)).toBeLessThan(10_000);
});

test('load averages come to a steady rate from below, the shortest first', () => {
  const load = new LoadAverage();
  let counter = 0;
  load.sample(counter, 10);
  const run = (intervals: number): void => {
    for (let i = 0; i < intervals; i++) {
      counter += 100;
      load.sample(counter, 10);
    }
  };
  run(6);
  // 600 a minute for one minute: 1 − 1/e of it.
  expect(load.over(1)).toBeCloseTo(600 * (1 - Math.exp(-1)), 5);
  expect(load.over(5)).toBeCloseTo(600 * (1 - Math.exp(-1 / 5)), 5);
  run(2_000);
  for (const minutes of [1, 5, 15] as const) expect(load.over(minutes)).toBeCloseTo(600, 0);
});

test('traffic rates are those between the last two samples', () => {
  const traffic = new Traffic();
  traffic.messagesIn = 50;
  traffic.bytesIn = 1_000;
  traffic.sample(5, 500);
  expect([traffic.rateMessagesIn, traffic.rateBytesIn, traffic.rateBytesOut]).toEqual([
    10, 200, 100,
  ]);
  traffic.sample(5, 500);
  expect([traffic.rateMessagesIn, traffic.rateBytesIn, traffic.rateBytesOut]).toEqual([0, 0, 0]);
});

test('a preview never has half a character, and what is no text is base64', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, size) => {
      const payload = Buffer.from(text);
      const row = retainedRow(new Message('t', 0, true, payload), size);
      expect(row.encoding).toBe('utf8');
      expect(text.startsWith(row.preview)).toBe(true);
      expect(Buffer.byteLength(row.preview)).toBeLessThanOrEqual(size);
      expect(row.truncated).toBe(row.preview !== text);
    }),
  );
  const row = retainedRow(new Message('t', 0, true, Buffer.from([0xff, 0xfe, 0xfd])), 2);
  expect(row).toMatchObject({ encoding: 'base64', preview: '//4=', truncated: true, size: 3 });
});
