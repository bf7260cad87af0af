import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CounterSample, RateMeter } from '../../../services/stats/model/rates.ts';

const sample = (at: number, messages: number, incarnation = 'a'): CounterSample<'messages'> => ({
  at,
  incarnation,
  counters: { messages },
});

test('a rate needs two answers, and is what lies between them', () => {
  const meter = new RateMeter<'messages'>();
  expect(meter.rates()).toBeUndefined();
  meter.add(sample(0, 100));
  expect(meter.rates()).toBeUndefined();
  meter.add(sample(2000, 300));
  expect(meter.rates()).toEqual({ messages: 100 });
});

test('the window moves on: what is long past does not count', () => {
  const meter = new RateMeter<'messages'>(5000);
  for (let second = 0; second <= 10; second++) meter.add(sample(second * 1000, second * 1000));
  for (let second = 11; second <= 20; second++) meter.add(sample(second * 1000, 10_000));
  expect(meter.rates()).toEqual({ messages: 0 });
});

test('a restart begins anew instead of going negative', () => {
  const meter = new RateMeter<'messages'>();
  meter.add(sample(0, 1_000_000, 'pid 1'));
  meter.add(sample(1000, 1_000_100, 'pid 1'));
  meter.add(sample(2000, 5, 'pid 2'));
  expect(meter.rates()).toBeUndefined();
  meter.add(sample(3000, 25, 'pid 2'));
  expect(meter.rates()).toEqual({ messages: 20 });
});

test('a restarted process that has already counted further is not mistaken for the old one', () => {
  const meter = new RateMeter<'messages'>();
  meter.add(sample(0, 10, 'pid 1'));
  meter.add(sample(1000, 5000, 'pid 2'));
  expect(meter.rates()).toBeUndefined();
});

test('a counter that goes back without a restart begins anew', () => {
  const meter = new RateMeter<'messages'>();
  meter.add(sample(0, 500));
  meter.add(sample(1000, 400));
  expect(meter.rates()).toBeUndefined();
});

test('the same moment twice divides by nothing', () => {
  const meter = new RateMeter<'messages'>();
  meter.add(sample(1000, 1));
  meter.add(sample(1000, 2));
  expect(meter.rates()).toBeUndefined();
  meter.add(sample(2000, 3));
  expect(meter.rates()).toEqual({ messages: 2 });
});

test('whatever arrives, a rate is finite and not negative', () => {
  const samples = fc.array(
    fc.record({
      step: fc.integer({ min: 0, max: 10_000 }),
      messages: fc.nat(),
      incarnation: fc.constantFrom('a', 'b'),
    }),
  );
  fc.assert(
    fc.property(samples, (list) => {
      const meter = new RateMeter<'messages'>();
      let at = 0;
      for (const { step, messages, incarnation } of list) {
        at += step;
        meter.add(sample(at, messages, incarnation));
        const rate = meter.rates()?.messages;
        if (rate === undefined) continue;
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(rate)).toBe(true);
      }
    }),
  );
});
