import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { devPortSpan, devPorts } from '#core/contracts/ports.ts';
import { brokerStatusSchema, supervisorStatusSchema } from '#core/contracts/status.ts';
import { bramble, type Dev, isOf, startDev, tempDir, until } from '../support/dev.ts';
import { freePortRange } from '../support/ports.ts';

const dirs: string[] = [];
afterAll(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));

async function dataDir(): Promise<string> {
  const dir = await tempDir();
  dirs.push(dir);
  return dir;
}

async function status(port: number): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${port}/status`)).json();
}

const supervisor = async (dev: Dev) =>
  supervisorStatusSchema.parse(await status(dev.ports.supervisorHealth));

/** Clients connected, by broker. */
const spread = (dev: Dev) =>
  Promise.all(
    dev.ports.nodes.map(
      async ({ health }) => brokerStatusSchema.parse(await status(health)).clients,
    ),
  );

async function connect(dev: Dev, clientId: string): Promise<MqttClient> {
  const url = `mqtt://127.0.0.1:${dev.ports.mqtt}`;
  return mqtt.connectAsync(url, { clientId, reconnectPeriod: 200, connectTimeout: 5000 });
}

/** Publishes until `subscriber` has it: a route to a node that has just returned may be younger. */
async function delivers(publisher: MqttClient, subscriber: MqttClient, text: string) {
  let seen = false;
  const listen = (_topic: string, payload: Buffer) => {
    if (payload.toString() === text) seen = true;
  };
  subscriber.on('message', listen);
  await until(async () => {
    await publisher.publishAsync('hello', text, { qos: 1 });
    await sleep(100);
    return seen;
  }, `"${text}" at the subscriber`);
  subscriber.off('message', listen);
}

describe('two nodes', () => {
  let dev: Dev;
  const clients: MqttClient[] = [];

  beforeAll(async () => {
    dev = await startDev();
    await dev.ready();
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    await dev?.[Symbol.asyncDispose]();
  });

  test('says what it started and where it listens', async () => {
    const started = dev.events.filter(({ event }) => event === 'started').map(({ name }) => name);
    expect(started.sort()).toEqual(
      ['balancer', 'broker-1', 'broker-2', 'nats-1', 'nats-2', 'stats'].sort(),
    );
    const { ports, took } = await dev.ready();
    expect(ports).toEqual({
      mqtt: dev.base,
      connectors: dev.base + 1,
      websocket: dev.base + 2,
      page: dev.base + 3,
      stats: dev.base + 4,
    });
    expect(dev.out.every((line) => line.startsWith('{'))).toBe(true);
    for (const name of started) expect(isOf(dev.pidOf(name!), dev.data)).toBe(true);
    console.log(`ready after ${took} ms`);
  });

  test('two clients land on different brokers and hear each other', async () => {
    const subscriber = await connect(dev, 'subscriber');
    clients.push(subscriber);
    await subscriber.subscribeAsync('hello', { qos: 1 });
    const publisher = await connect(dev, 'publisher');
    clients.push(publisher);
    expect(await spread(dev)).toEqual([1, 1]);
    await delivers(publisher, subscriber, 'world');
  });

  test('the page, the statistics and every health port answer', async () => {
    const page = await fetch(`http://127.0.0.1:${dev.ports.page}/`);
    expect(page.status).toBe(200);
    const stats = `http://127.0.0.1:${dev.ports.stats}/haproxy?stats;csv`;
    const csv = await fetch(stats);
    expect(csv.status).toBe(200);
    expect(await csv.text()).toMatch(/^# pxname,svname,/);
    const { supervisorHealth, balancerHealth, statsHealth, nodes } = dev.ports;
    for (const port of [
      supervisorHealth,
      balancerHealth,
      statsHealth,
      ...nodes.map((n) => n.health),
    ]) {
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    }
  });

  test('a killed broker is told, its client goes on elsewhere, and it comes back', async () => {
    const [subscriber, publisher] = clients as [MqttClient, MqttClient];
    const from = dev.events.length;
    const pid = dev.pidOf('broker-1');
    const dropped = Promise.race(
      clients.map((client) => new Promise<void>((resolve) => client.once('close', resolve))),
    );
    process.kill(pid, 'SIGKILL');
    const exited = await dev.waitFor(({ event }) => event === 'exited', from);
    expect(exited).toMatchObject({ name: 'broker-1', pid, signal: 'SIGKILL', code: null });
    expect(exited.reason).toBe('killed by SIGKILL');
    await dropped;
    await until(() => clients.every((client) => client.connected), 'both clients connected');
    await delivers(publisher, subscriber, 'after the broker');

    await dev.waitFor((e) => e.event === 'process-ready' && e.name === 'broker-1', from);
    expect(dev.pidOf('broker-1')).not.toBe(pid);
    const { processes, events } = await supervisor(dev);
    const broker = processes.find(({ name }) => name === 'broker-1');
    expect(broker).toMatchObject({ state: 'ready', restarts: 1, node: 'pi1' });
    expect(broker?.lastExit?.reason).toBe('killed by SIGKILL');
    const told = events.filter(({ subject }) => subject === 'broker-1').map(({ text }) => text);
    expect(told).toContain('died: killed by SIGKILL');
    expect(told.at(-1)).toBe('ready again');
  });

  test.each(['nats-1', 'nats-2', 'balancer', 'stats'])('%s comes back', async (name) => {
    const [subscriber, publisher] = clients as [MqttClient, MqttClient];
    const from = dev.events.length;
    process.kill(dev.pidOf(name), 'SIGKILL');
    await dev.waitFor((e) => e.event === 'exited' && e.name === name, from);
    await dev.waitFor((e) => e.event === 'process-ready' && e.name === name, from);
    await until(() => clients.every((client) => client.connected), 'both clients connected');
    await delivers(publisher, subscriber, `after ${name}`);
    await until(async () => {
      return (await fetch(`http://127.0.0.1:${dev.ports.supervisorHealth}/readyz`)).ok;
    }, 'all ready');
  });

  test('a second one is refused the same ports, and starts nothing', async () => {
    await using second = await startDev({ base: dev.base });
    expect((await second.exited).code).toBe(75);
    const error = second.events.find(({ event }) => event === 'error');
    expect(error).toMatchObject({ event: 'error', code: 'BRAMBLE_PORT_IN_USE' });
    expect(error?.message).toContain(`port 127.0.0.1:${dev.base} (balancer, MQTT) is in use by`);
    expect(second.err.join('\n')).toContain('--base-port');
    expect(second.pids).toEqual([]);
  });

  test('a second one is refused the same data directory', async () => {
    await using second = await startDev({ data: dev.data });
    expect((await second.exited).code).toBe(75);
    expect(second.events[0]).toMatchObject({ event: 'error', code: 'BRAMBLE_ALREADY_RUNNING' });
    expect(second.events[0]?.message).toContain(`pid ${dev.child.pid}`);
    expect((await supervisor(dev)).pid).toBe(dev.child.pid);
  });

  test('Ctrl-C stops all of it in order and leaves nothing', async () => {
    const from = dev.events.length;
    expect(await dev.stop('SIGINT')).toBe(0);
    const order = dev.events.slice(from).filter(({ event }) => event === 'exited');
    const names = order.map(({ name }) => name!.replace(/-\d$/, ''));
    expect(new Set(names.slice(0, 3))).toEqual(new Set(['broker', 'balancer']));
    expect(names.slice(3)).toEqual(['stats', 'nats', 'nats']);
    expect(order.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(dev.events.at(-1)?.event).toBe('stopped');
    expect(dev.pids.filter((pid) => isOf(pid, dev.data))).toEqual([]);
  });
});

test('one node: retained messages are there after a restart', async () => {
  const data = await dataDir();
  {
    await using dev = await startDev({ nodes: 1, data });
    await dev.ready();
    const client = await connect(dev, 'one');
    await client.publishAsync('kept', 'still here', { qos: 1, retain: true });
    await client.endAsync();
    expect(await dev.stop('SIGTERM')).toBe(0);
  }
  await using dev = await startDev({ nodes: 1, data });
  await dev.ready();
  const client = await connect(dev, 'two');
  const message = new Promise<Buffer>((resolve) => {
    client.once('message', (_topic, payload) => resolve(payload));
  });
  await client.subscribeAsync('kept');
  expect(String(await message)).toBe('still here');
  await client.endAsync();
});

test('three nodes: what is published on one arrives on every other', async () => {
  await using dev = await startDev({ nodes: 3 });
  await dev.ready();
  const clients = [];
  for (const id of ['a', 'b', 'c']) clients.push(await connect(dev, id));
  expect(await spread(dev)).toEqual([1, 1, 1]);
  const [a, b, c] = clients as [MqttClient, MqttClient, MqttClient];
  await Promise.all([b, c].map((client) => client.subscribeAsync('hello')));
  await delivers(a, b, 'to b');
  await delivers(a, c, 'to c');
  await Promise.all(clients.map((client) => client.endAsync()));
});

test('a killed supervisor leaves nothing that the next start does not clear', async () => {
  const data = await dataDir();
  await using first = await startDev({ nodes: 2, data });
  await first.ready();
  first.child.kill('SIGKILL');
  await first.exited;
  const alive = () => first.pids.filter((pid) => isOf(pid, data));
  const natsPids = [first.pidOf('nats-1'), first.pidOf('nats-2')];
  await until(
    () => alive().every((pid) => natsPids.includes(pid)),
    'the end of the services',
    15_000,
  );
  await using second = await startDev({ nodes: 2, data, base: first.base });
  await second.ready();
  expect(alive()).toEqual([]);
});

test('on Ctrl-C the brokers take leave of their clients through the balancer', async () => {
  await using dev = await startDev({ nodes: 2 });
  await dev.ready();
  const url = `mqtt://127.0.0.1:${dev.ports.mqtt}`;
  const options = { protocolVersion: 5, reconnectPeriod: 0 } as const;
  const goodbyes = [0, 1].map(async () => {
    const client = await mqtt.connectAsync(url, options);
    return new Promise<number | undefined>((resolve) => {
      client.once('disconnect', ({ reasonCode }) => resolve(reasonCode));
      client.once('close', () => resolve(undefined));
    });
  });
  await until(async () => (await spread(dev)).every((count) => count === 1), 'a client on each');
  expect(await dev.stop('SIGINT')).toBe(0);
  // 0x8B: server shutting down (MQTT 5, section 3.14.2.1).
  expect(await Promise.all(goodbyes)).toEqual([0x8b, 0x8b]);
});

test('a second Ctrl-C does not wait for a process that hangs', async () => {
  await using dev = await startDev({ nodes: 1 });
  await dev.ready();
  process.kill(dev.pidOf('broker-1'), 'SIGSTOP');
  dev.child.kill('SIGINT');
  await dev.waitFor(({ event }) => event === 'stopping');
  expect(await dev.stop('SIGINT')).toBe(130);
  expect(dev.pids.filter((pid) => isOf(pid, dev.data))).toEqual([]);
});

test('Ctrl-C during the start stops what has been started', async () => {
  await using dev = await startDev({ nodes: 2 });
  await dev.waitFor(({ event }) => event === 'started');
  expect(await dev.stop('SIGINT')).toBe(0);
  expect(dev.events.some(({ event }) => event === 'ready')).toBe(false);
  expect(dev.pids.filter((pid) => isOf(pid, dev.data))).toEqual([]);
});

test('a process that cannot start ends it, with the reason', async () => {
  await using dev = await startDev({ nodes: 1, env: { BRAMBLE_LOG_LEVEL: 'no-such-level' } });
  expect((await dev.exited).code).toBe(1);
  const error = dev.events.find(({ event }) => event === 'error');
  expect(error?.message).toMatch(/^(broker-1|stats) does not start: .*no-such-level/);
  expect(dev.pids.filter((pid) => isOf(pid, dev.data))).toEqual([]);
});

test('an own cluster.yaml with an own piece of balancer configuration', async () => {
  const dir = await dataDir();
  const base = await freePortRange(devPortSpan(2) + 1);
  const own = base + devPortSpan(2);
  await writeFile(
    path.join(dir, 'cluster.yaml'),
    `cluster: { name: home, secret: long-enough-for-a-secret }
nodes:
  - { name: kitchen, address: 192.168.7.1 }
  - { name: attic, address: 192.168.7.2 }
  - { name: shed, address: 192.168.7.3, roles: [kafka] }
balancer: { extra: own.cfg }
`,
  );
  await writeFile(
    path.join(dir, 'own.cfg'),
    `listen own
    mode tcp
    bind 127.0.0.1:${own}
    timeout client 1m
    timeout server 1m
    timeout connect 1s
    server attic 127.0.0.1:${devPorts(2, base).nodes[1]!.mqtt} send-proxy-v2
`,
  );
  const args = ['--config', path.join(dir, 'cluster.yaml')];
  await using dev = await startDev({ nodes: undefined, base, args });
  await dev.ready();
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${own}`);
  expect(await spread(dev)).toEqual([0, 1]);
  await client.endAsync();
  const { processes } = await supervisor(dev);
  expect(processes.find(({ name }) => name === 'broker-2')?.node).toBe('attic');

  const wrong = await bramble(['dev', ...args, '--nodes', '2', '--data', dir]);
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('names 3') });
});

test('a reader that goes away ends it', async () => {
  await using dev = await startDev({ nodes: 1 });
  await dev.ready();
  dev.child.stdout!.destroy();
  process.kill(dev.pidOf('stats'), 'SIGKILL');
  const { code } = await dev.exited;
  expect(code).toBe(0);
  expect(dev.pids.filter((pid) => isOf(pid, dev.data))).toEqual([]);
});

test('with credentials: strangers are refused, and the printed lines work as they are', async () => {
  await using dev = await startDev({ nodes: 1, anonymous: false, json: false });
  const line = (verb: string) =>
    until(() => dev.out.find((text) => text.includes(`mqtt ${verb} `)), `the ${verb} line`);
  const [subscribe, publish] = [await line('sub'), await line('pub')];
  await until(() => dev.out.some((text) => text.startsWith('Ready in ')), 'ready');

  const stranger = mqtt.connectAsync(`mqtt://127.0.0.1:${dev.ports.mqtt}`, { reconnectPeriod: 0 });
  await expect(stranger).rejects.toThrow(/not authorized/i);
  const stats = await fetch(`http://127.0.0.1:${dev.ports.stats}/haproxy?stats`);
  expect(stats.status).toBe(401);

  const shell = (text: string) =>
    spawn('/bin/sh', ['-c', `exec ${text.trim()}`], { detached: true });
  const subscriber = shell(subscribe);
  try {
    let heard = '';
    subscriber.stdout.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    await until(async () => {
      await once(shell(publish), 'exit');
      return heard.includes('hello world');
    }, 'the message in the subscriber’s terminal');
  } finally {
    process.kill(-subscriber.pid!, 'SIGTERM');
  }
});

test('a port that another program holds is named, with its holder', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const data = await dataDir();
  const { code, err } = await bramble(['dev', '--base-port', String(port), '--data', data]);
  server.close();
  expect(code).toBe(75);
  expect(err).toContain(`port 127.0.0.1:${port} (balancer, MQTT) is in use by`);
  expect(err).toContain(`(pid ${process.pid})`);
  expect(err).toContain('--base-port');
});
