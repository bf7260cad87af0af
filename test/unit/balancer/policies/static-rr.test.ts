import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StaticRoundRobin } from '../../../../services/balancer/policies/static-rr.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Server } from '../../../../services/balancer/servers/server.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';

const serversOf = (weights: readonly number[]): readonly Server[] =>
  new Backend(proxyConfig(weights.map((weight) => ({ weight }))), () => {}).servers;

const take = (policy: StaticRoundRobin, count: number, avoid?: Server): string =>
  Array.from({ length: count }, () => policy.pick(avoid)?.config.name ?? '-').join('');

describe('StaticRoundRobin', () => {
  it('gives each server exactly its share of every round', () => {
    const weight = fc.integer({ min: 0, max: 256 });
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 6 }), (weights) => {
        const sum = weights.reduce((a, b) => a + b);
        const names = take(new StaticRoundRobin(serversOf(weights)), sum);
        weights.forEach((share, index) => {
          expect(names.split(String.fromCharCode(97 + index)).length - 1).toBe(share);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('passes over full servers, and over the one to avoid while there is another', () => {
    const servers = serversOf([1, 1, 1]);
    const policy = new StaticRoundRobin(servers);
    const fill = (index: number): unknown =>
      Object.defineProperty(servers[index], 'full', { get: () => true });
    fill(1);
    expect(take(policy, 4)).toBe('acac');
    expect(take(policy, 2, servers[0])).toBe('cc');
    fill(2);
    expect(take(policy, 2, servers[0])).toBe('aa');
    fill(0);
    expect(take(policy, 2)).toBe('--');
  });

  it('follows weights that change, down to none at all', () => {
    const servers = serversOf([1, 1]);
    const policy = new StaticRoundRobin(servers);
    servers[0]!.weight = 0;
    policy.changed();
    expect(take(policy, 3)).toBe('bbb');
    servers[1]!.weight = 0;
    policy.changed();
    expect(take(policy, 1)).toBe('-');
    servers[0]!.weight = 2;
    policy.changed();
    expect(take(policy, 2)).toBe('aa');
  });
});
