import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { Authority } from '../support/authority.ts';
import { freePortRange } from '../support/ports.ts';
import { askRuntime, statRows } from '../support/runtime-socket.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { ask, both, startWebs, type Web } from '../support/webs.ts';

interface Farm {
  readonly port: number;
  readonly statsPort: number;
  readonly socket: string;
  readonly file: string;
  readonly webs: readonly Web[];
  /** Most requests that each web server has had at a time. */
  readonly most: number[];
  readonly pid: number;
}

const HEAD = (socket: string): string => `
global
    nbthread 2
    stats socket ${socket} level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout queue 20s
`;

/** Runs a proxy with two workers in front of two web servers, whose ports are A and B. */
async function withFarm<T>(
  which: Which,
  body: string,
  use: (farm: Farm) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-workers-'));
  const webs = await startWebs('ab');
  const port = await freePortRange(3);
  const [statsPort, probe] = [port + 1, port + 2];
  const socket = path.join(directory, 'runtime.sock');
  const file = path.join(directory, 'proxy.cfg');
  const most = webs.map(() => 0);
  for (const [index, web] of webs.entries()) {
    let now = 0;
    web.respond = (request, response) => {
      now += 1;
      most[index] = Math.max(most[index]!, now);
      const answer = (): void => {
        now -= 1;
        response.end(web.name);
      };
      if (request.url?.includes('slow')) setTimeout(answer, 30);
      else answer();
    };
  }
  const text = body
    .replaceAll('PORT', String(port))
    .replaceAll('DIR', directory)
    .replace(/\b([AB])\b/g, (_, name: string) => `127.0.0.1:${webs[name === 'A' ? 0 : 1]!.port}`);
  await writeFile(path.join(directory, 'names.map'), 'one first\n');
  await writeFile(
    file,
    `${HEAD(socket)}\n${text}
listen stats
    bind 127.0.0.1:${statsPort}
    stats enable
    stats uri /
    stats admin if TRUE
listen probe
    mode tcp
    bind 127.0.0.1:${probe}
`,
  );
  try {
    await using proxy = await startEither(which, { file, ports: [probe] });
    // It answers once all workers serve.
    await ask(statsPort);
    return await use({ port, statsPort, socket, file, webs, most, pid: proxy.pid });
  } finally {
    for (const web of webs) await web.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** So many requests, each on a connection of its own, `width` at a time; the answers' texts. */
async function flood(port: number, count: number, width: number, url: (index: number) => string) {
  const answers: string[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const { status, body } = await ask(port, { path: url(next++) });
      answers.push(status === 200 ? body : String(status));
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return answers;
}

const count = (answers: readonly string[], wanted: string): number =>
  answers.filter((answer) => answer === wanted).length;

describe('two workers look like one process', () => {
  it('counts exactly what HAProxy counts', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    http-request deny if { path /no }
    balance roundrobin
    server a A
    server b B
`;
    const { haproxy, bramble } = await both((which) =>
      withFarm(which, body, async ({ port, socket }) => {
        await flood(port, 300, 20, (index) => (index % 10 === 0 ? '/no' : `/${index}`));
        await sleep(100);
        const rows = await statRows(socket);
        const of = (row: string, ...names: string[]) => names.map((name) => rows.get(row)?.[name]);
        const sum = (name: string): number =>
          Number(rows.get('web/a')?.[name]) + Number(rows.get('web/b')?.[name]);
        return [
          of('web/FRONTEND', 'scur', 'stot', 'req_tot', 'conn_tot', 'dreq', 'hrsp_2xx', 'hrsp_4xx'),
          of('web/BACKEND', 'scur', 'stot', 'lbtot', 'req_tot', 'hrsp_2xx'),
          ['scur', 'stot', 'lbtot', 'hrsp_2xx', 'cli_abrt', 'econ'].map(sum),
        ];
      }),
    );
    console.log('counted', JSON.stringify(bramble));
    expect(bramble).toEqual(haproxy);
    expect(bramble[0]?.slice(0, 4)).toEqual(['0', '300', '300', '300']);
  });

  it('keeps one stick-table, so that a limit holds for all', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    stick-table type string len 16 size 1k store http_req_cnt,conn_cur
    http-request track-sc0 url_param(k)
    http-request deny deny_status 429 if { sc_http_req_cnt(0) gt 10 }
    server a A
`;
    const { haproxy, bramble } = await both((which) =>
      withFarm(which, body, async ({ port, socket }) => {
        const answers = await flood(port, 200, 20, (index) => `/?k=key${index % 5}`);
        await sleep(100);
        const table = await askRuntime(socket, 'show table web');
        const entries = table
          .split('\n')
          .filter((line) => line.includes('key='))
          .map((line) => line.replace(/^0x\w+: /, '').replace(/ exp=\d+/, ''));
        return {
          passed: count(answers, 'a'),
          refused: count(answers, '429'),
          used: /used:(\d+)/.exec(table)?.[1],
          entries: entries.map((line) => line.replace(/ (shard|gpt?)=\d+/g, '')).toSorted(),
        };
      }),
    );
    console.log('table', JSON.stringify(bramble));
    expect(bramble).toEqual(haproxy);
    expect(bramble).toMatchObject({ passed: 50, refused: 150, used: '5' });
  });

  it("never passes a server's maxconn, and serves all who wait", { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    server a A maxconn 3
    server b B maxconn 2
`;
    const { haproxy, bramble } = await both((which) =>
      withFarm(which, body, async ({ port, socket, most }) => {
        const answers = await flood(port, 200, 40, () => '/slow');
        const rows = await statRows(socket);
        const { qcur, qmax } = rows.get('web/BACKEND')!;
        return {
          served: count(answers, 'a') + count(answers, 'b'),
          most,
          smax: ['a', 'b'].map((name) => rows.get(`web/${name}`)?.smax),
          waiting: [qcur, Number(qmax) > 20],
        };
      }),
    );
    expect(bramble).toEqual(haproxy);
    expect(bramble).toEqual({
      served: 200,
      most: [3, 2],
      smax: ['3', '2'],
      waiting: ['0', true],
    });
  });

  it("never passes a frontend's or a bind's maxconn", { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT maxconn LIMIT
    option http-server-close
    server a A
`;
    for (const [bind, proxy, most] of [
      [7, 9, 7],
      [9, 5, 5],
    ]) {
      const text = body.replace('LIMIT', `${bind}\n    maxconn ${proxy}`);
      await withFarm('bramble', text, async ({ port, socket, most: seen }) => {
        const answers = await flood(port, 120, 30, () => '/slow');
        const now = async () => (await statRows(socket)).get('web/FRONTEND')!;
        // The last of them are still closing.
        for (let turn = 0; turn < 100 && (await now()).scur !== '0'; turn++) await sleep(50);
        const { smax, scur } = await now();
        expect([answers.length, count(answers, 'a')]).toEqual([120, 120]);
        expect([seen[0], scur]).toEqual([most, '0']);
        // A place of the bind is free a moment before the session behind it is counted as ended.
        expect(Number(smax)).toBeLessThanOrEqual(proxy!);
      });
    }
  });

  it('obeys orders in every worker', { timeout: 60_000 }, async () => {
    const body = `
frontend web
    bind 127.0.0.1:PORT
    http-request return status 200 content-type text/plain lf-string %[url_param(n),map(DIR/names.map,none)] if { path /map }
    default_backend farm
backend farm
    server a A
    server b B
    server down 127.0.0.1:1 check inter 100 fall 1
`;
    const { haproxy, bramble } = await both((which) =>
      withFarm(which, body, async ({ port, socket, file, statsPort }) => {
        const seen: unknown[] = [];
        const names = async () => {
          const answers = await flood(port, 40, 8, () => '/');
          return [...new Set(answers)].toSorted().join('');
        };
        const order = async (line: string): Promise<void> => {
          await askRuntime(socket, line);
          await sleep(50);
        };
        await sleep(500);
        seen.push(await names());
        await order('set server farm/a state maint');
        seen.push(await names());
        await order('set server farm/a state ready; set weight farm/b 0');
        seen.push(await names());
        await order('set weight farm/b 1');
        const map = file.replace('proxy.cfg', 'names.map');
        await order(`add map ${map} two second`);
        seen.push(new Set(await flood(port, 20, 4, () => '/map?n=two')));
        const form = {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        };
        const { status } = await ask(statsPort, { ...form, body: 's=b&action=maint&b=%233' });
        await sleep(50);
        seen.push(
          status,
          (await askRuntime(socket, 'show servers state')).includes(' b 127.0.0.1 '),
        );
        await order('disable frontend web');
        const refused = await Promise.allSettled(Array.from({ length: 10 }, () => ask(port)));
        seen.push(refused.every((one) => one.status === 'rejected'));
        await order('enable frontend web');
        seen.push((await flood(port, 20, 4, () => '/')).length);
        await order('clear counters all');
        seen.push((await statRows(socket)).get('web/FRONTEND')?.stot);
        return seen;
      }),
    );
    expect(bramble).toEqual(haproxy);
    expect(bramble.slice(0, 3)).toEqual(['ab', 'b', 'a']);
  });

  it('counts the errors of a server that any worker sees', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    balance roundrobin
    server a A check inter 60s observe layer7 error-limit 10 on-error mark-down
    server b B
`;
    const { haproxy, bramble } = await both((which) =>
      withFarm(which, body, async ({ port, socket, webs }) => {
        webs[0]!.respond = (_, response) => response.writeHead(500).end();
        const answers = await flood(port, 60, 4, () => '/');
        await sleep(100);
        const row = (await statRows(socket)).get('web/a')!;
        const failed = count(answers, '500');
        return {
          failed: failed >= 10 && failed <= 14,
          row: [row.hanafail, row.status, row.chkdown],
        };
      }),
    );
    expect(bramble).toEqual(haproxy);
    expect(bramble).toEqual({ failed: true, row: ['1', 'DOWN', '1'] });
  });

  it('shows the same on every connection to the page', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    server a A check inter 200
`;
    await withFarm('bramble', body, async ({ port, statsPort }) => {
      await flood(port, 100, 10, () => '/');
      await sleep(400);
      const pages = await flood(statsPort, 20, 1, () => '/;csv');
      const rows = pages.map((page) =>
        page
          .split('\n')
          .filter((line) => line.startsWith('web,'))
          .map((line) => line.split(',').filter((_, at) => [1, 4, 5, 7, 17, 36].includes(at)))
          .join(' '),
      );
      expect(new Set(rows).size).toBe(1);
      expect(rows[0]).toMatch(
        /^FRONTEND,0,\d+,100,OPEN, a,0,\d+,100,UP,L4OK BACKEND,0,\d+,100,UP,$/,
      );
    });
  });

  it('lists and ends the sessions of all workers', { timeout: 60_000 }, async () => {
    const body = `
listen web
    mode tcp
    bind 127.0.0.1:PORT
    server a A
`;
    await withFarm('bramble', body, async ({ port, socket }) => {
      const clients = Array.from({ length: 20 }, () => net.connect(port, '127.0.0.1'));
      await Promise.all(clients.map((client) => once(client, 'connect')));
      const closed = clients.map((client) => once(client, 'close'));
      for (const client of clients) client.on('error', () => undefined).resume();
      await sleep(200);
      const listed = (await askRuntime(socket, 'show sess')).split('\n').filter(Boolean);
      const ids = listed.map((line) => line.split(':')[0]!);
      expect(new Set(ids).size).toBe(20);
      const spread = ids.filter((id) => id.length > 8).length;
      console.log(`${spread} of ${ids.length} sessions were the second worker's`);
      expect(spread).toBeGreaterThan(0);
      expect(await askRuntime(socket, `show sess ${ids.at(-1)}`)).toContain('frontend=web');
      for (const id of ids) await askRuntime(socket, `shutdown session ${id}`);
      await Promise.all(closed);
      expect(await askRuntime(socket, `shutdown session ${ids[0]}`)).toContain('No such session');
    });
  });
});

describe('TLS', () => {
  it('is resumed by whichever worker the client meets', { timeout: 60_000 }, async () => {
    const authority = new Authority();
    const { file } = authority.issue('workers.pem', ['workers.test']);
    const body = `
listen web
    bind 127.0.0.1:PORT ssl crt ${file}
    http-request return status 200 content-type text/plain lf-string %[thread]
    server a A
`;
    try {
      await withFarm('bramble', body, async ({ port }) => {
        const visit = (session?: Buffer) =>
          new Promise<{ reused: boolean; worker: string; session: Buffer }>((resolve, reject) => {
            const client = tls.connect({
              port,
              host: '127.0.0.1',
              rejectUnauthorized: false,
              maxVersion: 'TLSv1.2',
              ...(session && { session }),
            });
            client.on('error', reject);
            client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
            client.once('data', (data: Buffer) => {
              const worker = data.toString().at(-1)!;
              resolve({ reused: client.isSessionReused(), worker, session: client.getSession()! });
              client.destroy();
            });
          });
        const { session } = await visit();
        const visits = [];
        for (let turn = 0; turn < 20; turn++) visits.push(await visit(session));
        expect(visits.every(({ reused }) => reused)).toBe(true);
        expect(new Set(visits.map(({ worker }) => worker))).toEqual(new Set(['0', '1']));
      });
    } finally {
      authority.remove();
    }
  });
});

describe('workers over time', () => {
  it('reloads all of them without failing a request', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    server a A
`;
    await withFarm('bramble', body, async ({ port, socket, file, pid }) => {
      const text = await (await import('node:fs/promises')).readFile(file, 'utf8');
      let stop = false;
      let served = 0;
      const failures: unknown[] = [];
      const load = Array.from({ length: 6 }, async () => {
        while (!stop) {
          try {
            const { status } = await ask(port);
            if (status === 200) served += 1;
            else failures.push(status);
          } catch (error) {
            failures.push(error);
          }
        }
      });
      for (let round = 0; round < 8; round++) {
        const line = round % 2 === 0 ? `    http-response set-header x-round ${round}\n` : '';
        await writeFile(file, text.replace('    server a ', `${line}    server a `));
        expect(await askRuntime(socket, 'reload')).toContain('Success=1');
        await sleep(100);
        const { headers } = await ask(port);
        expect(headers['x-round']).toBe(line === '' ? undefined : String(round));
      }
      stop = true;
      await Promise.all(load);
      console.log(`${served} requests over 8 reloads of pid ${pid}, ${failures.length} failed`);
      expect(failures).toEqual([]);
      const rows = await statRows(socket);
      expect(Number(rows.get('web/FRONTEND')?.req_tot)).toBe(served + 8);
    });
  });

  it('hands over to a successor (-sf)', { timeout: 60_000 }, async () => {
    const body = `
listen web
    bind 127.0.0.1:PORT
    server a A
`;
    await withFarm('bramble', body, async ({ port, file, pid }) => {
      const failures: unknown[] = [];
      let stop = false;
      const load = Array.from({ length: 4 }, async () => {
        while (!stop) await ask(port).catch((error: unknown) => failures.push(error));
      });
      const { startProxy } = await import('../support/proxy-process.ts');
      await sleep(200);
      const command = path.resolve(import.meta.dirname, '../../bin/bramble-balancer');
      await using next = await startProxy(command, ['-db', '-sf', String(pid)], {
        file,
        ports: [port],
      });
      const gone = async (): Promise<boolean> => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      };
      for (let turn = 0; turn < 400 && !(await gone()); turn++) await sleep(50);
      expect([await gone(), next.pid > 0]).toEqual([true, true]);
      await sleep(100);
      stop = true;
      await Promise.all(load);
      expect(failures).toEqual([]);
    });
  });
});
