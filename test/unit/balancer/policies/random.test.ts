import { describe, expect, it } from 'vitest';
import { Random } from '../../../../services/balancer/policies/random.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Server } from '../../../../services/balancer/servers/server.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';

const serversOf = (weights: readonly number[]): readonly Server[] =>
  new Backend(proxyConfig(weights.map((weight) => ({ weight }))), () => {}).servers;

/** Every number of a fine, even grid in turn: shares come out exact. */
function grid(size: number): () => number {
  let at = 0;
  return () => (at++ % size) / size;
}

describe('Random', () => {
  it('draws each server as often as its weight says, and none without', () => {
    const policy = new Random(serversOf([3, 0, 1, 6]), 1, grid(1000));
    const count = new Map<string, number>();
    for (let i = 0; i < 1000; i++) {
      const { name } = policy.pick(undefined)!.config;
      count.set(name, (count.get(name) ?? 0) + 1);
    }
    expect(Object.fromEntries(count)).toEqual({ a: 300, c: 100, d: 600 });
  });

  it('takes the least loaded for its weight among those drawn', () => {
    const draws = [0.1, 0.9];
    const pick = (loads: [number, number], weights: [number, number], order: number[]): string => {
      const servers = serversOf(weights);
      loads.forEach((load, index) => {
        for (let i = 0; i < load; i++) servers[index]!.counters.sessionStarted(Date.now());
      });
      let at = 0;
      return new Random(servers, 2, () => order[at++]!).pick(undefined)!.config.name;
    };
    expect(pick([1, 2], [1, 1], draws)).toBe('a');
    expect(pick([1, 2], [1, 1], draws.toReversed())).toBe('a');
    expect(pick([3, 2], [1, 1], draws)).toBe('b');
    expect(pick([3, 2], [2, 1], draws)).toBe('a');
  });

  it('has no place when the one taken is full, and avoids a server while there is another', () => {
    const servers = serversOf([1, 1]);
    const policy = new Random(servers, 2, grid(10));
    for (let i = 0; i < 20; i++) expect(policy.pick(servers[0])).toBe(servers[1]);
    Object.defineProperty(servers[1], 'full', { get: () => true });
    expect(policy.pick(servers[0])).toBeUndefined();
    servers[1]!.weight = 0;
    expect(policy.pick(servers[0])).toBe(servers[0]);
    servers[0]!.weight = 0;
    expect(policy.pick(undefined)).toBeUndefined();
  });
});
