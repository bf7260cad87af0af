import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Balancer } from '../../services/balancer/balancer.ts';
import { loadLine } from '../../services/balancer/cli.ts';
import { parseArguments } from '../../services/balancer/command/arguments.ts';
import { Crew } from '../../services/balancer/workers/crew.ts';
import { freePort } from '../support/ports.ts';

const PROGRAM = new URL('../../services/balancer/main.ts', import.meta.url);
const WORKERS = 3;
const PLACES = 6;
const CLIENTS = 60;

/** A server that says hello and echoes. */
async function startEcho(): Promise<{ port: number; close(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    socket.write('hello ');
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as net.AddressInfo).port, close };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1200; turn++) {
    if (holds()) return;
    await sleep(25);
  }
  throw new Error(`never: ${what}`);
}

class Client {
  readonly socket: net.Socket;
  text = '';
  closed = false;

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.text += text;
    });
    this.socket
      .on('error', () => undefined)
      .once('close', () => {
        this.closed = true;
      });
  }

  get served(): boolean {
    return this.text.startsWith('hello ');
  }
}

it('replaces a worker that dies, and hands its places to who waits', {
  timeout: 120_000,
}, async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-loss-'));
  const echo = await startEcho();
  const port = await freePort();
  const file = path.join(directory, 'proxy.cfg');
  await writeFile(
    file,
    `
global
    nbthread ${WORKERS}
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout queue 60s
listen free
    bind 127.0.0.1:${port}
    stick-table type ip size 10 store conn_cur
    tcp-request connection track-sc0 src
    server s 127.0.0.1:${echo.port} maxconn ${PLACES}
`,
  );
  const parsed = parseArguments(['-db', '-f', file]);
  if (parsed.kind !== 'run') throw new Error('arguments');
  const { config } = await loadLine(parsed.line);
  const log = pino({ level: 'silent' });
  const crew = new Crew({ program: PROGRAM, line: parsed.line, workers: WORKERS, log });
  const balancer = new Balancer(config, {
    log,
    notice: () => undefined,
    sharing: crew.sharing,
    drainLimit: 0,
    beforeServing: (one) => crew.start(one),
  });
  const clients: Client[] = [];
  try {
    await balancer.start();
    for (let index = 0; index < CLIENTS; index++) clients.push(new Client(port));
    const [frontend] = balancer.frontends;
    const [backend] = balancer.backends;
    const [server] = backend!.servers;
    const table = balancer.tables.get('free')!;
    const tracked = (): number | undefined => {
      const [entry] = [...table.entries()];
      return entry && table.read(entry, 'conn_cur');
    };
    await until('all are there', () => frontend!.counters.present === CLIENTS);
    await until('places are taken', () => server!.cur === PLACES);
    expect(clients.filter((client) => client.served)).toHaveLength(PLACES);
    expect(tracked()).toBe(CLIENTS);

    await crew.kill(1);
    await until('its connections are gone', () => clients.some((client) => client.closed));
    // They end one after the other.
    const gone = (): number => clients.filter((client) => client.closed).length;
    await until('nobody counts them', () => frontend!.counters.present === CLIENTS - gone());
    const lost = gone();
    await until('its places are taken again', () => server!.cur === PLACES);
    const living = clients.filter((client) => !client.closed);
    await until('as many are served', () => living.filter((one) => one.served).length === PLACES);
    expect(tracked()).toBe(CLIENTS - lost);
    console.log(`${lost} of ${CLIENTS} connections were the dead worker's`);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(CLIENTS);

    const survivor = living.find((client) => client.served)!;
    survivor.socket.write('still here');
    await until('it answers', () => survivor.text.includes('still here'));

    // Whoever leaves makes room for the next, in whichever worker that one waits.
    for (let rest = living.length; rest > 0; rest = living.filter((one) => !one.closed).length) {
      const next = living.find((client) => client.served && !client.closed);
      if (!next) break;
      next.socket.destroy();
      next.closed = true;
      const present = living.filter((one) => !one.closed);
      const wanted = Math.min(PLACES, present.length);
      await until(
        'the next is served',
        () => present.filter((one) => one.served).length === wanted,
      );
      expect(server!.cur).toBeLessThanOrEqual(PLACES);
    }
    expect(living.every((client) => client.served)).toBe(true);
    await until('all places are free', () => server!.cur === 0);
    expect([server!.counters.totals().smax, frontend!.counters.present]).toEqual([PLACES, 0]);

    await until('three serve again', () => crew.serving === WORKERS);
    const later = Array.from({ length: 30 }, () => new Client(port));
    clients.push(...later);
    await until('the new one serves, too', () => frontend!.counters.present === 30);
    const own = frontend!.counters.scur;
    console.log(`${own} of 30 new connections were the first worker's`);
    expect(own).toBeLessThan(30);
  } finally {
    for (const { socket } of clients) socket.destroy();
    await Promise.all([balancer.close(), crew.close(0)]);
    echo.close();
    await rm(directory, { recursive: true, force: true });
  }
});
