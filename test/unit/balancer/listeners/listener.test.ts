import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Admission } from '../../../../services/balancer/listeners/admission.ts';
import type { AcceptedHandle } from '../../../../services/balancer/listeners/handler.ts';
import { Listener } from '../../../../services/balancer/listeners/listener.ts';
import { Counters } from '../../../../services/balancer/servers/counters.ts';
import type { FrontendContext } from '../../../../services/balancer/servers/types.ts';
import { TimerWheel } from '../../../../services/balancer/tcp/timer-wheel.ts';
import { createLog } from '../../../../services/core/log.ts';
import { proxyConfig } from '../../../support/balancer-config.ts';
import { freePort } from '../../../support/ports.ts';
import { until } from '../../../support/tcp-peers.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Served {
  connection: AcceptedHandle;
  done: () => void;
}

async function listen(limits: {
  maxconn?: number;
  admission?: Admission;
  bindMax?: number;
  open?: boolean;
}) {
  const config = proxyConfig([], { maxconn: limits.maxconn ?? 100 });
  const admission = limits.admission ?? new Admission(100, 100);
  const context: FrontendContext = {
    config,
    counters: new Counters(),
    logging: false,
    backendFor: () => undefined,
    log: () => {},
    actconn: () => admission.current,
  };
  const served: Served[] = [];
  const bind = {
    host: '127.0.0.1',
    port: await freePort(),
    name: undefined,
    acceptProxy: false,
    maxconn: limits.bindMax,
    position: config.position,
  };
  const listener = new Listener(bind, context, {
    admission,
    wheel: new TimerWheel(),
    log: createLog({ service: 'test', level: 'silent' }),
    handler: (connection, _context, done) => served.push({ connection, done }),
  });
  await listener.start();
  if (limits.open ?? true) listener.open();
  cleanups.push(() => listener.close());
  cleanups.push(() => {
    for (const { connection } of served) connection.handle.close();
  });
  const connect = async (): Promise<net.Socket> => {
    const socket = net.connect(bind.port, '127.0.0.1');
    socket.on('error', () => {});
    cleanups.push(() => socket.destroy());
    await once(socket, 'connect').catch(() => {});
    return socket;
  };
  return { listener, context, admission, served, connect, port: bind.port };
}

const later = (time = 50) => new Promise((resolve) => setTimeout(resolve, time));

describe('Listener', () => {
  it('knows both ends of a connection', async () => {
    const { served, connect, port } = await listen({});
    const socket = await connect();
    await until(() => served.length === 1, 'it is served');
    expect(served[0]!.connection.client).toMatchObject({
      bind: { port },
      host: '127.0.0.1',
      port: socket.localPort,
      localHost: '127.0.0.1',
      localPort: port,
    });
  });

  it.each([
    ['the frontend', { maxconn: 2 }],
    ['the bind', { bindMax: 2 }],
    ['the process', { admission: new Admission(2, 100) }],
  ])('holds connections beyond the limit of %s, in order, uncounted', async (_whose, limits) => {
    const { listener, context, admission, served, connect } = await listen(limits);
    const sockets: net.Socket[] = [];
    for (let i = 0; i < 5; i++) sockets.push(await connect());
    await until(() => listener.waiting === 3, 'three wait');
    expect([served.length, context.counters.scur, admission.held]).toEqual([2, 2, 3]);
    served[0]!.done();
    expect(served).toHaveLength(3);
    expect(served[2]!.connection.client.port).toBe(sockets[2]!.localPort);
    served[1]!.done();
    served[2]!.done();
    expect([served.length, context.counters.scur, admission.held]).toEqual([5, 2, 0]);
    expect(context.counters.smax).toBe(2);
    served[3]!.done();
    served[4]!.done();
    expect([context.counters.scur, admission.current, listener.current]).toEqual([0, 0, 0]);
  });

  it('refuses what it may not hold, and all that waits when it closes', async () => {
    const { listener, admission, served, connect } = await listen({
      admission: new Admission(1, 2),
    });
    const sockets: net.Socket[] = [];
    for (let i = 0; i < 5; i++) sockets.push(await connect());
    await until(() => sockets.filter((socket) => socket.destroyed).length === 2, 'two refused');
    expect([served.length, listener.waiting]).toEqual([1, 2]);
    await listener.close();
    await listener.close();
    await until(() => sockets.filter((socket) => socket.destroyed).length === 4, 'four refused');
    await later();
    expect([sockets[0]!.destroyed, admission.held]).toEqual([false, 0]);
  });

  it('serves nobody before it is opened', async () => {
    const { listener, context, served, connect } = await listen({ open: false });
    await connect();
    await until(() => listener.waiting === 1, 'one waits');
    expect([served.length, context.counters.scur]).toEqual([0, 0]);
    listener.open();
    expect([served.length, listener.waiting]).toEqual([1, 0]);
  });

  it('passes over a connection that went while it waited', async () => {
    const { listener, served, connect } = await listen({ maxconn: 1 });
    await connect();
    const gone = await connect();
    const next = await connect();
    await until(() => listener.waiting === 2, 'two wait');
    gone.resetAndDestroy();
    await later();
    served[0]!.done();
    expect(served.map(({ connection }) => connection.client.port).at(-1)).toBe(next.localPort);
    expect(served).toHaveLength(2);
  });
});
