import { afterEach, describe, expect, it, vi } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Assignment } from '../../../../services/balancer/servers/types.ts';
import { WarmUp } from '../../../../services/balancer/servers/warm-up.ts';
import { ERROR_CODES } from '../../../../services/core/errors.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const FAIL = { status: 'L4CON', duration: 0, info: 'Connection refused' } as const;

describe('orders to a server', () => {
  it('are told as HAProxy tells them', () => {
    const lines: string[] = [];
    const backend = new Backend(
      proxyConfig([{}, { check: checkConfig() }, { backup: true }, { disabled: true }]),
      (_level, message) => lines.push(message),
    );
    const [a, b, , d] = backend.servers;
    b!.checked(FAIL);
    lines.length = 0;
    a!.setState('drain');
    a!.setState('ready');
    a!.setState('maint');
    a!.setState('maint');
    a!.setState('ready');
    d!.setState('ready');
    a!.setState('maint');
    a!.setState('drain');
    a!.setState('ready');
    b!.setState('maint');
    b!.setState('ready');
    // As the runtime socket of HAProxy 2.6.12 makes it write.
    expect(lines).toEqual([
      'Server x/a enters drain state. 0 active and 1 backup servers online. Running on backup. 0 sessions requeued, 0 total in queue.',
      'Server x/a is UP (leaving forced drain).',
      'Server x/a is going DOWN for maintenance. 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue.',
      'Server x/a is UP/READY (leaving forced maintenance).',
      'Server x/d is UP/READY (leaving forced maintenance).',
      'Server x/a is going DOWN for maintenance. 1 active and 1 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.',
      'Server x/a is UP/DRAIN (leaving forced maintenance).',
      'Server x/a is UP (leaving forced drain).',
      'Server x/b was DOWN and now enters maintenance.',
      'Server x/b is UP/READY (leaving forced maintenance).',
    ]);
  });

  it('change who gets sessions: drain, maint, weight, maxconn', async () => {
    const backend = new Backend(proxyConfig([{}, {}]), () => {});
    const [a, b] = backend.servers;
    const names = (count: number): string =>
      Array.from({ length: count }, () => {
        const place = backend.tryAssign(undefined)!;
        place.release();
        return place.server.config.name;
      }).join('');
    a!.setState('drain');
    expect(names(3)).toBe('bbb');
    expect(backend.tryAssignTo(a!)?.server).toBe(a);
    a!.setState('ready');
    expect(b!.setWeight(0)).toBeUndefined();
    expect(names(3)).toBe('aaa');
    expect(b!.setWeight(3)).toBeUndefined();
    expect(names(8).split('b').length - 1).toBe(6);
    expect(b!.setWeight(257)).toMatch(/Weight can only be/);
    expect(b!.setWeight(1.5)).toMatch(/Weight can only be/);
    a!.setState('maint');
    b!.setMaxconn(1);
    backend.tryAssign(undefined);
    const waiting = backend.assign() as Promise<Assignment>;
    expect(backend.queue.length).toBe(1);
    b!.setMaxconn(2);
    expect((await waiting).server).toBe(b);
    b!.setMaxconn(0);
    expect(b!.full).toBe(false);
  });

  it('keep fixed weights fixed', () => {
    const config = proxyConfig([{ weight: 4 }], { balance: { name: 'static-rr' } });
    const [server] = new Backend(config, () => {}).servers;
    expect(server!.setWeight(3)).toMatch(/static LB algorithm/);
    expect(server!.setWeight(0)).toBeUndefined();
    expect(server!.setWeight(4)).toBeUndefined();
  });

  it('move it, with its dynamic cookie', () => {
    const cookie = {
      name: 'S',
      mode: 'insert',
      indirect: false,
      nocache: false,
      postonly: false,
      preserve: false,
      httpOnly: false,
      secure: false,
      domains: [],
      attributes: [],
      maxidle: undefined,
      maxlife: undefined,
      dynamic: true,
    } as const;
    const config = proxyConfig([{}, { cookie: 'own' }], {
      cookie: { ...cookie, domains: [], attributes: [] },
      dynamicCookieKey: 'secret',
    });
    const [a, b] = new Backend(config, () => {}).servers;
    const before = a!.cookie;
    let moved = 0;
    a!.on('moved', () => {
      moved += 1;
    });
    a!.setAddress('127.0.0.9', 8080);
    expect(a!.config).toMatchObject({ host: '127.0.0.9', port: 8080, name: 'a' });
    expect(a!.cookie).toMatch(/^[0-9a-f]{16}$/);
    expect(a!.cookie).not.toBe(before);
    expect(b!.cookie).toBe('own');
    expect(moved).toBe(1);
  });

  it('refuse who would wait beyond maxqueue, and send nobody on who may not go', async () => {
    const hash = {
      method: 'map-based',
      function: 'sdbm',
      avalanche: false,
      balanceFactor: 0,
    } as const;
    const backend = new Backend(
      proxyConfig([{ maxconn: 1, maxqueue: 1 }, {}], { balance: { name: 'source' }, hash }),
      () => {},
    );
    const key = { hash: 0 };
    const place = backend.assign(key) as Assignment;
    const second = backend.assign(key) as Promise<Assignment>;
    await expect(backend.assign(key)).rejects.toMatchObject({ code: ERROR_CODES.QUEUE_FULL });
    expect(backend.servers[0]!.queue.length).toBe(1);
    place.release();
    expect((await second).serverQueue).toBe(1);
  });
});

describe('WarmUp', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('raises weight and limit step by step, to the full', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const warmUp = new WarmUp(4000, true);
    expect(warmUp.weight(10)).toBe(160);
    const seen: string[] = [];
    const look = () => seen.push(`${warmUp.weight(10)}/${warmUp.limit(100)}`);
    warmUp.start(look);
    look();
    vi.advanceTimersByTime(6000);
    expect(seen).toEqual(['10/1', '50/25', '90/50', '130/75', '160/100']);
    expect(warmUp.active).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    warmUp.start(look);
    warmUp.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves weights alone where they are fixed, and everything without slowstart', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const fixed = new WarmUp(4000, false);
    fixed.start(() => {});
    expect([fixed.weight(10), fixed.limit(100)]).toEqual([160, 1]);
    fixed.stop();
    const none = new WarmUp(undefined, true);
    none.start(() => {});
    expect([none.weight(10), none.limit(100), vi.getTimerCount()]).toEqual([160, 100, 0]);
  });
});
