import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { askRuntime, statRows } from '../support/runtime-socket.ts';
import { ask, both } from '../support/webs.ts';
import { count, flood, withFarm } from '../support/worker-farm.ts';

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
