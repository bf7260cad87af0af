import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, startWebs, together, type Web, withListens } from '../support/webs.ts';

/** A SOCKS 4 proxy of a test (IPv4 CONNECT alone); `grants` says what it answers. */
class Socks {
  grants = true;
  /** The answer comes in two pieces. */
  halting = false;
  readonly asked: string[] = [];
  readonly #server = net.createServer({ allowHalfOpen: true }, (client) => this.#serve(client));
  port = 0;

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as net.AddressInfo).port;
    return this;
  }

  stop(): void {
    this.#server.close();
  }

  #serve(client: net.Socket): void {
    client.on('error', () => undefined);
    client.once('data', (request: Buffer) => {
      const end = request.indexOf(0, 8);
      const host = request.subarray(4, 8).join('.');
      const port = request.readUInt16BE(2);
      this.asked.push(
        `${request[0]} ${request[1]} ${host}:${port} ${request.toString('latin1', 8, end)}`,
      );
      const answer = Buffer.from([0, this.grants ? 90 : 91, 0, 0, 0, 0, 0, 0]);
      if (!this.grants) {
        client.end(answer);
        return;
      }
      const server = net.connect(port, host);
      server.on('error', () => client.destroy());
      client.on('close', () => server.destroy());
      server.on('close', () => client.destroy());
      if (this.halting) {
        client.write(answer.subarray(0, 3));
        setTimeout(() => client.write(answer.subarray(3)), 50);
      } else client.write(answer);
      server.write(request.subarray(end + 1));
      client.pipe(server).pipe(client);
    });
  }
}

let socks: Socks;
let web: Web;
let greeter: net.Server;
beforeAll(async () => {
  socks = await new Socks().start();
  [web] = (await startWebs('w')) as [Web];
  greeter = net.createServer((client) => client.end('hello from afar'));
  greeter.listen(0, '127.0.0.1');
  await once(greeter, 'listening');
});
afterAll(async () => {
  socks.stop();
  greeter.close();
  await web.stop();
});

const through = (more = ''): string =>
  ` retries 0\n server s 127.0.0.1:${web.port} socks4 127.0.0.1:${socks.port} ${more}`;

describe('servers behind a SOCKS 4 proxy, side by side with HAProxy', () => {
  test('requests reach them through it', async () => {
    for (const [grants, halting] of [
      [true, false],
      [true, true],
      [false, false],
    ] as const) {
      socks.grants = grants;
      socks.halting = halting;
      socks.asked.length = 0;
      const { haproxy, bramble } = await together((which) =>
        withListens(which, [through()], async ([at]) => {
          const { status, body } = await ask(at!);
          return `${status} ${status === 200 ? body : ''}`;
        }),
      );
      expect(haproxy).toBe(grants ? '200 w' : '503 ');
      expect(bramble).toBe(haproxy);
      expect(socks.asked).toHaveLength(2);
      expect(socks.asked[0]).toBe(`4 1 127.0.0.1:${web.port} HAProxy`);
      expect(socks.asked[1]).toBe(socks.asked[0]);
    }
  });

  test('in mode tcp, too, where the server speaks first', async () => {
    socks.grants = true;
    socks.halting = false;
    const { port } = greeter.address() as net.AddressInfo;
    const { haproxy, bramble } = await together((which) => {
      const body = ` mode tcp\n option tcplog\n server s 127.0.0.1:${port} socks4 127.0.0.1:${socks.port}`;
      return withListens(which, [body], async ([at]) => {
        let text = '';
        const client = net.connect(at!, '127.0.0.1');
        client.on('data', (data) => {
          text += data;
        });
        await once(client, 'close');
        return text;
      });
    });
    expect(haproxy).toBe('hello from afar');
    expect(bramble).toBe(haproxy);
  });

  test('checks go through it where they are told to', async () => {
    socks.halting = false;
    for (const grants of [true, false]) {
      socks.grants = grants;
      socks.asked.length = 0;
      const { haproxy, bramble } = await together((which) => {
        const body = ` option httpchk\n${through('check check-via-socks4 inter 100ms fall 1 rise 1')}`;
        return withListens(which, [body], async ([at], proxy) => {
          const wanted = grants ? 200 : 503;
          let status = 0;
          // Of both: a request that is granted, and a check before or after it.
          const seen = (): boolean => !grants || socks.asked.length > 3;
          for (const end = Date.now() + 8000; Date.now() < end; ) {
            if (status === wanted && seen()) break;
            ({ status } = await ask(at!));
            if (!grants && !proxy.err.join().includes('is DOWN')) status = 0;
          }
          return status;
        });
      });
      expect(haproxy).toBe(grants ? 200 : 503);
      expect(bramble).toBe(haproxy);
      expect(socks.asked.length).toBeGreaterThan(grants ? 3 : 1);
    }
  });
});
