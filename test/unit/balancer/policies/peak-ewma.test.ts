import { describe, expect, it } from 'vitest';
import { LeastPending } from '../../../../services/balancer/policies/least-pending.ts';
import { PeakEwma } from '../../../../services/balancer/policies/peak-ewma.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Server } from '../../../../services/balancer/servers/server.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';

const serversOf = (weights: readonly number[]): Server[] => [
  ...new Backend(
    proxyConfig(
      weights.map((weight) => ({ weight })),
      { balance: { name: 'peak-ewma' } },
    ),
    () => {},
  ).servers,
];

describe('PeakEwma', () => {
  it('tries each, prefers the fast one, and leaves it at its first slow answer', () => {
    let now = 0;
    const servers = serversOf([1, 1]);
    const [a, b] = servers as [Server, Server];
    const policy = new PeakEwma(servers, () => now);
    const take = (): Server => policy.pick(undefined)!;
    expect(new Set([take(), take()]).size).toBe(2);
    policy.observed(a, 5);
    policy.observed(b, 20);
    expect([take(), take(), take()]).toEqual([a, a, a]);
    policy.observed(a, 500);
    expect(take()).toBe(b);
    // Half a minute later it has another chance.
    for (let i = 0; i < 60; i++) {
      now += 1000;
      policy.observed(b, 20);
    }
    expect(take()).toBe(a);
  });

  it('weighs what a server has to do already, and its weight', () => {
    const servers = serversOf([1, 2]);
    const [a, b] = servers as [Server, Server];
    const policy = new PeakEwma(servers, () => 0);
    policy.observed(a, 10);
    policy.observed(b, 10);
    expect(policy.pick(undefined)).toBe(b);
    b.counters.scur = 2;
    expect(policy.pick(undefined)).toBe(a);
    expect(policy.pick(a)).toBe(b);
  });

  it('spreads over equals, counting nobody twice', () => {
    const servers = serversOf([1, 1, 1]);
    const policy = new PeakEwma(servers, () => 0);
    const names = Array.from({ length: 9 }, () => policy.pick(undefined)!.config.name).join('');
    expect(names).toBe('abcabcabc');
  });
});

describe('LeastPending', () => {
  it('prefers who has the fewest connections under way, then sessions, then turns', () => {
    const servers = serversOf([1, 1, 2]);
    const [a, b, c] = servers as [Server, Server, Server];
    const policy = new LeastPending(servers);
    a.pending = 1;
    b.pending = 2;
    c.pending = 1;
    expect(policy.pick(undefined)).toBe(c);
    expect(policy.pick(c)).toBe(a);
    for (const server of servers) server.pending = 0;
    a.counters.scur = 100;
    b.counters.scur = 3;
    c.counters.scur = 5;
    expect(policy.pick(undefined)).toBe(c);
    for (const server of servers) server.counters.scur = 0;
    const names = Array.from({ length: 6 }, () => policy.pick(undefined)!.config.name).join('');
    expect(names).toBe('bacbac');
  });

  it('takes nobody who is full or gone', () => {
    const servers = serversOf([1, 1]);
    const policy = new LeastPending(servers);
    servers[0]!.weight = 0;
    expect(policy.pick(undefined)).toBe(servers[1]);
    servers[1]!.maxconn = 1;
    servers[1]!.counters.scur = 1;
    expect(policy.pick(undefined)).toBeUndefined();
  });
});
