import tls from 'node:tls';
import { Authority } from '../support/authority.ts';
import { OK, Origin } from '../support/http-peers.ts';
import { freePorts } from '../support/ports.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer } from '../support/tcp-peers.ts';
import { processorTime } from './processor-time.ts';

/**
 * `node test/bench/tls.ts`: TLS at the balancer beside HAProxy with one thread, the same file and
 * certificate, in turns. Rates depend on what else the machine does; processor time for each
 * request hardly does.
 */
const CONNECTIONS = 16;
const SECONDS = Number(process.argv[2] ?? 4);
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const BLOCK = Buffer.alloc(65_536, 'x');

const authority = new Authority();
const { file } = authority.issue('bench.pem', ['bench.test']);
const origin = new Origin();
await origin.start();
origin.script = OK;
const echoes = await new Peer('echo', echo).start();

const open = (port: number, more: tls.ConnectionOptions = {}): tls.TLSSocket => {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...more });
  socket.on('error', () => undefined);
  return socket;
};

type Work = (ports: { http: number; tcp: number }, until: number) => Promise<number>;

const spread = async (one: () => Promise<number>): Promise<number> => {
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, one));
  return counts.reduce((sum, count) => sum + count, 0);
};

/** One request after the other on each connection. */
const keepAlive: Work = ({ http }, until) =>
  spread(
    () =>
      new Promise((resolve) => {
        let count = 0;
        const socket = open(http).on('secureConnect', () => socket.write(GET));
        socket.on('data', () => {
          count += 1;
          if (performance.now() < until) socket.write(GET);
          else socket.destroy();
        });
        socket.on('close', () => resolve(count));
      }),
  );

/** Connection, handshake, one request, end. */
const handshakes = (resume: boolean): Work => {
  let session: Buffer | undefined;
  return ({ http }, until) =>
    spread(async () => {
      let count = 0;
      while (performance.now() < until) {
        await new Promise<void>((resolve) => {
          const more = resume && session ? { session } : {};
          const socket = open(http, { maxVersion: 'TLSv1.2', ...more });
          socket.on('session', (ticket) => {
            session = ticket;
          });
          socket.on('secureConnect', () => socket.write(GET));
          socket.on('data', () => {
            count += 1;
            socket.destroy();
          });
          socket.on('close', () => resolve());
        });
      }
      return count;
    });
};

/** Megabytes that come back through `mode tcp`. */
const bulk: Work = async ({ tcp }, until) => {
  const bytes = await new Promise<number>((resolve) => {
    let count = 0;
    const socket = open(tcp).on('secureConnect', () => {
      const fill = (): void => {
        while (socket.writable && performance.now() < until && socket.write(BLOCK));
      };
      socket.on('drain', fill);
      fill();
    });
    socket.on('data', (data: Buffer) => {
      count += data.length;
      if (performance.now() >= until) socket.destroy();
    });
    socket.on('close', () => resolve(count));
  });
  return bytes / 1_000_000;
};

async function measure(which: Which, work: Work): Promise<{ rate: number; cost: number }> {
  const [http, tcp] = (await freePorts(2)) as [number, number];
  const config = `
global
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
listen h
    bind 127.0.0.1:${http} ssl crt ${file}
    server s 127.0.0.1:${origin.port}
listen t
    mode tcp
    bind 127.0.0.1:${tcp} ssl crt ${file}
    server s 127.0.0.1:${echoes.port}
`;
  await using proxy = await startEither(which, { config, ports: [http, tcp] });
  await work({ http, tcp }, performance.now() + 500);
  const before = processorTime(proxy.pid);
  const began = performance.now();
  const count = await work({ http, tcp }, began + SECONDS * 1000);
  const seconds = (performance.now() - began) / 1000;
  return { rate: count / seconds, cost: (processorTime(proxy.pid) - before) / count };
}

try {
  for (const [name, unit, work] of [
    ['keep-alive requests', '/s', keepAlive],
    ['full handshakes', '/s', handshakes(false)],
    ['resumed handshakes', '/s', handshakes(true)],
    ['mode tcp, echoed', ' MB/s', bulk],
  ] as const) {
    const figures = new Map<Which, { rate: number; cost: number }>();
    for (const which of BOTH) figures.set(which, await measure(which, work));
    const [reference, ours] = BOTH.map((which) => figures.get(which)!) as [
      { rate: number; cost: number },
      { rate: number; cost: number },
    ];
    const show = ({ rate, cost }: { rate: number; cost: number }): string =>
      `${rate.toFixed(0)}${unit} at ${cost.toFixed(0)} µs`;
    console.log(
      `${name}: HAProxy ${show(reference)}, Bramble ${show(ours)}; ` +
        `rate ×${(ours.rate / reference.rate).toFixed(2)}, processor ×${(ours.cost / reference.cost).toFixed(2)}`,
    );
  }
} finally {
  await Promise.all([origin.peer.stop(), echoes.stop()]);
  authority.remove();
}
