import { once } from 'node:events';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { startBalancer } from '../support/balancer.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { freePorts } from '../support/ports.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';
import { residentBytes } from '../support/resident.ts';
import { Client, echo, nameOnData, Peer, until } from '../support/tcp-peers.ts';

const peers: Peer[] = [];
async function peer(name: string, serve: ConstructorParameters<typeof Peer>[1]): Promise<Peer> {
  const one = await new Peer(name, serve).start();
  peers.push(one);
  return one;
}
afterEach(async () => {
  await Promise.all(peers.splice(0).map((one) => one.stop()));
});

const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

const DEFAULTS = `
global
    log stdout format raw local0
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 2s
    timeout client 20s
    timeout server 20s
`;

/** Our balancer with its health port open. */
async function withHealth<T>(
  body: string,
  use: (port: number, health: string, proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const [port, health] = (await freePorts(2)) as [number, number];
  const config = `${DEFAULTS}${body.replaceAll('PORT', String(port))}\n`;
  const env = { BRAMBLE_HEALTH: `127.0.0.1:${health}` };
  await using proxy = await startBalancer({ config, env, ports: [health] });
  const url = `http://127.0.0.1:${health}`;
  await untilReady(url);
  return await use(port, url, proxy);
}

async function untilReady(url: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await fetch(`${url}/readyz`)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('never ready');
}

/** All samples of a scrape whose name begins with `prefix`, by name and labels. */
async function samples(health: string, prefix: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (line.startsWith(prefix)) found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}

describe('the process', () => {
  it('has every gauge back at zero after 2,000 exchanges cut at every stage', async () => {
    const echoes = await peer('a', echo);
    const closed = await peer('b', echo);
    await closed.stop();
    const body = `listen x
 bind 127.0.0.1:PORT
 option redispatch
 timeout queue 200
 server a 127.0.0.1:${echoes.port} maxconn 20
 server b 127.0.0.1:${closed.port}`;
    await withHealth(body, async (port, health, { pid }) => {
      const cut = async (index: number): Promise<void> => {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('error', () => {});
        if (index % 5 === 0) return void socket.destroy();
        await once(socket, 'connect').catch(() => {});
        // A connection that is reset before it is accepted was never there.
        await new Promise((resolve) => setTimeout(resolve, index % 7));
        if (index % 5 === 1) return void socket.resetAndDestroy();
        socket.write(Buffer.alloc(1 + ((index * 7919) % 300_000)));
        if (index % 5 === 2) return void socket.resetAndDestroy();
        if (index % 5 === 3) socket.pause();
        else socket.resume();
        await new Promise((resolve) => setTimeout(resolve, index % 23));
        if (index % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      };
      for (let at = 0; at < 2000; at += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, i) => cut(at + i)));
      }
      const busy = async (): Promise<[string, number][]> => {
        const all = await samples(health, 'haproxy_');
        return [...all].filter(
          ([name, value]) => /_current_(sessions|queue)\{/.test(name) && value !== 0,
        );
      };
      for (let i = 0; i < 400 && (await busy()).length > 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await busy()).toEqual([]);
      const total = (await samples(health, 'haproxy_frontend_sessions_total')).values().next();
      console.log(`sessions ${total.value}, resident ${residentBytes(pid) >> 20} MB`);
      expect(total.value).toBeGreaterThan(1000);
      // Places are free again: more exchanges than maxconn, one after the other, all work.
      for (let i = 0; i < 25; i++) {
        const client = new Client(port).send('ping');
        expect(await client.answer(4)).toBe('ping');
        await client.leave();
      }
    });
  });

  it('holds 1,000 idle connections in little memory', async () => {
    const echoes = await peer('a', echo);
    const body = `listen x\n bind 127.0.0.1:PORT\n server a 127.0.0.1:${echoes.port}`;
    await withHealth(body, async (port, health, { pid }) => {
      const before = residentBytes(pid);
      const clients: Client[] = [];
      for (let at = 0; at < 1000; at += 100) {
        const some = Array.from({ length: 100 }, () => new Client(port).send('x'));
        await Promise.all(some.map((client) => client.answer(1)));
        clients.push(...some);
      }
      const all = await samples(health, 'haproxy_frontend_current_sessions');
      expect([...all.values()]).toEqual([1000]);
      const each = (residentBytes(pid) - before) / 1000;
      console.log(`resident ${before >> 20} MB before, ${Math.round(each / 1024)} KB a connection`);
      expect(each).toBeLessThan(64 * 1024);
      for (const client of clients) client.socket.destroy();
    });
  });

  it('tells its state on the health port', async () => {
    const named = await peer('a', nameOnData);
    const body = `listen x
 bind 127.0.0.1:PORT
 server a 127.0.0.1:${named.port} check inter 100
 server spare 127.0.0.1:${named.port} backup`;
    await withHealth(body, async (port, health, { out }) => {
      const client = new Client(port).send('?');
      await client.answer();
      await client.leave();
      const status = async () => (await fetch(`${health}/status`)).json() as Promise<Status>;
      const before = await status();
      expect(before).toMatchObject({ service: 'balancer', ready: true, reasons: [] });
      const row = before.rows.find((it) => it.pxname === 'x' && it.svname === 'a');
      expect(row).toMatchObject({ stot: 1, bin: 1, bout: 2, scur: 0 });
      await named.stop();
      await lineMatching(out, /Server x\/a is DOWN.*Running on backup/);
      const up = await samples(health, 'haproxy_server_status{proxy="x",server="a",state="UP"}');
      expect([...up.values()]).toEqual([0]);
      expect([...(await samples(health, 'haproxy_backend_backup_servers')).values()]).toEqual([1]);
    });
  });

  it.runIf(hasIPv6)('listens and connects on IPv6', async () => {
    const server = net.createServer((socket) => {
      // Checks end with a reset.
      socket.on('error', () => {});
      socket.end(socket.remoteAddress ?? 'gone');
    });
    server.listen(0, '::1');
    await once(server, 'listening');
    const { port: target } = server.address() as net.AddressInfo;
    const body = `listen x\n bind 127.0.0.1:PORT\n bind ::1:PORT\n server a [::1]:${target} check`;
    await withHealth(body, async (port, _health, { out }) => {
      const client = net.connect(port, '::1');
      let text = '';
      for await (const data of client) text += data;
      expect(text).toBe('::1');
      expect(await lineMatching(out, / x x\/a /)).toMatch(/^::1:\d+ \[/);
    });
    server.close();
  });

  it('names every address that it could not have, and leaves none open', async () => {
    const [free, one, two, never] = (await freePorts(4)) as [number, number, number, number];
    const holders = await Promise.all(
      [one, two].map(async (port) => {
        const server = net.createServer().listen(port, '127.0.0.1');
        await once(server, 'listening');
        return server;
      }),
    );
    const binds = [free, one, two].map((port) => ` bind 127.0.0.1:${port}`).join('\n');
    const started = startBalancer({ config: `${DEFAULTS}listen x\n${binds}\n`, ports: [never] });
    await expect(started).rejects.toThrow(
      new RegExp(`ended with 1[^]*127\\.0\\.0\\.1:${one}[^]*127\\.0\\.0\\.1:${two}`),
    );
    for (const server of holders) server.close();
  });

  it('ends after the last connection on SIGUSR1, and takes no new one', async () => {
    const echoes = await peer('a', echo);
    const body = `listen x\n bind 127.0.0.1:PORT\n server a 127.0.0.1:${echoes.port}`;
    await withHealth(body, async (port, _health, proxy) => {
      const held = new Client(port).send('1');
      await held.answer(1);
      process.kill(proxy.pid, 'SIGUSR1');
      let refused = false;
      for (let i = 0; i < 200 && !refused; i++) {
        const late = new Client(port);
        await Promise.race([late.closed, once(late.socket, 'connect').catch(() => {})]);
        refused = late.error === 'ECONNREFUSED';
        late.socket.destroy();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(refused).toBe(true);
      held.send('2');
      expect(await held.answer(2)).toBe('12');
      await held.leave();
      expect(await proxy.exited).toBe(0);
    });
  });
});

interface Status {
  service: string;
  ready: boolean;
  reasons: string[];
  rows: Record<string, string | number>[];
}

describe('PROXY protocol', () => {
  it.each(['send-proxy', 'send-proxy-v2'])('is spoken as HAProxy does: %s', async (how) => {
    const hex = await peer('a', (socket) => {
      const received: Buffer[] = [];
      // Header and data may be two segments.
      socket.on('data', (data: Buffer) => {
        received.push(data);
        const all = Buffer.concat(received);
        if (all.includes('hello')) socket.end(all.toString('hex'));
      });
    });
    const headers: string[] = [];
    for (const start of [startHaproxy, startBalancer]) {
      const [port, probe] = (await freePorts(2)) as [number, number];
      const config = `${DEFAULTS}
listen x\n bind 127.0.0.1:${port}\n server a 127.0.0.1:${hex.port} ${how}
listen probe\n bind 127.0.0.1:${probe}\n`;
      await using _proxy = await start({ config, ports: [probe] });
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const { localPort } = socket;
      socket.write('hello');
      let text = '';
      for await (const data of socket) text += data;
      // Ports differ from run to run.
      const sent = Buffer.from(text, 'hex').toString('latin1');
      headers.push(
        how === 'send-proxy'
          ? sent.replace(`${localPort} ${port}`, 'FROM TO')
          : sent.replace(port16(localPort!), 'FF').replace(port16(port), 'TT'),
      );
    }
    expect(headers[1]).toBe(headers[0]);
    expect(headers[1]).toContain('hello');
  });

  it.each(['send-proxy', 'send-proxy-v2'])('is understood from HAProxy: %s', async (how) => {
    const named = await peer('a', nameOnData);
    const [front, back, probe] = (await freePorts(3)) as [number, number, number];
    await using ours = await startBalancer({
      config: `${DEFAULTS}
listen inner\n bind 127.0.0.1:${back} accept-proxy\n server a 127.0.0.1:${named.port}
listen probe\n no log\n bind 127.0.0.1:${probe}\n`,
      ports: [probe],
    });
    await using _outer = await startHaproxy({
      config: `${DEFAULTS}
listen outer\n bind 127.0.0.1:${front}\n server x 127.0.0.1:${back} ${how}\n`,
      ports: [],
    });
    const client = await connected(front);
    const { localPort } = client.socket;
    client.send('?');
    expect(await client.answer()).toBe('a');
    await client.leave();
    expect(await lineMatching(ours.out, / inner inner\/a /)).toContain(`127.0.0.1:${localPort} `);
  });

  it('is demanded: another beginning, or none in time, ends the connection', async () => {
    const named = await peer('a', nameOnData);
    const body = `listen x
 bind 127.0.0.1:PORT accept-proxy
 timeout client 1500
 server a 127.0.0.1:${named.port}`;
    await withHealth(body, async (port, health) => {
      const wrong = new Client(port).send('GET / HTTP/1.0\r\n\r\n');
      await until(() => wrong.socket.readableEnded || wrong.socket.destroyed, 'sent away');
      const slow = new Client(port).send('PROXY TCP4 1.2.3.4');
      await until(() => slow.socket.readableEnded || slow.socket.destroyed, 'sent away');
      expect(named.accepted).toBe(0);
      for (const { socket } of [wrong, slow]) socket.destroy();
      const pieces = new Client(port);
      for (const piece of ['PRO', 'XY TCP4 1.2.3.4 5.6.7.8 9', ' 10\r', '\nhello']) {
        pieces.send(piece);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(await pieces.answer()).toBe('a');
      await pieces.leave();
      const current = await samples(health, 'haproxy_frontend_current_sessions');
      expect([...current.values()]).toEqual([0]);
    });
  });
});

const port16 = (port: number): string => String.fromCharCode(port >> 8, port & 0xff);

/** Connects as soon as somebody listens. */
async function connected(port: number): Promise<Client> {
  for (let i = 0; i < 200; i++) {
    const client = new Client(port);
    await Promise.race([client.closed, once(client.socket, 'connect').catch(() => {})]);
    if (client.error === undefined) return client;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody listens on ${port}`);
}
