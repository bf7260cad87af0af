import { describe, expect, test } from 'vitest';
import type { CheckConfig, ServerConfig } from '../../../../services/balancer/model.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const backendOf = (...servers: Partial<ServerConfig>[]): Backend =>
  new Backend(proxyConfig(servers), () => {});

/** Fails or passes so many checks in a row. */
function check(backend: Backend, status: 'L4OK' | 'L4CON', count: number): void {
  for (let done = 0; done < count; done++) backend.servers[0]!.checked({ status });
}

function reloaded(before: Backend, ...servers: Partial<ServerConfig>[]): Backend {
  const after = backendOf(...servers);
  after.takeOver(before);
  return after;
}

describe('after a reload', () => {
  const withCheck = (more: Partial<CheckConfig> = {}) => ({ check: checkConfig(more) });

  test.each<[string, 'L4OK' | 'L4CON', number, string]>([
    ['a server that is up', 'L4OK', 3, 'up'],
    ['one that has failed a check', 'L4OK', 0, 'going-down'],
    ['one that is down', 'L4CON', 3, 'down'],
  ])('%s is so, whatever rise and fall are now', (_what, status, count, state) => {
    const before = backendOf(withCheck());
    check(before, status, count);
    for (const [rise, fall] of [
      [2, 3],
      [1, 5],
      [7, 1],
    ] as const) {
      const [server] = reloaded(before, withCheck({ rise, fall })).servers;
      // With `fall 1` there is nothing between up and down.
      const expected = state === 'going-down' && fall === 1 ? 'up' : state;
      expect(server!.state).toBe(expected);
    }
  });

  test('places given before are given back to the same count', () => {
    const before = backendOf({ maxconn: 1 });
    const place = before.tryAssign(undefined)!;
    const after = reloaded(before, { maxconn: 1 });
    expect(after.servers[0]!.cur).toBe(1);
    expect(after.tryAssign(undefined)).toBeUndefined();
    place.release();
    expect(after.servers[0]!.cur).toBe(0);
    expect(after.tryAssign(undefined)).toBeDefined();
  });

  test('who waits gets a place of the new configuration', async () => {
    const before = backendOf({ maxconn: 1 });
    const place = before.tryAssign(undefined)!;
    const waiting = Promise.resolve(before.enqueue());
    const after = reloaded(before, { maxconn: 1 }, { name: 'fresh', maxconn: 1 });
    const granted = await waiting;
    expect(granted.server.config.name).toBe('fresh');
    granted.release();
    place.release();
    expect(after.counters.qcur).toBe(0);
    expect(after.servers.map(({ cur }) => cur)).toEqual([0, 0]);
  });

  test('who waited for a server that is gone takes another', async () => {
    const before = backendOf({ name: 'old', maxconn: 1 });
    const place = before.tryAssign(undefined)!;
    const waiting = Promise.resolve(before.enqueueFor(before.servers[0]!));
    reloaded(before, { name: 'fresh', maxconn: 1 });
    expect((await waiting).server.config.name).toBe('fresh');
    place.release();
  });

  test('what was changed by hand holds until the line says something else', () => {
    const before = backendOf({ weight: 10, maxconn: 5 });
    const [server] = before.servers;
    server!.setWeight(3);
    server!.setMaxconn(9);
    server!.setState('drain');
    server!.setAddress('127.0.0.9', 99);
    const [kept] = reloaded(before, { weight: 10, maxconn: 5 }).servers;
    expect(kept).toMatchObject({ weight: 3, maxconn: 9, admin: 'drain' });
    expect(kept!.config).toMatchObject({ host: '127.0.0.9', port: 99 });
    const [changed] = reloaded(before, { weight: 20, maxconn: 6, port: 2 }).servers;
    expect(changed).toMatchObject({ weight: 20, maxconn: 6 });
    expect(changed!.config).toMatchObject({ host: '127.0.0.1', port: 2 });
  });

  test('nobody keeps the configurations in between', () => {
    const first = backendOf({});
    let last = first;
    for (let round = 0; round < 50; round++) last = reloaded(last, {});
    expect(first.servers[0]!.current).toBe(last.servers[0]);
  });
});
