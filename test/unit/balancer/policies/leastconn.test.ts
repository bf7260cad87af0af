import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Assignment } from '../../../../services/balancer/servers/types.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';

const backendOf = (weights: readonly number[]): Backend =>
  new Backend(
    proxyConfig(
      weights.map((weight) => ({ weight })),
      { balance: { name: 'leastconn' } },
    ),
    () => {},
  );

const nameOf = (place: Assignment): string => place.server.config.name;

describe('leastconn', () => {
  it('takes the order that HAProxy 2.6 was seen to, with sessions that leave on the way', () => {
    const run = (weights: readonly number[]): string => {
      const backend = backendOf(weights);
      const held: Assignment[] = [];
      let order = '';
      for (let i = 0; i < 30; i++) {
        const place = backend.assign() as Assignment;
        order += nameOf(place);
        held.push(place);
        if (i % 4 === 3) held.splice(i % 3, 1)[0]?.release();
      }
      return order;
    };
    expect(run([10, 3, 7, 2])).toBe('abcdaacacacaacabbacaacadabcada');
    expect(run([3, 2, 1])).toBe('abcaabaacbacabaabbacbabaabacab');
  });

  it('lets idle servers take turns', () => {
    const backend = backendOf([1, 1, 1]);
    let order = '';
    for (let i = 0; i < 9; i++) {
      const place = backend.assign() as Assignment;
      order += nameOf(place);
      place.release();
    }
    expect(order).toBe('abcabcabc');
  });

  it('never leaves a server more than one session behind another of its weight', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 200 }), (steps) => {
        const backend = backendOf([1, 1, 1]);
        const held: Assignment[] = [];
        for (const step of steps) {
          if (step < 7) held.push(backend.assign() as Assignment);
          else held.splice(step % Math.max(1, held.length), 1)[0]?.release();
          const next = backend.assign() as Assignment;
          const least = Math.min(...backend.servers.map((server) => server.cur));
          expect(next.server.cur - 1).toBeLessThanOrEqual(least);
          next.release();
        }
      }),
    );
  });
});
