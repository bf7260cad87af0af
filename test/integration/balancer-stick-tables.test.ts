import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { talk } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { startWebs, together, type Web } from '../support/webs.ts';

const DATA =
  'conn_cnt conn_cur sess_cnt http_req_cnt http_err_cnt http_fail_cnt http_req_rate http_err_rate conn_rate kbytes_in kbytes_out gpc0 gpc1 gpt0 trackers';
const STORE =
  'store conn_cnt,conn_cur,conn_rate(1m),sess_cnt,sess_rate(1m),http_req_cnt,http_req_rate(1m),http_err_cnt,http_err_rate(1m),http_fail_cnt,http_fail_rate(1m),bytes_in_cnt,bytes_out_cnt,gpc0,gpc0_rate(1m),gpc1,gpt0';
const TABLE = `stick-table type ip size 100 expire 1m ${STORE}`;
const REPORT = DATA.split(' ')
  .map((name) => `${name}=%[str(127.0.0.1),table_${name}(t)]`)
  .join(' ');

interface Running {
  ports: readonly number[];
  webs: readonly Web[];
  /** What the table `t` knows of 127.0.0.1. */
  report(): Promise<string>;
}

/** Frontends f (first port) and r, which reports; a table `t`; two web servers in backend `b`. */
async function withTable<T>(
  which: Which,
  lines: { front?: string; back?: string; table?: string; report?: string; more?: string },
  use: (running: Running) => Promise<T>,
): Promise<T> {
  const webs = await startWebs('AB');
  for (const web of webs) {
    web.respond = (request, response) => {
      const asked = Number(request.url?.slice(1, 4));
      const status = asked >= 200 ? asked : 200;
      request.resume().on('end', () => {
        response.writeHead(status, { 'x-sid': `sid-${web.name}` }).end(web.name);
      });
    };
  }
  const port = await freePortRange(4);
  const config = `
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
backend t
    ${lines.table ?? TABLE}
frontend f
    bind 127.0.0.1:${port}
    ${lines.front ?? ''}
    default_backend b
backend b
    ${lines.back ?? ''}
    server A 127.0.0.1:${webs[0]!.port}
    server B 127.0.0.1:${webs[1]!.port}
frontend r
    bind 127.0.0.1:${port + 1}
    http-request return status 200 content-type text/plain lf-string "${lines.report ?? REPORT}"
${(lines.more ?? '').replaceAll('PORT', String(port + 2))}
listen probe
    mode tcp
    bind 127.0.0.1:${port + 3}
`;
  try {
    await using _proxy = await startEither(which, { config, ports: [port + 3] });
    const report = async (): Promise<string> => {
      const { text } = await talk(port + 1, [
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      ]);
      return text.slice(text.indexOf('\r\n\r\n') + 4);
    };
    return await use({ ports: [port, port + 1, port + 2], webs, report });
  } finally {
    await Promise.all(webs.map((web) => web.stop()));
  }
}

const get = (path: string, ...fields: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');

/** Exchanges whose counts are compared after each. */
const STEPS: readonly (readonly [name: string, pieces: readonly string[]])[] = [
  ['one', [get('/')]],
  ['three on one connection', [get('/1') + get('/2') + get('/3')]],
  ['a 404 of the server', [get('/404')]],
  ['a 500 of the server', [get('/500')]],
  ['501 and 505 are no failures', [get('/501') + get('/505')]],
  ['denied', [get('/deny')]],
  ['tarpitted', [get('/tarpit')]],
  ['returned', [get('/return')]],
  ['redirected', [get('/redirect')]],
  ['asked who', [get('/auth')]],
  ['no request', ['BROKEN\r\n\r\n']],
  ['bad behind a good one', [`${get('/')}BROKEN\r\n\r\n`]],
  ['a body', ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n', 'x'.repeat(3000)]],
  ['tagged', [get('/tag')]],
  ['counted', [get('/count') + get('/count')]],
];
const RULES = `
    http-request deny if { path /deny }
    timeout tarpit 100ms
    http-request tarpit if { path /tarpit }
    http-request return status 403 if { path /return }
    http-request redirect location /x if { path /redirect }
    http-request auth if { path /auth }
    http-request sc-set-gpt0(0) int(7) if { path /tag }
    http-request sc-inc-gpc0(0) if { path /count }
    http-request sc-inc-gpc1(0) if { path /count }`;

const TRACKS: readonly (readonly [name: string, front: string, back: string])[] = [
  ['http-request', `http-request track-sc0 src table t${RULES}`, ''],
  ['http-request behind the rules', `${RULES}\nhttp-request track-sc0 src table t`, ''],
  ['tcp-request content', `tcp-request content track-sc0 src table t${RULES}`, ''],
  ['tcp-request connection', `tcp-request connection track-sc0 src table t${RULES}`, ''],
  ['tcp-request session', `tcp-request session track-sc1 src table t${RULES}`, ''],
  ['in the backend', RULES, 'http-request track-sc0 src table t'],
  ['content in the backend', RULES, 'tcp-request content track-sc2 src table t'],
  [
    'connection and request',
    `tcp-request connection track-sc0 src table t\nhttp-request track-sc1 src table t${RULES}`,
    '',
  ],
  [
    'a limit on the rate',
    `http-request track-sc0 src table t\nhttp-request deny deny_status 429 if { sc_http_req_rate(0) gt 4 }${RULES}`,
    '',
  ],
];

describe('what stick-tables count, side by side with HAProxy', () => {
  test.each(TRACKS)('%s', async (_name, front, back) => {
    const { haproxy, bramble } = await together((which) =>
      withTable(which, { front, back }, async ({ ports, report }) => {
        const seen: string[] = [];
        for (const [name, pieces] of STEPS) {
          const { text } = await talk(ports[0]!, pieces, { quiet: 150, fin: true });
          const statuses = [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status);
          seen.push(`${name}: ${statuses.join(' ')} | ${await report()}`);
        }
        return seen;
      }),
    );
    for (const [index, each] of haproxy.entries()) expect.soft(bramble[index]).toBe(each);
    console.log(`${haproxy.length} exchanges counted alike`);
  });

  test('everything that may be asked of an entry', async () => {
    const asks = [
      ...'conn_cnt conn_cur conn_rate get_gpc0 get_gpc1 get_gpt0 gpc0_rate http_err_cnt http_err_rate http_fail_cnt http_fail_rate http_req_cnt http_req_rate sess_cnt sess_rate kbytes_in kbytes_out inc_gpc0 inc_gpc1 clr_gpc0 clr_gpc1 bytes_in_rate gpc1_rate'
        .split(' ')
        .flatMap((name) => [
          `%[sc_${name}(0)]`,
          `%[sc_${name}(1)]`,
          `%[sc0_${name}]`,
          `%[sc0_${name}(u)]`,
          `%[sc2_${name}]`,
          `%[src_${name}(t)]`,
          `%[src_${name}(u)]`,
        ]),
      '%[table_cnt(t)] %[table_avl(t)] %[table_cnt(u)] %[src,in_table(t)] %[src,in_table(u)] %[str(x),in_table(t)]',
      '%[sc_tracked(0)] %[sc0_tracked] %[sc1_tracked] %[sc0_tracked(u)] %[src_updt_conn_cnt(t)] %[src_updt_conn_cnt(u)]',
      // HAProxy 2.6 dies of `src_get_gpc(<idx>,<table>)`, so those by number of tracker are asked.
      '%[sc_inc_gpc(1,1)] %[sc_get_gpc(1,1)] %[sc_gpc_rate(1,1)] %[sc_get_gpt(0,1)] %[sc_get_gpc(0,0)]',
      '%[src_get_gpc0(v)] %[src_inc_gpc1(v)] %[sc1_get_gpc1] %[sc1_get_gpt0] %[sc1_inc_gpc0] %[sc_gpc1_rate(1)]',
      '%[src,table_gpc(1,v)] %[src,table_gpt(0,v)] %[src,table_gpc_rate(1,v)] %[src,table_gpc1(v)]',
      '%[src,table_server_id(t)] %[src,table_trackers(t)]',
    ];
    // Log formats are limited in length, so each is asked by a request of its own.
    const rules = asks
      .map(
        (ask, i) =>
          `http-request return status 200 content-type text/plain lf-string "<${ask}>" if { path /a${i} }`,
      )
      .join('\n');
    const more = `
backend u
    stick-table type ip size 10 store gpc0
backend v
    stick-table type ip size 10 store gpc(2),gpc_rate(2,1m),gpt(1)`;
    const { haproxy, bramble } = await together((which) =>
      withTable(
        which,
        {
          front: `http-request track-sc0 src table t\nhttp-request track-sc1 src table v\n${rules}`,
          more,
        },
        async ({ ports }) => {
          const seen: string[] = [];
          for (const [i, ask] of asks.entries()) {
            const { text } = await talk(ports[0]!, [get(`/a${i}`, 'Connection: close')]);
            seen.push(`${ask} ${text.slice(text.indexOf('\r\n\r\n') + 4)}`);
          }
          return seen;
        },
      ),
    );
    for (const [index, each] of haproxy.entries()) expect.soft(bramble[index]).toBe(each);
    console.log(`${asks.length} answers compared`);
  });

  test('mode tcp: connections, sessions and bytes', async () => {
    const more = `
frontend tcp
    mode tcp
    bind 127.0.0.1:PORT
    tcp-request inspect-delay 200ms
    tcp-request connection track-sc0 src table t
    tcp-request content track-sc1 src table t
    tcp-request content reject if { req.payload(0,3) -m str bad }
    tcp-request content accept if { req.len gt 0 }
    default_backend tb
backend tb
    mode tcp
    server A 127.0.0.1:WEB`;
    const { haproxy, bramble } = await together(async (which) => {
      const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
      await new Promise<void>((done) => echo.listen(0, '127.0.0.1', done));
      const web = String((echo.address() as net.AddressInfo).port);
      const seen = await withTable(
        which,
        { more: more.replace('WEB', web) },
        async ({ ports, report }) => {
          const lines: string[] = [];
          for (const text of ['x'.repeat(5000), 'bad\r\n\r\n', 'again']) {
            await talk(ports[2]!, [text], { quiet: 100, fin: true });
            lines.push(await report());
          }
          return lines;
        },
      );
      echo.close();
      return seen;
    });
    expect(bramble).toEqual(haproxy);
  });

  test('a full table forgets who was longest away, or takes nobody', async () => {
    const report = 'a b c d e f'
      .split(' ')
      .map((key) => `%[str(/${key}),in_table(t)]%[str(/${key}),table_conn_cnt(t)]`)
      .join(' ');
    for (const table of [
      'stick-table type string size 3 store conn_cnt',
      'stick-table type string size 3 expire 1m store conn_cnt',
      'stick-table type string size 3 expire 1m nopurge store conn_cnt',
      'stick-table type string len 1 size 3 expire 1m store conn_cnt',
      'stick-table type binary len 4 size 3 expire 1m store conn_cnt',
      'stick-table type string size 3 expire 300ms store conn_cnt',
    ]) {
      const { haproxy, bramble } = await together((which) =>
        withTable(
          which,
          { table, report, front: 'http-request track-sc0 path table t' },
          async ({ ports, report }) => {
            const seen: string[] = [];
            for (const key of 'a b a c d e f a'.split(' ')) {
              await talk(ports[0]!, [get(`/${key}`, 'Connection: close')]);
              seen.push(await report());
            }
            await new Promise((done) => setTimeout(done, table.includes('300ms') ? 900 : 0));
            seen.push(await report());
            return seen;
          },
        ),
      );
      expect.soft({ table, seen: bramble }).toEqual({ table, seen: haproxy });
    }
  });
});

const STICKS: readonly (readonly [name: string, back: string])[] = [
  ['on a field', 'stick on hdr(x-user) table t'],
  ['match and store', 'stick match hdr(x-user) table t\nstick store-request hdr(x-user) table t'],
  ['match alone', 'stick match hdr(x-user) table t'],
  [
    'store-response',
    'stick match hdr(x-user) table t\nstick store-response res.hdr(x-sid) table t',
  ],
  ['under a condition', 'stick on hdr(x-user) table t if { path_beg /s }'],
  ['two keys', 'stick on hdr(x-user) table t\nstick on url_param(u) table t'],
  ['of its own', 'stick-table type string size 10 expire 1m\nstick on hdr(x-user)'],
  ['below a cookie', 'cookie C insert indirect\nstick on hdr(x-user) table t'],
];

describe('stick, side by side with HAProxy', () => {
  test.each(STICKS)('%s', async (_name, back) => {
    const asks = [
      get('/', 'X-User: ann'),
      get('/', 'X-User: bob'),
      get('/s', 'X-User: ann'),
      get('/s', 'X-User: ann'),
      get('/s?u=ann'),
      get('/?u=cat', 'X-User: cat'),
      get('/', 'X-User: ann'),
      get('/', 'X-User: sid-A'),
      get('/', 'X-User: sid-A'),
      get('/', 'X-User: sid-B'),
      get('/', 'X-User: cat'),
      get('/'),
      get('/'),
      get('/?u=cat'),
    ];
    const report = 'ann bob cat sid-A sid-B'
      .split(' ')
      .map((key) => `${key}=%[str(${key}),table_server_id(t)]`)
      .join(' ');
    const table = 'stick-table type string len 32 size 10 expire 1m store conn_cnt';
    const { haproxy, bramble } = await together((which) =>
      withTable(
        which,
        { back, table, report: back.includes('table t') ? report : 'x' },
        async (one) => {
          const seen: string[] = [];
          for (const ask of asks) {
            const { text } = await talk(one.ports[0]!, [ask], { quiet: 60, fin: true });
            seen.push(`${text.slice(-1)} ${await one.report()}`);
          }
          await one.webs[0]!.stop();
          for (const user of ['ann', 'bob', 'ann', 'bob']) {
            const { text } = await talk(one.ports[0]!, [get('/', `X-User: ${user}`)], {
              quiet: 60,
              fin: true,
            });
            seen.push(text.slice(0, 12));
          }
          return seen;
        },
      ),
    );
    expect(bramble).toEqual(haproxy);
  });

  test('MQTT clients by the whole of their id, in mode tcp', async () => {
    const id = (text: string): string => {
      const payload = `\0${String.fromCharCode(text.length)}${text}`;
      const rest = `\0\x04MQTT\x04\x02\0\x3c${payload}`;
      return `\x10${String.fromCharCode(rest.length)}${rest}`;
    };
    const long = 'a-client-id-that-is-longer-than-23-';
    const asks = [`${long}1`, `${long}2`, `${long}1`, `${long}1`, `${long}2`, 'x', `${long}2`];
    const table = 'stick-table type string len 64 size 100 expire 1m';
    const { haproxy, bramble } = await together(async (which) => {
      const servers = await Promise.all(
        ['A', 'B'].map(async (name) => {
          const server = net.createServer((socket) => {
            socket.on('error', () => {}).on('data', () => socket.end(name));
          });
          await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
          return server;
        }),
      );
      const lines = servers.map(
        (server, i) => `server s${i} 127.0.0.1:${(server.address() as net.AddressInfo).port}`,
      );
      const more = `
listen mqtt
    mode tcp
    bind 127.0.0.1:PORT
    ${table}
    tcp-request inspect-delay 2s
    tcp-request content reject unless { req.payload(0,0),mqtt_is_valid }
    stick on req.payload(0,0),mqtt_field_value(connect,client_identifier)
    ${lines.join('\n    ')}`;
      const seen = await withTable(which, { more }, async ({ ports }) => {
        let all = '';
        for (const ask of asks) {
          const bytes = id(ask);
          // Split: nothing may be decided on half of a CONNECT.
          const pieces = [bytes.slice(0, 20), bytes.slice(20)].filter((piece) => piece !== '');
          all += (await talk(ports[2]!, pieces, { quiet: 300 })).text;
        }
        return all;
      });
      for (const server of servers) server.close();
      return seen;
    });
    expect(haproxy).toMatch(/^ABAAB.B$/);
    expect(bramble).toBe(haproxy);
  });
});
