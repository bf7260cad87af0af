import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeProxyHeader } from '../../services/balancer/tcp/proxy-header.ts';
import { gaugesOf, holdingsOf, LITTLE_HEAP } from '../support/leaks.ts';
import { freePort, freePortRange } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { echo, Peer } from '../support/tcp-peers.ts';

const EXCHANGES = 10_000;
const AT_ONCE = 100;
const ENDS = { host: '192.0.2.7', port: 1234, localHost: '192.0.2.8', localPort: 80 };

const SERVERS: readonly ((socket: net.Socket) => void)[] = [
  echo,
  (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  (socket) => void socket.end('bye'),
  (socket) => void socket.resetAndDestroy(),
  (socket) => void socket.resume(),
  (socket) => void socket.once('data', () => socket.end('x'.repeat(100_000))),
];

const v1 = encodeProxyHeader('v1', ENDS);
const v2 = encodeProxyHeader('v2', ENDS);
/** To a bind that wants a PROXY header. */
const HEADERS: readonly Buffer[] = [
  Buffer.alloc(0),
  v1,
  v2,
  v1.subarray(0, 20),
  v2.subarray(0, 14),
  Buffer.from('GET / HTTP/1.0\r\n\r\n'),
  Buffer.from('PROXY TCP9 a b c d\r\n'),
  Buffer.concat([v2.subarray(0, 14), Buffer.from([0xff, 0xff]), Buffer.alloc(5000)]),
  Buffer.concat([v1, Buffer.alloc(30_000, 'x')]),
];

test('10,000 broken connections in mode tcp leave nothing behind', async () => {
  const peers = await Promise.all(SERVERS.map((serve) => new Peer('p', serve).start()));
  const dead = await freePort();
  const first = await freePortRange(6);
  const [plain, proxied, queued, refused, stats, health] = Array.from(
    { length: 6 },
    (_, i) => first + i,
  ) as [number, number, number, number, number, number];
  const servers = peers.map((peer, i) => `    server s${i} 127.0.0.1:${peer.port}`);
  const config = `
defaults
    mode tcp
    retries 0
    timeout connect 500ms
    timeout client 300ms
    timeout server 300ms
    timeout queue 100ms
listen plain
    bind 127.0.0.1:${plain}
${servers.join('\n')}
listen proxied
    bind 127.0.0.1:${proxied} accept-proxy
${servers.join('\n')}
listen queued
    bind 127.0.0.1:${queued}
    option redispatch
${servers.map((line) => `${line} maxconn 2`).join('\n')}
listen refused
    bind 127.0.0.1:${refused}
    server dead 127.0.0.1:${dead}
    server alive 127.0.0.1:${peers[0]!.port} backup
listen statistics
    mode http
    timeout client 5s
    bind 127.0.0.1:${stats}
    stats uri /
`;
  const env = { NODE_OPTIONS: LITTLE_HEAP, BRAMBLE_HEALTH: `127.0.0.1:${health}` };
  await using proxy = await startEither('bramble', { config, ports: [stats], env });
  const url = `http://127.0.0.1:${stats}/;csv`;
  await gaugesOf(url, []);

  const ports = [plain, proxied, queued, refused];
  const one = async (index: number): Promise<void> => {
    const port = ports[index % ports.length]!;
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {}).on('data', () => {});
    if (port === proxied) socket.write(HEADERS[Math.floor(index / 4) % HEADERS.length]!);
    if (index % 5 > 0) socket.write('x'.repeat(index % 5 === 4 ? 60_000 : 10));
    await sleep(index % 11 === 0 ? 60 : index % 5);
    if (index % 3 === 0) socket.resetAndDestroy();
    else if (index % 3 === 1) socket.destroy();
    else {
      socket.end();
      await sleep(5);
      socket.destroy();
    }
  };
  const run = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, offset) => one(at + offset)));
    }
  };
  await run(1000);
  await sleep(600);
  const before = await holdingsOf(proxy.pid, health);
  await run(EXCHANGES);

  let gauges: Record<string, number> = {};
  const idle = async (): Promise<boolean> => {
    gauges = await gaugesOf(url, ['scur', 'qcur']);
    for (const name of Object.keys(gauges)) if (name.startsWith('statistics/')) delete gauges[name];
    return Object.values(gauges).every((value) => value === 0);
  };
  for (let tries = 0; tries < 50 && !(await idle()); tries++) await sleep(100);
  const after = await holdingsOf(proxy.pid, health);
  console.log(`after ${EXCHANGES} broken connections: ${JSON.stringify({ before, after })}`);
  expect(gauges).toEqual(Object.fromEntries(Object.keys(gauges).map((name) => [name, 0])));
  expect(Object.keys(gauges).length).toBeGreaterThan(30);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 5);
  expect(after.heap).toBeLessThan(before.heap + 15e6);
  await Promise.all(peers.map((peer) => peer.stop()));
});
