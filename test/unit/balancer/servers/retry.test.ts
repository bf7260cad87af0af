import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import { afterFailure } from '../../../../services/balancer/servers/retry.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const two = [{ check: checkConfig() }, { check: checkConfig() }];
const leastconn = { balance: { name: 'leastconn' } } as const;

describe('afterFailure', () => {
  it('tries the same server again, a second later, until the retries are used up', () => {
    const [server] = new Backend(proxyConfig(two), () => {}).servers;
    expect(afterFailure(server!, 1, 'error')).toEqual({ action: 'same', delay: 1000 });
    expect(afterFailure(server!, 3, 'error').action).toBe('same');
    expect(afterFailure(server!, 4, 'error').action).toBe('give-up');
  });

  it('waits no longer than timeout connect, and not at all after a timeout', () => {
    const config = proxyConfig(two);
    config.timeouts.connect = 300;
    const [server] = new Backend(config, () => {}).servers;
    expect(afterFailure(server!, 1, 'error').delay).toBe(300);
    expect(afterFailure(server!, 1, 'timeout').delay).toBe(0);
  });

  it.each([{ name: 'roundrobin' }, { name: 'static-rr' }, { name: 'random', draws: 2 }] as const)(
    'goes elsewhere at once with redispatch and %j',
    (balance) => {
      const [server] = new Backend(proxyConfig(two, { redispatch: -1, balance }), () => {}).servers;
      expect(afterFailure(server!, 1, 'error')).toEqual({ action: 'redispatch', delay: 0 });
    },
  );

  it.each([
    [-1, ['same', 'same', 'redispatch', 'give-up']],
    [1, ['redispatch', 'redispatch', 'redispatch', 'give-up']],
    [2, ['same', 'redispatch', 'same', 'give-up']],
    [-2, ['same', 'redispatch', 'same', 'give-up']],
  ])('redispatches by interval %i with leastconn', (redispatch, actions) => {
    const [server] = new Backend(proxyConfig(two, { redispatch, ...leastconn }), () => {}).servers;
    expect([1, 2, 3, 4].map((n) => afterFailure(server!, n, 'error').action)).toEqual(actions);
  });

  it('leaves a server that has gone down, where redispatch allows it', () => {
    for (const [redispatch, action] of [
      [-1, 'redispatch'],
      [undefined, 'same'],
    ] as const) {
      const [server] = new Backend(proxyConfig(two, { redispatch, ...leastconn }), () => {})
        .servers;
      server!.checked({ status: 'L4CON', duration: 0 });
      expect(afterFailure(server!, 1, 'timeout').action).toBe(action);
    }
  });
});
