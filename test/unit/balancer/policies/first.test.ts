import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Assignment } from '../../../../services/balancer/servers/types.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';

const backendOf = (...servers: { id?: number; maxconn?: number }[]): Backend =>
  new Backend(proxyConfig(servers, { balance: { name: 'first' } }), () => {});

describe('First', () => {
  it('fills servers in the order of their ids and takes the first place that frees', () => {
    const backend = backendOf({ id: 7, maxconn: 2 }, { id: 3, maxconn: 2 }, { id: 9, maxconn: 1 });
    const held = Array.from({ length: 5 }, () => backend.tryAssign(undefined) as Assignment);
    expect(held.map((place) => place.server.config.name).join('')).toBe('bbaac');
    expect(backend.tryAssign(undefined)).toBeUndefined();
    held[2]!.release();
    held[1]!.release();
    expect(backend.tryAssign(undefined)?.server.config.name).toBe('b');
    expect(backend.tryAssign(undefined)?.server.config.name).toBe('a');
  });

  it('avoids a server only while there is another', () => {
    const backend = backendOf({}, { maxconn: 1 });
    const [a, b] = backend.servers;
    expect(backend.tryAssign(a)?.server).toBe(b);
    expect(backend.tryAssign(a)?.server).toBe(a);
  });
});
