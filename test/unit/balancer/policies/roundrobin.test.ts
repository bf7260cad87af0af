import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RoundRobin } from '../../../../services/balancer/policies/roundrobin.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Server } from '../../../../services/balancer/servers/server.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';

const serversOf = (weights: readonly number[]): readonly Server[] =>
  new Backend(proxyConfig(weights.map((weight) => ({ weight }))), () => {}).servers;

const take = (policy: RoundRobin, count: number, avoid?: Server): string =>
  Array.from({ length: count }, () => policy.pick(avoid)?.config.name ?? '-').join('');

describe('RoundRobin', () => {
  it.each([
    [[1, 1], 'abababababab'],
    [[1, 1, 1], 'abcabcabcabc'],
    [[1, 2], 'bbabbabbabba'],
    [[3, 2, 1], 'abacababacab'],
    [[5, 1, 1], 'aaabaacaaaba'],
    [[10, 3, 7, 2], 'acabcaacadcbaacacabacd'],
    [[256, 255, 1], 'abababababab'],
    [[1, 1, 4, 0], 'ccaccbccaccb'],
  ])('takes %j in the order that HAProxy 2.6 was seen to', (weights, order) => {
    expect(take(new RoundRobin(serversOf(weights)), order.length)).toBe(order);
  });

  it('gives each server exactly its share of every round', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 7 }),
        (weights) => {
          const policy = new RoundRobin(serversOf(weights));
          const sum = weights.reduce((a, b) => a + b);
          // HAProxy's round, in sixteenths of a weight.
          const names = take(policy, sum * 16);
          weights.forEach((weight, index) => {
            const name = String.fromCharCode(97 + index);
            const share = names.split(name).length - 1;
            expect(Math.abs(share - weight * 16)).toBeLessThanOrEqual(1);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('passes over full servers, and over the one to avoid while there is another', () => {
    const servers = serversOf([1, 1, 1]);
    const policy = new RoundRobin(servers);
    Object.defineProperty(servers[1], 'full', { get: () => true, configurable: true });
    expect(take(policy, 4)).toBe('acac');
    expect(take(policy, 4, servers[0])).toBe('cccc');
    Object.defineProperty(servers[2], 'full', { get: () => true, configurable: true });
    expect(take(policy, 2, servers[0])).toBe('aa');
    Object.defineProperty(servers[0], 'full', { get: () => true, configurable: true });
    expect(take(policy, 2)).toBe('--');
  });

  it('follows weights that change, and servers that go and come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 20 })), {
          maxLength: 30,
        }),
        (changes) => {
          const servers = serversOf([1, 2, 3, 4]);
          const policy = new RoundRobin(servers);
          for (const [index, weight] of changes) {
            servers[index]!.weight = weight;
            policy.changed(servers[index]!);
            const chosen = policy.pick(undefined);
            if (servers.some((server) => server.weight > 0)) {
              expect(chosen?.weight).toBeGreaterThan(0);
            } else {
              expect(chosen).toBeUndefined();
            }
          }
          const sum = servers.reduce((total, server) => total + server.weight, 0);
          if (sum === 0) return;
          // After the round in which the change fell, shares are exact again.
          take(policy, sum * 64);
          const names = take(policy, sum * 16);
          for (const server of servers) {
            const share = names.split(server.config.name).length - 1;
            expect(Math.abs(share - server.weight * 16)).toBeLessThanOrEqual(2);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
