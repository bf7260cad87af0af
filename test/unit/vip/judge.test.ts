import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Facts, judge, Verdict } from '../../../services/vip/judge.ts';

const WELL: Facts = {
  card: 'eth0',
  peers: 2,
  reached: 2,
  otherServes: true,
  gateway: undefined,
  unable: undefined,
  drainedBy: [],
};

describe('a node may have the virtual addresses', () => {
  test.each<[string, Partial<Facts>, boolean]>([
    ['when all is well', {}, true],
    ['of three, when it reaches one other', { reached: 1 }, true],
    ['of three, not when it is alone', { reached: 0, otherServes: false }, false],
    ['of four, not with half of them', { peers: 3, reached: 1 }, false],
    ['of five, when it reaches two others', { peers: 4, reached: 2 }, true],
    ['when it is the only node of the cluster', { peers: 0, reached: 0 }, true],
    ['not without its own address', { card: undefined }, false],
    ['not when another one serves and it does not', { unable: 'no broker' }, false],
    ['when nobody serves', { unable: 'no broker', otherServes: false }, true],
    ['not when it is drained', { drainedBy: ['owner'] }, false],
    ['drained, when nobody else serves', { drainedBy: ['owner'], otherServes: false }, true],
  ])('%s', (_, facts, may) => {
    expect(judge({ ...WELL, ...facts }).length === 0).toBe(may);
  });

  test.each<[string, Partial<Facts>, boolean]>([
    ['when it hears the other, whatever the gateway does', { reached: 1, gateway: false }, true],
    ['alone, when the gateway answers', { reached: 0, gateway: true }, true],
    ['alone, not when the gateway is silent', { reached: 0, gateway: false }, false],
    ['alone, when there is no gateway to ask', { reached: 0, gateway: undefined }, true],
  ])('of two, %s', (_, facts, may) => {
    expect(judge({ ...WELL, peers: 1, otherServes: false, ...facts }).length === 0).toBe(may);
  });

  test('of three or more, never on both sides of a split', () => {
    const sizes = fc.integer({ min: 3, max: 20 });
    const splits = sizes.chain((nodes) =>
      fc.tuple(fc.constant(nodes), fc.integer({ min: 1, max: nodes - 1 })),
    );
    fc.assert(
      fc.property(splits, ([nodes, side]) => {
        const may = (reached: number): boolean =>
          judge({ ...WELL, peers: nodes - 1, reached }).length === 0;
        expect(may(side - 1) && may(nodes - side - 1)).toBe(false);
      }),
    );
  });
});

describe('what keepalived is told', () => {
  test('is no at first, and yes only after a while in which all was well', () => {
    const verdict = new Verdict(1_000);
    expect(verdict.fault).toBe(true);
    expect(verdict.update([], 0)).toBe(false);
    expect(verdict.update([], 999)).toBe(false);
    expect(verdict.update([], 1_000)).toBe(true);
    expect(verdict.fault).toBe(false);
  });

  test('is no at once, and the while begins anew', () => {
    const verdict = new Verdict(1_000);
    verdict.update([], 0);
    verdict.update([], 1_000);
    expect(verdict.update(['no broker'], 1_001)).toBe(true);
    expect(verdict.update([], 1_500)).toBe(false);
    expect(verdict.update(['no broker'], 2_400)).toBe(false);
    expect(verdict.update([], 2_600)).toBe(false);
    expect(verdict.update([], 3_599)).toBe(false);
    expect(verdict.update([], 3_600)).toBe(true);
  });

  test('after its first yes it leaves what prefers another node for a while, and later never', () => {
    const verdict = new Verdict(1_000, 3_000);
    verdict.update([], 0);
    expect(verdict.yields(500)).toBe(true);
    verdict.update([], 1_000);
    expect([verdict.fault, verdict.yields(3_999), verdict.yields(4_000)]).toEqual([
      false,
      true,
      false,
    ]);
    verdict.update(['no broker'], 5_000);
    expect(verdict.yields(5_000)).toBe(true);
    verdict.update([], 6_000);
    verdict.update([], 7_000);
    expect(verdict.yields(7_000)).toBe(false);
  });
});
