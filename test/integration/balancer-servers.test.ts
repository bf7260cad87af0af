import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineMatching } from '../support/proxy-process.ts';
import { ask, askAll, both, startWebs, type Web, withListens } from '../support/webs.ts';

let webs: Web[] = [];

beforeAll(async () => {
  webs = await startWebs('abc');
});

afterAll(async () => {
  await Promise.all(webs.map((web) => web.stop()));
});

/** A server that is stopped, its queue of connections full: what comes then stays under way. */
async function startStuck(): Promise<{ port: number; stop(): void }> {
  const program =
    "const s = require('net').createServer(); s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text);
  child.kill('SIGSTOP');
  const sockets: net.Socket[] = [];
  for (let connected = true; connected && sockets.length < 20; ) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      sleep(200).then(() => false),
    ]);
  }
  return {
    port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

const address = (index: number): string => `127.0.0.1:${webs[index]!.port}`;

describe('a dynamic cookie', () => {
  it('has the value that HAProxy gives it, and leads back', async () => {
    const servers = ` server a ${address(0)}\n server b ${address(1)}\n server c ${address(2)} cookie own`;
    const bodies = ['secret', 'another key, longer than it should be'].map(
      (key) =>
        ` balance roundrobin\n cookie S insert dynamic\n dynamic-cookie-key "${key}"\n${servers}`,
    );
    const { haproxy, bramble } = await both((which) =>
      withListens(which, bodies, async (ports) => {
        const seen: string[] = [];
        for (const port of ports) {
          for (let i = 0; i < 3; i++) {
            const { body, headers } = await ask(port);
            const cookie = headers['set-cookie']![0]!.split(';')[0]!;
            const again = await ask(port, { headers: { cookie } });
            seen.push(`${body} ${cookie} ${again.body} ${again.headers['set-cookie']}`);
          }
        }
        return seen;
      }),
    );
    console.log(bramble);
    expect(bramble).toEqual(haproxy);
    expect(new Set(bramble).size).toBe(5);
  });
});

describe('where connections come from', () => {
  it('follows source of the server, else of the backend, as in HAProxy', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const seen: (string | undefined)[] = [];
      for (const web of webs) {
        web.respond = ({ socket }, response) => response.end(String(socket.remoteAddress));
      }
      await withListens(
        which,
        ['http', 'tcp'].map(
          (mode) => ` mode ${mode}
 source 127.0.0.7
 server a ${address(0)} source 127.0.0.8:0
 server b ${address(1)}`,
        ),
        async (ports) => {
          for (const port of ports) {
            for (let i = 0; i < 2; i++) seen.push((await ask(port)).body);
          }
        },
      );
      for (const web of webs) web.respond = (_, response) => response.end(web.name);
      return seen;
    });
    expect(bramble).toEqual(haproxy);
    expect(bramble).toEqual(['127.0.0.8', '127.0.0.7', '127.0.0.8', '127.0.0.7']);
  });
});

describe('server-template', () => {
  it('makes the servers that HAProxy makes', async () => {
    const body = ` balance uri
 hash-type consistent
 default-server weight 3
 server-template t 3 ${address(0)}
 server-template u 5-6 ${address(1)} weight 2 id 40
 server c ${address(2)} weight 1
 stats uri /stats`;
    const { haproxy, bramble } = await both((which) =>
      withListens(which, [body], async ([port]) => {
        const order = await askAll(
          port!,
          Array.from({ length: 60 }, (_, i) => ({ path: `/${i * i}` })),
        );
        const { body: csv } = await ask(port!, { path: '/stats;csv' });
        const [header = '', ...lines] = csv.split('\n');
        const names = header.slice(2).split(',');
        const rows = lines
          .map((line) => line.split(','))
          .filter((cells) => cells[0] === 'x0')
          .map((cells) => ['svname', 'sid', 'weight'].map((name) => cells[names.indexOf(name)]));
        return { order, rows };
      }),
    );
    expect(bramble).toEqual(haproxy);
    expect(bramble.rows.map(([name]) => name).join(' ')).toBe('FRONTEND t1 t2 t3 u5 u6 c BACKEND');
  });
});

describe('peak-ewma', () => {
  it('keeps away from a server that answers slowly', async () => {
    const [slow, fast] = webs as [Web, Web];
    slow.respond = (_, response) => void setTimeout(() => response.end('a'), 60);
    const body = ` balance peak-ewma\n server a ${address(0)}\n server b ${address(1)}`;
    const order = await withListens('bramble', [body], ([port]) =>
      askAll(port!, Array(60).fill({})),
    );
    slow.respond = (_, response) => response.end('a');
    console.log('peak-ewma, a slower by 60 ms:', order);
    expect(order).toContain('a');
    expect(order.split(fast.name).length - 1).toBeGreaterThan(50);
  });
});

describe('least-pending', () => {
  it('keeps away from a server that does not finish handshakes', async () => {
    const stuck = await startStuck();
    const body = ` mode tcp
 balance least-pending
 timeout connect 30s
 server a 127.0.0.1:${stuck.port}
 server b ${address(1)}`;
    try {
      const order = await withListens('bramble', [body], async ([port]) => {
        // Has the first turn, and stays in it.
        const first = net.connect(port!, '127.0.0.1').on('error', () => {});
        await sleep(100);
        let names = '';
        for (let i = 0; i < 20; i++) names += (await ask(port!)).body;
        first.destroy();
        return names;
      });
      console.log('least-pending beside a stuck server:', order);
      expect(order).toBe('b'.repeat(20));
    } finally {
      stuck.stop();
    }
  });
});

describe('slowstart', () => {
  it('gives a server that returns its share little by little, as HAProxy does', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const [mortal] = (await startWebs('m')) as [Web];
      const body = ` balance roundrobin
 server a ${address(0)} weight 10
 server m 127.0.0.1:${mortal.port} weight 10 check inter 100 fall 1 rise 1 slowstart 6s maxconn 90 maxqueue 7
 stats uri /stats`;
      return await withListens(which, [body], async ([port], proxy) => {
        const share = async (): Promise<number> =>
          (await askAll(port!, Array(40).fill({}))).split('m').length - 1;
        const before = await share();
        const row = async (): Promise<string> => {
          const { body: csv } = await ask(port!, { path: '/stats;csv' });
          const [header = '', ...lines] = csv.split('\n');
          const names = header.slice(2).split(',');
          const cells = lines.find((line) => line.startsWith('x0,m,'))!.split(',');
          return ['slim', 'qlimit', 'weight', 'uweight', 'throttle']
            .map((name) => cells[names.indexOf(name)])
            .join('/');
        };
        const rows = [await row()];
        await mortal.stop();
        await lineMatching(proxy.out, /Server x0\/m is DOWN/);
        await mortal.start();
        await lineMatching(proxy.out, /Server x0\/m is UP/);
        const shares = [await share()];
        for (let i = 0; i < 7; i++) {
          await sleep(1000);
          shares.push(await share());
          rows.push(await row());
        }
        await mortal.stop();
        return { before, shares, rows: [...new Set(rows)] };
      });
    });
    console.log('slowstart 6s, of 40 requests each second:', haproxy.shares, bramble.shares);
    console.log('slim/qlimit/weight/uweight/throttle:', haproxy.rows, bramble.rows);
    const steps = [1, 3, 6, 9, 11, 14].map(
      (share) => `90/7/${Math.ceil((10 * share) / 16)}/10/${Math.floor((100 * share) / 16)}`,
    );
    for (const { before, shares, rows } of [haproxy, bramble]) {
      expect(rows[0]).toBe('90/7/10/10/');
      expect([rows[0], ...steps]).toEqual(expect.arrayContaining(rows));
      expect(rows.length).toBeGreaterThan(3);
      expect(before).toBe(20);
      expect(shares[0]).toBeLessThan(10);
      expect(shares.at(-1)).toBeGreaterThanOrEqual(19);
      expect(shares.toSorted((a, b) => a - b)).toEqual(shares);
    }
  }, 60_000);
});
