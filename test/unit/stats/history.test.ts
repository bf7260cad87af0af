import { expect, test } from 'vitest';
import { HISTORY_POINTS, HISTORY_STEP, History } from '../../../services/stats/model/history.ts';

test('a point is the mean of its step, and only of a finished one', () => {
  const history = new History();
  history.add(0, 10);
  history.add(HISTORY_STEP / 2, 20);
  expect(history.points).toEqual([]);
  history.add(HISTORY_STEP, 99);
  expect(history.points).toEqual([15]);
});

test('silence leaves a gap, not a zero', () => {
  const history = new History();
  history.add(0, 10);
  history.add(HISTORY_STEP, undefined);
  history.add(2 * HISTORY_STEP, 30);
  history.add(5 * HISTORY_STEP, 40);
  expect(history.points).toEqual([10, undefined, 30, undefined, undefined]);
});

test('it is bounded, even after a leap in time', () => {
  const history = new History();
  for (let step = 0; step < 3 * HISTORY_POINTS; step++) history.add(step * HISTORY_STEP, step);
  expect(history.points).toHaveLength(HISTORY_POINTS);
  expect(history.points.at(-1)).toBe(3 * HISTORY_POINTS - 2);
  history.add(1e12, 1);
  expect(history.points).toHaveLength(HISTORY_POINTS);
});
