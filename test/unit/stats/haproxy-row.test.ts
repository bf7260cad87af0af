import { expect, test } from 'vitest';
import { isUp, kindOf, numberOf, stateOf } from '../../../services/stats/model/haproxy-row.ts';

test.each([
  ['OPEN', 'up', true],
  ['UP', 'up', true],
  ['UP 1/3', 'going-down', true],
  ['DOWN', 'down', false],
  ['DOWN 1/2', 'going-up', false],
  ['DOWN (agent)', 'down', false],
  ['NOLB', 'drain', false],
  ['NOLB 1/2', 'drain', false],
  ['DRAIN', 'drain', false],
  ['DRAIN (agent)', 'drain', false],
  ['MAINT', 'maint', false],
  ['MAINT (via mqtt/pi1)', 'maint', false],
  ['MAINT (resolution)', 'maint', false],
  ['STOP', 'down', false],
  ['no check', 'unchecked', true],
  ['', 'unknown', false],
])('status "%s" is %s', (status, state, up) => {
  expect(stateOf({ status })).toBe(state);
  expect(isUp(stateOf({ status }))).toBe(up);
});

test('an empty column is no number, and a zero is one', () => {
  expect(numberOf({ qcur: '' }, 'qcur')).toBeUndefined();
  expect(numberOf({}, 'qcur')).toBeUndefined();
  expect(numberOf({ qcur: 'x' }, 'qcur')).toBeUndefined();
  expect(numberOf({ qcur: '0' }, 'qcur')).toBe(0);
  expect(numberOf({ qcur: 7 }, 'qcur')).toBe(7);
});

test('a row is told by its type, and by its name where there is none', () => {
  expect([0, 1, 2, 3].map((type) => kindOf({ type }))).toEqual([
    'frontend',
    'backend',
    'server',
    'listener',
  ]);
  expect(kindOf({ svname: 'BACKEND' })).toBe('backend');
  expect(kindOf({ svname: 'pi1', type: '' })).toBe('server');
});
