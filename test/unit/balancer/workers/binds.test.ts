import { describe, expect, it } from 'vitest';
import { threadSet } from '../../../../services/balancer/config/thread-set.ts';
import type { BindConfig } from '../../../../services/balancer/model.ts';
import { servesBind } from '../../../../services/balancer/workers/binds.ts';

const bind = (over: Partial<BindConfig>): BindConfig => ({
  host: '127.0.0.1',
  port: 80,
  name: undefined,
  acceptProxy: false,
  maxconn: undefined,
  position: { file: 'test.cfg', line: 1, column: 1 },
  ...over,
});
const who = (over: Partial<BindConfig>): number[] =>
  [0, 1, 2, 3].filter((worker) => servesBind(bind(over), worker, 4));

describe('thread', () => {
  it.each([
    ['all', undefined],
    ['1/all', undefined],
    ['2', [2]],
    ['1/2-4', [2, 3, 4]],
    ['1,3-4,1', [1, 3, 4]],
  ])('%s', (text, threads) => {
    expect(threadSet(text)).toEqual(threads);
  });

  it('odd and even', () => {
    expect(threadSet('odd')).toHaveLength(32);
    expect(threadSet('even')?.slice(0, 2)).toEqual([2, 4]);
  });

  it.each(['', '0', '65', '4-2', 'x', '2/1', '1,,2'])('%j is wrong', (text) => {
    expect(threadSet(text)).toBeTypeOf('string');
  });
});

describe('who listens', () => {
  it('all, or those that the line names', () => {
    expect(who({})).toEqual([0, 1, 2, 3]);
    expect(who({ threads: [2, 4] })).toEqual([1, 3]);
    expect(who({ threads: [9] })).toEqual([0, 1, 2, 3]);
  });

  it('one at what can only be had once', () => {
    expect(who({ fd: 3 })).toEqual([0]);
    expect(who({ host: '/run/x.sock' })).toEqual([0]);
    expect(who({ host: '/run/x.sock', threads: [3, 4] })).toEqual([2]);
  });
});
