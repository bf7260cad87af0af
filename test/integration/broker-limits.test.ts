import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually, pause } from '../support/broker.ts';
import { Peer } from '../support/broker-peer.ts';
import { type GuardedBroker, proxyHeader, startGuarded } from '../support/guarded-broker.ts';

let server: GuardedBroker;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.stop();
});

/** A socket through the "balancer", as from this address. */
function from(address: string): Socket {
  const socket = net.connect(server.broker.ports.mqtt, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(proxyHeader(address));
  sockets.push(socket);
  return socket;
}

function connectPacket(clientId: string, version: 4 | 5 = 5, extra = {}): Buffer {
  const base = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clean: true };
  return generate({ ...base, clientId, keepalive: 0, ...extra } as Packet, {
    protocolVersion: version,
  });
}

/** Reason or return code of CONNACK; `closed` when none comes. */
async function connectFrom(
  address: string,
  clientId: string,
  version: 4 | 5 = 5,
  extra = {},
): Promise<{ code: number | 'closed'; socket: Socket }> {
  const socket = from(address);
  const parse = parser({ protocolVersion: version });
  const code = new Promise<number | 'closed'>((resolve) => {
    parse.on('packet', (packet: Packet) => {
      if (packet.cmd !== 'connack') return;
      resolve((version === 5 ? packet.reasonCode : packet.returnCode) ?? 0);
    });
    socket.on('close', () => resolve('closed'));
  });
  socket.on('data', (chunk) => parse.parse(chunk));
  socket.write(connectPacket(clientId, version, extra));
  return { code: await code, socket };
}

/** Round-trip times of a client that pings while `work` goes on, sorted, milliseconds. */
async function pingsDuring(peer: Peer, work: Promise<unknown>): Promise<number[]> {
  let going = true;
  const times: number[] = [];
  const done = work.finally(() => {
    going = false;
  });
  while (going) {
    const started = performance.now();
    await peer.expectNothing();
    times.push(performance.now() - started);
    await pause(2);
  }
  await done;
  return times.sort((a, b) => a - b);
}

function percentile(times: readonly number[], share: number): string {
  return `${(times[Math.floor(times.length * share)] ?? 0).toFixed(1)} ms`;
}

describe('half-open connections', () => {
  test('2,000 of one address and 2,000 of many: others come in all the time', async () => {
    server = await startGuarded(
      '{ anonymous: true, limits: { halfOpen: 512, halfOpenPerAddress: 32, connections: 1500 } }',
      {
        proxyProtocol: true,
      },
    );
    for (let i = 0; i < 2_000; i++) from('192.0.2.66');
    const gate = server.broker.gate;
    await eventually('the rest is gone', () => gate.refused.halfOpen === 2_000 - 32);
    expect(gate.halfOpen.size).toBe(32);
    for (let i = 0; i < 2_000; i++) from(`198.51.${i >> 8}.${i & 255}`);
    // 32 + 2,000 are more than the 1,500 that a crowd may be; after its second, more than 512.
    await eventually('the oldest make room', () => gate.halfOpen.evicted >= 532);
    expect(gate.halfOpen.size).toBeLessThanOrEqual(1_500);
    const codes = [];
    for (let i = 0; i < 50; i++) codes.push((await connectFrom(`203.0.113.${i}`, `c${i}`)).code);
    expect(codes).toEqual(new Array(50).fill(0));
    await eventually('the crowd has had its second', () => gate.halfOpen.size <= 512);
    console.log(
      `4,000 half-open: ${gate.halfOpen.size} kept, ${gate.halfOpen.evicted} oldest gone, ${gate.refused.halfOpen} refused by address`,
    );
  });

  test('2,500 clients that connect at once get in, all of them, with the limits as they are', async () => {
    server = await startGuarded('{ anonymous: true }', { proxyProtocol: true });
    const started = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 2_500 }, (_, i) => connectFrom(`10.0.${i >> 8}.${i & 255}`, `c${i}`)),
    );
    console.log(`2,500 connects at once: ${(performance.now() - started).toFixed(0)} ms`);
    expect(answers.filter(({ code }) => code !== 0)).toEqual([]);
    expect(server.broker.gate.halfOpen.evicted).toBe(0);
  });

  test('a flood of garbage leaves a bounded trail', async () => {
    server = await startGuarded('{ anonymous: true }');
    const peers = await Promise.all(Array.from({ length: 300 }, () => server.peer()));
    for (const peer of peers) peer.raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await Promise.all(peers.map((peer) => peer.expectClose()));
    const loud = server.lines.filter(({ level }) => Number(level) >= 30);
    console.log(`300 × garbage: ${loud.length} lines`);
    expect(server.broker.audit.refused.connect).toBe(300);
    expect(loud.length).toBeLessThanOrEqual(30);
  });

  test('a CONNECT that comes byte by byte is in time or out, and its neighbour does not notice', async () => {
    server = await startGuarded('{ anonymous: true, limits: { connect: 1 s } }');
    const slow = await Peer.open(server.broker.ports.mqtt);
    const patient = await Peer.open(server.broker.ports.mqtt);
    const neighbour = await server.peer();
    await neighbour.connect();
    const bytes = connectPacket('drip', 4);
    const drip = async (peer: Peer, gap: number): Promise<void> => {
      for (const byte of bytes) {
        if (peer.closed) return;
        peer.socket.write(Buffer.from([byte]));
        await pause(gap);
      }
    };
    const times = await pingsDuring(neighbour, Promise.all([drip(slow, 200), drip(patient, 10)]));
    await slow.expectClose();
    expect((await patient.expect('connack')).returnCode).toBe(0);
    console.log(`neighbour of a dripping CONNECT: p99 ${percentile(times, 0.99)}`);
    slow.socket.destroy();
    patient.socket.destroy();
  });
});

describe('connect rate', () => {
  test('a flood of one address is refused with 0x9F (3.1.1: 3) while others connect and work', async () => {
    server = await startGuarded('{ anonymous: true, limits: { connectRatePerAddress: 5 } }', {
      proxyProtocol: true,
    });
    const work = await connectFrom('203.0.113.1', 'worker', 4);
    const pongs: number[] = [];
    let sent = 0;
    work.socket.on('data', () => pongs.push(performance.now() - sent));
    const codes = new Map<number | string, number>();
    const flood = (async () => {
      for (let round = 0; round < 20; round++) {
        const batch = Array.from({ length: 50 }, (_, i) =>
          connectFrom('192.0.2.66', `f${round}-${i}`, i % 2 === 0 ? 5 : 4),
        );
        for (const { code, socket } of await Promise.all(batch)) {
          codes.set(code, (codes.get(code) ?? 0) + 1);
          socket.destroy();
        }
        sent = performance.now();
        work.socket.write(Buffer.from([0xc0, 0]));
        await once(work.socket, 'data');
        expect((await connectFrom(`203.0.113.${10 + round}`, `other${round}`)).code).toBe(0);
      }
    })();
    await flood;
    console.log(
      `1,000 connects of one address: ${[...codes].map(([code, n]) => `${code}: ${n}`).join(', ')}; worst ping of another ${Math.max(...pongs).toFixed(1)} ms`,
    );
    expect(codes.get(0x9f)).toBeGreaterThan(300);
    expect(codes.get(3)).toBeGreaterThan(300);
    // Fifty at once, and five a second after that.
    expect(codes.get(0)!).toBeGreaterThanOrEqual(50);
    expect(codes.get(0)!).toBeLessThan(200);
    expect(server.audit('connect').length).toBeLessThan(100);
    expect(server.audit('connect')[0]).toMatchObject({ address: '192.0.2.66' });
  });

  test('connections of one address: the next is told that its quota is used up', async () => {
    server = await startGuarded('{ anonymous: true, limits: { connectionsPerAddress: 3 } }', {
      proxyProtocol: true,
    });
    const held = [];
    for (let i = 0; i < 5; i++) held.push(await connectFrom('192.0.2.1', `c${i}`));
    expect(held.map(({ code }) => code)).toEqual([0, 0, 0, 0x97, 0x97]);
    held[0]!.socket.destroy();
    await eventually('there is room again', async () => {
      const { code, socket } = await connectFrom('192.0.2.1', 'again');
      socket.destroy();
      return code === 0;
    });
  });
});

describe('bans', () => {
  test('a flapping client id is banned with 0x8A, others of its address are not; lifted, it is back', async () => {
    server = await startGuarded('{ anonymous: true, limits: { bans: { flaps: 5 } } }', {
      proxyProtocol: true,
    });
    const codes = [];
    for (let i = 0; i < 8; i++) {
      const { code, socket } = await connectFrom('192.0.2.1', 'flappy');
      codes.push(code);
      socket.resetAndDestroy();
      const { sessions } = server.broker;
      await eventually('it is noticed', () => sessions.connections.size === 0);
    }
    expect(codes).toEqual([0, 0, 0, 0, 0, 0, 0x8a, 0x8a]);
    expect((await connectFrom('192.0.2.1', 'flappy', 4)).code).toBe(5);
    expect((await connectFrom('192.0.2.1', 'steady')).code).toBe(0);
    expect([...server.broker.gate.bans.all()]).toMatchObject([
      { kind: 'client', value: 'flappy', by: 'flapping' },
    ]);
    server.broker.gate.bans.lift('client', 'flappy');
    expect((await connectFrom('192.0.2.1', 'flappy')).code).toBe(0);
  });

  test('who ends with DISCONNECT may come as often as it likes', async () => {
    server = await startGuarded('{ anonymous: true, limits: { bans: { flaps: 3 } } }', {
      proxyProtocol: true,
    });
    for (let i = 0; i < 12; i++) {
      const { code, socket } = await connectFrom('192.0.2.1', 'cron');
      expect(code).toBe(0);
      socket.write(Buffer.from([0xe0, 0]));
      await once(socket, 'close');
    }
  });

  test('an address that guesses passwords is banned, also with the right one; another is not', async () => {
    server = await startGuarded(
      '{ users: [ { name: ada, password: lovelace } ], limits: { bans: { failures: 4 } } }',
      { proxyProtocol: true },
    );
    const login = async (address: string, password: string) =>
      (await connectFrom(address, 'x', 5, { username: 'ada', password: Buffer.from(password) }))
        .code;
    const codes = [];
    for (let i = 0; i < 7; i++) codes.push(await login('192.0.2.66', `guess${i}`));
    expect(codes).toEqual([0x86, 0x86, 0x86, 0x86, 0x86, 0x8a, 0x8a]);
    expect(await login('192.0.2.66', 'lovelace')).toBe(0x8a);
    expect(await login('192.0.2.67', 'lovelace')).toBe(0);
  });
});

describe('publish rate', () => {
  test('a flood is read slower, loses nothing, is not disconnected, and nobody else waits', async () => {
    server = await startGuarded('{ anonymous: true, limits: { publishRate: 500 } }');
    const flooder = await server.peer();
    await flooder.connect({ version: 4, keepalive: 1 });
    const listener = await server.peer();
    await listener.connect({ clientId: 'listener' });
    await listener.subscribe('flood');
    const calm = await server.peer();
    await calm.connect();
    const message = generate({
      cmd: 'publish',
      topic: 'flood',
      payload: Buffer.alloc(64),
      qos: 0,
      dup: false,
      retain: false,
    } as Packet);
    const count = 2_500;
    const started = performance.now();
    flooder.socket.write(Buffer.concat(new Array<Buffer>(count).fill(message)));
    const arrived = (): number => listener.received.filter(({ cmd }) => cmd === 'publish').length;
    const times = await pingsDuring(
      calm,
      eventually('all of it arrives', () => arrived() === count, 30_000),
    );
    const took = performance.now() - started;
    console.log(
      `${count} publishes at a limit of 500/s: ${took.toFixed(0)} ms, ${server.broker.pacer.pauses} pauses; another client's ping p50 ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}`,
    );
    // The first 500 at once, then 500 a second.
    expect(took).toBeGreaterThan(3_500);
    await flooder.expectNothing();
    expect(flooder.closed).toBe(false);
  });

  test('bytes are limited as well, and a reload takes the limit away', async () => {
    server = await startGuarded('{ anonymous: true, limits: { publishBytes: 64 KiB } }');
    const peer = await server.peer();
    await peer.connect({ version: 5 });
    const started = performance.now();
    for (let i = 0; i < 3; i++) await peer.publish('a', Buffer.alloc(60_000), { qos: 1 });
    expect(performance.now() - started).toBeGreaterThan(800);
    await server.reload('{ anonymous: true }');
    const { pauses } = server.broker.pacer;
    for (let i = 0; i < 20; i++) await peer.publish('a', Buffer.alloc(60_000), { qos: 1 });
    expect(server.broker.pacer.pauses).toBe(pauses);
  });
});

test('a SUBSCRIBE beyond the quota is refused as a whole; known filters and smaller ones are not', async () => {
  server = await startGuarded('{ anonymous: true, limits: { subscriptions: 3 } }');
  const peer = await server.peer();
  await peer.connect({ version: 5 });
  const subscribe = async (...topics: string[]) => {
    const subscriptions = topics.map((topic) => ({ topic, qos: 1, nl: false, rap: false, rh: 0 }));
    peer.send({ cmd: 'subscribe', messageId: 9, subscriptions });
    return (await peer.expect('suback')).granted;
  };
  expect(await subscribe('a', 'b')).toEqual([1, 1]);
  expect(await subscribe('c', 'd')).toEqual([0x97, 0x97]);
  expect(await subscribe('a', 'b', 'c', 'c')).toEqual([1, 1, 1, 1]);
  expect(await subscribe('d')).toEqual([0x97]);
  expect(server.audit('subscribe')[0]).toMatchObject({ reason: 0x97, address: '127.0.0.1' });
  const old = await server.peer();
  await old.connect({ version: 4 });
  for (const topic of ['a', 'b', 'c']) await old.subscribe(topic);
  expect((await old.subscribe('d')).granted).toEqual([0x80]);
});

test('topics that are too long and retained payloads that are too large have their reason codes', async () => {
  server = await startGuarded(
    '{ anonymous: true, limits: { topicLength: 20, retainedPayload: 100 } }',
  );
  const peer = await server.peer();
  await peer.connect({ version: 5 });
  const code = async (topic: string, size: number, retain: boolean) =>
    (await peer.publish(topic, Buffer.alloc(size), { qos: 1, retain }))?.reasonCode ?? 0;
  expect(await code('a'.repeat(20), 5, false)).toBe(0);
  expect(await code('a', 100, true)).toBe(0);
  expect(await code('a', 101, true)).toBe(0x97);
  expect(await code('a', 101, false)).toBe(0);
  peer.send({
    cmd: 'publish',
    topic: 'a'.repeat(21),
    payload: '',
    qos: 0,
    dup: false,
    retain: false,
  });
  expect(await peer.expect('disconnect')).toMatchObject({ reasonCode: 0x90 });
});
