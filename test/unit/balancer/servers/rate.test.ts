import { describe, expect, it } from 'vitest';
import { MovingAverage, RateCounter } from '../../../../services/balancer/servers/rate.ts';

describe('RateCounter', () => {
  it('slides over a second', () => {
    const rate = new RateCounter();
    for (let i = 0; i < 10; i++) rate.hit(5000);
    expect(rate.read(5500)).toBe(10);
    expect(rate.read(6250)).toBe(7);
    rate.hit(6500);
    expect(rate.read(6500)).toBe(6);
    expect(rate.read(9000)).toBe(0);
    expect(rate.max).toBe(10);
  });

  it('survives a clock that goes back', () => {
    const rate = new RateCounter();
    rate.hit(9000);
    rate.hit(1000);
    expect(rate.read(1000)).toBe(1);
  });
});

describe('MovingAverage', () => {
  it('is the mean of few values and forgets old ones', () => {
    const average = new MovingAverage();
    expect(average.read()).toBe(0);
    for (const value of [10, 20, 30]) average.add(value);
    expect([average.read(), average.max]).toEqual([20, 30]);
    for (let i = 0; i < 20_000; i++) average.add(5);
    expect(average.read()).toBe(5);
  });
});
