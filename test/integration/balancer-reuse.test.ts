import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { until } from '../support/tcp-peers.ts';
import { together } from '../support/webs.ts';

/** Says on which of its connections, and as which request of it, it was asked; and how. */
class Counter {
  readonly sockets = new Set<net.Socket>();
  connections = 0;
  readonly server = net.createServer((socket) => this.#serve(socket));

  async start(): Promise<number> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return (this.server.address() as net.AddressInfo).port;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  #serve(socket: net.Socket): void {
    this.connections += 1;
    const own = this.connections;
    let requests = 0;
    let pending = '';
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    socket.on('data', (data) => {
      pending += data.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end);
        pending = pending.slice(end + 4);
        requests += 1;
        const field = /^connection: .*$/im.exec(head)?.[0] ?? '';
        const body = `${own}.${requests}${field === '' ? '' : ` ${field}`}`;
        if (!head.includes('/slow')) {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        }
      }
    });
  }
}

/** A client that keeps its connection. */
class Client {
  readonly #socket: net.Socket;
  #text = '';
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#socket = net.connect(port, '127.0.0.1');
    this.#socket.on('error', () => {});
    this.#socket.on('data', (data) => {
      this.#text += data.toString('latin1');
      this.#wake();
    });
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  async ask(path = '/'): Promise<string> {
    this.#text = '';
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1]);
      if (end >= 0 && this.#text.length >= end + 4 + length) return this.#text.slice(end + 4);
      if (this.#closed) return 'closed';
      await new Promise<void>((done) => {
        this.#wake = done;
      });
    }
  }

  /** Asks and closes its side at once; what comes. */
  async askAndEnd(path: string): Promise<string> {
    this.#socket.end(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise<void>((done) => this.#socket.once('close', () => done()));
    return this.#text.slice(0, 12);
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function withOrigin<T>(
  which: Which,
  { backend = '', server = '' }: { backend?: string; server?: string },
  use: (port: number, origin: Counter, log: readonly string[]) => Promise<T>,
): Promise<T> {
  const origin = new Counter();
  const to = await origin.start();
  const port = await freePortRange(2);
  const config = `
global
    log stdout format raw local0
    nbthread 1
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    timeout queue 5s
listen l
    bind 127.0.0.1:${port}
    ${backend}
    server s 127.0.0.1:${to} ${server}
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${port + 1}
`;
  try {
    await using proxy = await startEither(which, { config, ports: [port + 1] });
    return await use(port, origin, proxy.out);
  } finally {
    origin.stop();
  }
}

const MODES: readonly { name: string; backend?: string; server?: string }[] = [
  { name: 'by default' },
  { name: 'never', backend: 'http-reuse never' },
  { name: 'safe', backend: 'http-reuse safe' },
  { name: 'aggressive', backend: 'http-reuse aggressive' },
  { name: 'always', backend: 'http-reuse always' },
  { name: 'always, none kept', backend: 'http-reuse always', server: 'pool-max-conn 0' },
  { name: 'always, one kept', backend: 'http-reuse always', server: 'pool-max-conn 1' },
  { name: 'always, no purge', backend: 'http-reuse always', server: 'pool-purge-delay 0' },
  { name: 'always, with more', backend: 'http-reuse always', server: 'pool-low-conn 5' },
  { name: 'server-close', backend: 'option http-server-close' },
  {
    name: 'pretended',
    backend: 'option http-server-close\noption http-pretend-keepalive',
  },
  { name: 'httpclose', backend: 'option httpclose' },
  { name: 'keep-alive again', backend: 'option httpclose\nno option httpclose' },
];

describe('reuse of connections to servers, side by side with HAProxy', () => {
  test.each(MODES.map((mode) => [mode.name, mode] as const))('%s', async (_name, mode) => {
    const { haproxy, bramble } = await together((which) =>
      withOrigin(which, mode, async (port) => {
        const seen: string[] = [];
        const [a, b] = [new Client(port), new Client(port)];
        for (const client of [a, b, a, b, b, a]) seen.push(await client.ask());
        a.close();
        const c = new Client(port);
        for (const client of [c, c, b, c]) seen.push(await client.ask());
        b.close();
        c.close();
        for (let i = 0; i < 3; i++) {
          const one = new Client(port);
          seen.push(await one.ask());
          one.close();
        }
        return seen;
      }),
    );
    console.log(`${mode.name}: ${(bramble as string[]).join(' ')}`);
    expect(bramble).toEqual(haproxy);
  });

  // HAProxy 2.6 keeps the first client's connection alone and opens one for each other request.
  test('behind a PROXY header each client has connections of its own', async () => {
    const mode = { backend: 'http-reuse always', server: 'send-proxy' };
    const seen = await withOrigin('bramble', mode, async (port) => {
      const [a, b] = [new Client(port), new Client(port)];
      const answers: string[] = [];
      for (const client of [a, b, a, b, b, a]) answers.push(await client.ask());
      a.close();
      const c = new Client(port);
      for (const client of [c, b, c]) answers.push(await client.ask());
      for (const client of [b, c]) client.close();
      return answers;
    });
    expect(seen.join(' ')).toBe('1.1 2.1 1.2 2.2 2.3 1.3 3.1 2.4 3.2');
  });

  test('abortonclose gives up who has closed', async () => {
    for (const backend of ['', 'option abortonclose']) {
      const { haproxy, bramble } = await together((which) =>
        withOrigin(which, { backend, server: 'maxconn 1' }, async (port, _origin, log) => {
          const first = new Client(port);
          const held = first.ask('/slow');
          await new Promise((done) => setTimeout(done, 100));
          const waiting = new Client(port).askAndEnd('/');
          await new Promise((done) => setTimeout(done, 200));
          first.close();
          const text = await waiting;
          await held;
          await until(() => log.length >= 2, 'both lines');
          return [text, ...log.map((line) => / (\S\S)-- /.exec(line)?.[1] ?? line).toSorted()];
        }),
      );
      expect.soft({ backend, seen: bramble }).toEqual({ backend, seen: haproxy });
    }
  });

  test('http-ignore-probes answers nobody who said nothing', async () => {
    for (const backend of ['', 'option http-ignore-probes']) {
      const { haproxy, bramble } = await together((which) =>
        withOrigin(which, { backend: `${backend}\ntimeout http-request 200ms` }, async (port) => {
          const texts: string[] = [];
          for (const end of [true, false]) {
            const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
            let text = '';
            socket.on('data', (data) => {
              text += data.toString('latin1');
            });
            if (end) socket.end();
            await new Promise<void>((done) => socket.once('end', () => done()));
            socket.destroy();
            texts.push(text.slice(0, 12));
          }
          return texts;
        }),
      );
      expect.soft({ backend, seen: bramble }).toEqual({ backend, seen: haproxy });
    }
  });
});
