import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avalanche } from '../../../../../services/balancer/policies/hashing/functions.ts';
import { HashMap } from '../../../../../services/balancer/policies/hashing/map.ts';
import { HashRing } from '../../../../../services/balancer/policies/hashing/ring.ts';
import { Backend } from '../../../../../services/balancer/servers/backend.ts';
import type { Server } from '../../../../../services/balancer/servers/server.ts';
import { proxyConfig } from '../../../../support/balancer-config.ts';

const serversOf = (weights: readonly number[]): readonly Server[] =>
  new Backend(
    proxyConfig(
      weights.map((weight) => ({ weight })),
      {
        balance: { name: 'source' },
        hash: { method: 'consistent', function: 'sdbm', avalanche: true, balanceFactor: 0 },
      },
    ),
    () => {},
  ).servers;

const KEYS = Array.from({ length: 4000 }, (_, i) => avalanche(i));
const weights = fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 2, maxLength: 8 });

describe('HashRing', () => {
  it('moves only the keys of the server that goes, and gives them back when it returns', () => {
    fc.assert(
      fc.property(weights, fc.nat(7), (given, which) => {
        const servers = serversOf(given);
        const ring = new HashRing(servers, 0);
        const before = KEYS.map((key) => ring.pick(undefined, key));
        const gone = servers[which % servers.length]!;
        const weight = gone.weight;
        gone.weight = 0;
        ring.changed();
        const after = KEYS.map((key) => ring.pick(undefined, key));
        expect(after.includes(gone)).toBe(false);
        expect(after.filter((now, i) => now !== before[i] && before[i] !== gone)).toHaveLength(0);
        gone.weight = weight;
        ring.changed();
        expect(KEYS.every((key, i) => ring.pick(undefined, key) === before[i])).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('gives shares by weight', () => {
    const given = [10, 20, 30, 40];
    const servers = serversOf(given);
    const ring = new HashRing(servers, 0);
    const counts = new Map<Server | undefined, number>();
    for (let i = 0; i < 40_000; i++) {
      const server = ring.pick(undefined, avalanche(i));
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    const shares = servers.map((server) => (counts.get(server) ?? 0) / 400);
    console.log('percent for weights', given.join(' '), ':', shares.map(Math.round).join(' '));
    given.forEach((weight, i) => {
      expect(Math.abs(shares[i]! - weight)).toBeLessThan(6);
    });
  });

  it('never leaves a bounded server with more than its share', () => {
    const servers = serversOf([1, 1, 1, 1]);
    const ring = new HashRing(servers, 125);
    for (let total = 0; total < 200; total++) {
      // All of one key.
      const server = ring.pick(undefined, 12_345)!;
      expect(server.cur).toBeLessThan(Math.ceil(((total + 1) * 1.25) / 4) + 1);
      server.counters.scur += 1;
    }
    console.log('one key, factor 125:', servers.map((server) => server.cur).join(' '));
  });

  it('has an answer for nobody, for one alone, and for one to avoid', () => {
    const servers = serversOf([0, 0]);
    expect(new HashRing(servers, 0).pick(undefined, 1)).toBeUndefined();
    expect(new HashRing(servers, 0).pick(undefined)).toBeUndefined();
    const [one] = serversOf([3]);
    const alone = new HashRing([one!], 0);
    expect(alone.pick(one, 7)).toBe(one);
    expect(alone.pick(one)).toBe(one);
    const two = serversOf([1, 1]);
    const pair = new HashRing(two, 0);
    for (const key of KEYS.slice(0, 50)) expect(pair.pick(two[0], key)).toBe(two[1]);
  });

  it('costs little', () => {
    const servers = serversOf(Array.from({ length: 20 }, () => 10));
    const rounds = 200_000;
    for (const [name, policy] of [
      ['consistent', new HashRing(servers, 0)],
      ['map-based', new HashMap(servers)],
    ] as const) {
      for (let i = 0; i < 20_000; i++) policy.pick(undefined, avalanche(i));
      const started = performance.now();
      for (let i = 0; i < rounds; i++) policy.pick(undefined, avalanche(i));
      const each = ((performance.now() - started) / rounds) * 1e6;
      console.log(`${name}, 20 servers of weight 10: ${each.toFixed(0)} ns a pick`);
      expect(each).toBeLessThan(100_000);
    }
  });
});

describe('HashMap', () => {
  it('gives each server as many of the numbers in a row as its weight says', () => {
    fc.assert(
      fc.property(weights, fc.nat(1 << 30), (given, from) => {
        const servers = serversOf(given);
        const map = new HashMap(servers);
        const sum = given.reduce((a, b) => a + b);
        const hits = Array.from({ length: sum }, (_, i) => map.pick(undefined, from + i));
        servers.forEach((server, i) => {
          expect(hits.filter((hit) => hit === server)).toHaveLength(given[i]!);
        });
      }),
    );
  });
});
