import type net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Pools } from '../../../../services/balancer/http/pool.ts';
import { Upstream, type UpstreamUser } from '../../../../services/balancer/http/upstream.ts';
import { Peer, until } from '../../../support/tcp-peers.ts';
import { CHECK, proxy, server, viewOf } from '../stats/view.ts';

const nobody: UpstreamUser = {
  upstreamData: () => {},
  upstreamEnded: () => {},
  upstreamClosed: () => {},
  upstreamDrained: () => {},
  upstreamExpired: () => {},
};

describe('idle server connections', () => {
  const pools = new Pools();
  let peer: Peer;
  beforeEach(async () => {
    peer = await new Peer('server', () => {}).start();
  });
  afterEach(async () => {
    pools.close();
    await peer.stop();
  });

  function target() {
    const { backends } = viewOf(proxy({ servers: [server({ port: peer.port, check: CHECK })] }));
    return backends[0]!.servers[0]!;
  }

  async function open(one: ReturnType<typeof target>): Promise<Upstream> {
    pools.opened(one);
    const upstream = new Upstream(one, nobody, {
      to: one.config,
      key: undefined,
      preface: undefined,
      serverName: undefined,
    });
    await until(() => upstream.alive, 'the connection');
    return upstream;
  }

  test('the one that was put back is taken again, and counted as used', async () => {
    const one = target();
    const upstream = await open(one);
    pools.put(upstream, false);
    expect([pools.used(one), pools.idle(one)]).toEqual([0, 1]);
    expect(pools.take(one)).toBe(upstream);
    expect(upstream.served).toBe(1);
    expect([pools.used(one), pools.idle(one)]).toEqual([1, 0]);
    pools.closed(one);
    upstream.destroy();
  });

  test('no more are kept than were in use at once, but one of each kind', async () => {
    const one = target();
    for (const safe of [false, false, true, true]) pools.put(await open(one), safe);
    expect([pools.idle(one), pools.safe(one)]).toEqual([1, 1]);
    const three = await Promise.all([open(one), open(one), open(one)]);
    for (const upstream of three) pools.put(upstream, false);
    expect(pools.need(one)).toBe(3);
    expect(pools.idle(one) + pools.safe(one)).toBe(3);
  });

  test.each(['ends', 'resets', 'speaks unasked'])(
    'one whose server %s is dropped',
    async (what) => {
      const one = target();
      pools.put(await open(one), false);
      await until(() => peer.sockets.size === 1, 'the accept');
      const [socket] = peer.sockets as Set<net.Socket>;
      if (what === 'ends') socket!.end();
      else if (what === 'resets') socket!.resetAndDestroy();
      else socket!.write('HTTP/1.1 408 Too late\r\n\r\n');
      await until(() => pools.idle(one) === 0, 'its removal');
      expect(pools.take(one)).toBeUndefined();
    },
  );

  test('all are dropped when their server goes down', async () => {
    const one = target();
    pools.put(await open(one), false);
    one.checked({ status: 'L4CON', duration: 1 });
    expect(pools.idle(one)).toBe(0);
    await until(() => peer.sockets.size === 1, 'the accept');
  });
});
