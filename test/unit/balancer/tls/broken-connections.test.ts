import net from 'node:net';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import { Balancer } from '../../../../services/balancer/balancer.ts';
import { Authority } from '../../../support/authority.ts';
import { freePorts } from '../../../support/ports.ts';
import { Peer, until } from '../../../support/tcp-peers.ts';
import { read } from '../config/read.ts';

const ROUNDS = 4;
const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
const GARBAGE = Buffer.from('16030100050100000100', 'hex');

/** Opens, does something, and resolves when the connection is over. */
function plain(port: number, act: (socket: net.Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => act(socket));
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
  });
}

function secured(port: number, act: (socket: tls.TLSSocket) => void): Promise<void> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    const socket = tls.connect(options, () => act(socket));
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
  });
}

/** What clients do that do not finish what they began. */
const CLIENTS: readonly ((port: number) => Promise<void>)[] = [
  (port) => plain(port, (socket) => void socket.resetAndDestroy()),
  (port) => plain(port, (socket) => void socket.end()),
  (port) => plain(port, (socket) => void socket.end(GET)),
  (port) => plain(port, (socket) => void socket.write(GARBAGE)),
  (port) => plain(port, (socket) => void socket.end(GARBAGE)),
  (port) => secured(port, (socket) => void socket.destroy()),
  (port) => secured(port, (socket) => void socket.end()),
  (port) => secured(port, (socket) => void socket.end(GET)),
  (port) =>
    secured(port, (socket) => {
      socket.write(GET);
      socket.once('data', () => socket.destroy());
    }),
  (port) =>
    secured(port, (socket) => {
      socket.write(GET, () => (socket as unknown as { _parent: net.Socket })._parent?.destroy());
      setTimeout(() => socket.destroy(), 50);
    }),
];

test('TLS connections that break at any stage leave nothing behind', {
  timeout: 90_000,
}, async () => {
  const authority = new Authority();
  const { file } = authority.issue('site.pem', ['site.test']);
  const server = await new Peer('server', (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    socket.on('end', () => socket.end());
  }).start();
  const ports = (await freePorts(4)) as [number, number, number, number];
  const [http, tcp, kept, refusing] = ports;
  const { config } = await read(`defaults
    timeout connect 5s
    timeout client 300ms
    timeout server 300ms
listen http
    mode http
    bind 127.0.0.1:${http} ssl crt ${file}
    server a 127.0.0.1:${server.port}
listen tcp
    mode tcp
    bind 127.0.0.1:${tcp} ssl crt ${file} alpn http/1.1
    server a 127.0.0.1:${server.port}
listen kept
    mode http
    bind 127.0.0.1:${kept} ssl crt ${file} no-tls-tickets
    server a 127.0.0.1:${server.port}
listen refusing
    mode http
    bind 127.0.0.1:${refusing} ssl crt ${file}
    tcp-request session reject
    server a 127.0.0.1:${server.port}
`);
  const balancer = new Balancer(config, {
    log: createLog({ service: 'balancer', level: 'silent' }),
    health: undefined,
  });
  await balancer.start();
  try {
    let made = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const all = ports.flatMap((port) => CLIENTS.map((client) => client(port)));
      made += all.length;
      await Promise.all(all);
    }
    const present = () => balancer.frontends.reduce((sum, one) => sum + one.counters.present, 0);
    await until(() => present() === 0, 'all connections to end');
    const counted = balancer.frontends.reduce((sum, one) => sum + one.counters.connTot, 0);
    console.log(`broken TLS connections: ${made} made, ${counted} counted, ${present()} left`);
    expect(counted).toBeGreaterThan(made / 2);
  } finally {
    await balancer.close();
    await server.stop();
    authority.remove();
  }
});
