import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { requestOf } from '../support/http-peers.ts';
import type { Which } from '../support/side-by-side.ts';
import { type Ask, ask, both, type Respond, startWebs, withListens } from '../support/webs.ts';

/** Answers with the fields that the query names; `x-count` says how often it was asked. */
function origin(): Respond {
  let count = 0;
  return (request, response) => {
    count += 1;
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    response.statusCode = Number(query.get('status') ?? 200);
    response.sendDate = false;
    response.setHeader('x-count', count);
    for (const name of query.keys()) {
      if (!['status', 'chunked', 'size', 'n'].includes(name)) {
        response.setHeader(name, query.getAll(name));
      }
    }
    const body = 'b'.repeat(Number(query.get('size') ?? 10));
    request.resume().on('end', () => {
      if (request.method === 'HEAD') return void response.end();
      if (!query.has('chunked'))
        return void response.setHeader('content-length', body.length).end(body);
      response.write(body.slice(0, 4));
      response.end(body.slice(4));
    });
  };
}

const BASE = ' http-request cache-use C\n http-response cache-store C\n';
const STATUS =
  ' http-response set-header x-cache HIT if !{ srv_id -m found }\n http-response set-header x-cache MISS if { srv_id -m found }\n';

interface Group {
  name: string;
  section?: string;
  lines?: string;
  asks: readonly (string | Ask)[];
}

const fresh = 'cache-control=max-age=60';
const MODIFIED = 'Sat, 21 Nov 2026 10:00:00 GMT';
const with_ = (path: string, headers: Record<string, string>): Ask => ({ path, headers });

const GROUPS: readonly Group[] = [
  {
    name: 'what is fresh and what is not',
    asks: [
      `/a?${fresh}`,
      `/a?${fresh}`,
      `/a?${fresh}&x=y`,
      '/none',
      '/none',
      '/public?cache-control=public',
      '/public?cache-control=public',
      '/pe?cache-control=public&etag="a"',
      '/pe?cache-control=public&etag="a"',
      '/private?cache-control=private, max-age=10',
      '/private?cache-control=private, max-age=10',
      '/store?cache-control=no-store',
      '/store?cache-control=no-store',
      '/0?cache-control=max-age=0',
      '/0?cache-control=max-age=0',
      '/s?cache-control=s-maxage=10, max-age=0',
      '/s?cache-control=s-maxage=10, max-age=0',
      '/s0?cache-control=max-age=10, s-maxage=0',
      '/s0?cache-control=max-age=10, s-maxage=0',
      '/etag?etag="x"',
      '/etag?etag="x"',
      `/lm?last-modified=${MODIFIED}`,
      `/lm?last-modified=${MODIFIED}`,
      '/exp?expires=Fri, 01 Jan 2100 00:00:00 GMT',
      '/exp?expires=Fri, 01 Jan 2100 00:00:00 GMT',
      '/past?expires=Fri, 01 Jan 2010 00:00:00 GMT',
      '/past?expires=Fri, 01 Jan 2010 00:00:00 GMT',
      '/junk?expires=0',
      '/junk?expires=0',
      `/cookie?${fresh}&set-cookie=a=b`,
      `/cookie?${fresh}&set-cookie=a=b`,
      '/nc?cache-control=no-cache="set-cookie", max-age=9',
      '/nc?cache-control=no-cache="set-cookie", max-age=9',
      `/vary?${fresh}&vary=accept-encoding`,
      `/vary?${fresh}&vary=accept-encoding`,
      `/age?${fresh}&age=30`,
      `/age?${fresh}&age=30`,
      ...['abc', '0', '61', '-1', '7x'].flatMap((age) => [
        `/age${age}?${fresh}&age=${age}`,
        `/age${age}?${fresh}&age=${age}`,
      ]),
      '/agelm?etag="x"&age=1',
      '/agelm?etag="x"&age=1',
      '/agenan?cache-control=max-age=x&etag="x"',
      '/agenan?cache-control=max-age=x&etag="x"',
    ],
  },
  {
    name: 'statuses and methods',
    asks: [
      `/201?${fresh}&status=201`,
      `/201?${fresh}&status=201`,
      `/404?${fresh}&status=404`,
      `/404?${fresh}&status=404`,
      `/301?${fresh}&status=301&location=/x`,
      `/301?${fresh}&status=301&location=/x`,
      { path: `/head?${fresh}`, method: 'HEAD' },
      `/head?${fresh}`,
      { path: `/head?${fresh}`, method: 'HEAD' },
      { path: `/post?${fresh}`, method: 'POST', body: 'x' },
      `/post?${fresh}`,
      `/post?${fresh}`,
      { path: `/post?${fresh}`, method: 'POST', body: 'x' },
      `/post?${fresh}`,
      { path: `/post?${fresh}`, method: 'DELETE' },
      `/post?${fresh}`,
      { path: `/post?${fresh}`, method: 'OPTIONS' },
      `/post?${fresh}`,
      { path: `/post?${fresh}&status=500`, method: 'PUT', body: 'y' },
      `/chunks?${fresh}&chunked=1`,
      `/chunks?${fresh}&chunked=1`,
      { path: `/chunks?${fresh}&chunked=1`, method: 'HEAD' },
      `/empty?${fresh}&size=0`,
      `/empty?${fresh}&size=0`,
      `/emptychunks?${fresh}&size=0&chunked=1`,
      `/emptychunks?${fresh}&size=0&chunked=1`,
    ],
  },
  {
    name: 'what requests say',
    asks: [
      with_(`/auth?${fresh}`, { authorization: 'Basic x' }),
      `/auth?${fresh}`,
      with_(`/auth?${fresh}`, { authorization: 'Basic x' }),
      with_('/authp?cache-control=public, max-age=9', { authorization: 'Basic x' }),
      '/authp?cache-control=public, max-age=9',
      `/b?${fresh}`,
      with_(`/b?${fresh}`, { 'cache-control': 'no-cache' }),
      `/b?${fresh}`,
      with_(`/b?${fresh}`, { 'cache-control': 'max-age=0' }),
      with_(`/b?${fresh}`, { pragma: 'no-cache' }),
      with_(`/b?${fresh}`, { pragma: 'no-cache', 'cache-control': 'x' }),
      with_(`/b?${fresh}`, { 'cache-control': 'no-store' }),
      with_(`/c?${fresh}`, { 'cache-control': 'no-store' }),
      `/c?${fresh}`,
      with_(`/b?${fresh}`, { 'cache-control': 'only-if-cached' }),
      with_(`/b?${fresh}`, { host: 'other.example.org' }),
      with_(`/b?${fresh}`, { 'cache-control': 'max-stale' }),
    ],
  },
  {
    name: 'conditional requests',
    asks: [
      `/e?${fresh}&etag="x"&last-modified=${MODIFIED}&content-type=text/plain`,
      ...['"x"', 'W/"x"', '"y"', '"y", "x"', '*'].map((value) =>
        with_(`/e?${fresh}&etag="x"&last-modified=${MODIFIED}&content-type=text/plain`, {
          'if-none-match': value,
        }),
      ),
      ...[MODIFIED, 'Sat, 21 Nov 2026 09:59:59 GMT', 'Sat, 21 Nov 2026 10:00:01 GMT', 'junk'].map(
        (value) =>
          with_(`/e?${fresh}&etag="x"&last-modified=${MODIFIED}&content-type=text/plain`, {
            'if-modified-since': value,
          }),
      ),
      with_(`/e?${fresh}&etag="x"&last-modified=${MODIFIED}&content-type=text/plain`, {
        'if-none-match': '"y"',
        'if-modified-since': MODIFIED,
      }),
      {
        path: `/e?${fresh}&etag="x"&last-modified=${MODIFIED}&content-type=text/plain`,
        method: 'HEAD',
        headers: { 'if-none-match': '"x"' },
      },
      `/ch?${fresh}&chunked=1&etag="x"`,
      with_(`/ch?${fresh}&chunked=1&etag="x"`, { 'if-none-match': '"x"' }),
    ],
  },
  {
    name: 'sizes',
    section: ' total-max-size 1\n max-object-size 3000\n',
    asks: [
      `/s1?${fresh}&size=2000`,
      `/s1?${fresh}&size=2000`,
      `/s2?${fresh}&size=5000`,
      `/s2?${fresh}&size=5000`,
      `/s3?${fresh}&size=5000&chunked=1`,
      `/s3?${fresh}&size=5000&chunked=1`,
    ],
  },
  {
    name: 'max-age of the section',
    section: ' total-max-size 1\n max-age 4\n',
    asks: [`/m?${fresh}`, `/m?${fresh}`, 'sleep', `/m?${fresh}`, `/m?${fresh}`],
  },
  {
    name: 'vary',
    section: ' total-max-size 1\n process-vary on\n max-secondary-entries 2\n',
    asks: [
      with_(`/v?${fresh}&vary=accept-encoding&content-encoding=gzip`, {
        'accept-encoding': 'gzip',
      }),
      with_(`/v?${fresh}&vary=accept-encoding&content-encoding=gzip`, {
        'accept-encoding': 'gzip',
      }),
      with_(`/v?${fresh}&vary=accept-encoding&content-encoding=gzip`, {
        'accept-encoding': 'br, gzip',
      }),
      with_(`/v?${fresh}&vary=accept-encoding&content-encoding=gzip`, { 'accept-encoding': 'br' }),
      `/w?${fresh}&vary=accept-encoding`,
      with_(`/w?${fresh}&vary=accept-encoding`, { 'accept-encoding': 'gzip' }),
      `/u?${fresh}&vary=cookie`,
      `/u?${fresh}&vary=cookie`,
      `/star?${fresh}&vary=*`,
      `/star?${fresh}&vary=*`,
      ...[undefined, 'deflate', 'gzip;q=0', 'GZIP', '*', 'x-gzip', ''].flatMap((wanted, at) => [
        with_(`/x${at}?${fresh}&vary=accept-encoding&content-encoding=gzip`, {
          'accept-encoding': 'gzip',
        }),
        with_(
          `/x${at}?${fresh}&vary=accept-encoding&content-encoding=gzip`,
          wanted === undefined ? {} : { 'accept-encoding': wanted },
        ),
      ]),
      ...['gzip', 'br;q=1,gzip;q=0.5', 'br', 'deflate;q=0,br,gzip'].flatMap((wanted, at) => [
        `/two${at}?${fresh}&vary=accept-encoding&content-encoding=br,gzip`,
        with_(`/two${at}?${fresh}&vary=accept-encoding&content-encoding=br,gzip`, {
          'accept-encoding': wanted,
        }),
      ]),
      ...[15, 15, 16, 16].map((count) =>
        with_(`/many${count}?${fresh}&vary=accept-encoding`, {
          'accept-encoding': Array.from({ length: count }, (_, at) => `c${at}`).join(),
        }),
      ),
      ...['ours', 'ours'].map((wanted) =>
        with_(`/odd?${fresh}&vary=accept-encoding&content-encoding=ours`, {
          'accept-encoding': wanted,
        }),
      ),
      ...['/1', '/1', '/2', undefined, undefined].map((referer) =>
        with_(`/ref?${fresh}&vary=referer, accept-encoding`, referer ? { referer } : {}),
      ),
    ],
  },
  {
    name: 'rules around it',
    lines: `${STATUS} http-request deny if { path /deny } { hdr(x-deny) 1 }\n http-request set-header x-late 1\n`,
    asks: [
      `/deny?${fresh}`,
      `/deny?${fresh}`,
      with_(`/deny?${fresh}`, { 'x-deny': '1' }),
      `/k?${fresh}`,
      `/k?${fresh}`,
    ],
  },
  {
    name: 'with compression',
    lines: ' compression algo gzip\n',
    asks: [
      `/z?${fresh}&size=3000&etag="x"`,
      with_(`/z?${fresh}&size=3000&etag="x"`, { 'accept-encoding': 'gzip' }),
      with_(`/z?${fresh}&size=3000&etag="x"`, { 'accept-encoding': 'gzip' }),
      `/z?${fresh}&size=3000&etag="x"`,
      with_(`/y?${fresh}&size=3000&chunked=1`, { 'accept-encoding': 'gzip' }),
      `/y?${fresh}&size=3000&chunked=1`,
    ],
  },
];

const NAMES = [
  'age',
  'cache-control',
  'content-encoding',
  'content-length',
  'etag',
  'last-modified',
  'set-cookie',
  'transfer-encoding',
  'vary',
  'x-cache',
  'x-count',
];

/** Ages may differ by the second in which they are told. */
const timeless = (age: string | undefined): string | undefined =>
  age && (Number(age) <= 3 ? 'young' : Number(age) >= 30 ? 'old' : age);

async function run(which: Which, group: Group): Promise<{ seen: unknown[]; csv: unknown }> {
  const [web] = await startWebs('a');
  web!.respond = origin();
  const cache = `cache C\n${group.section ?? ' total-max-size 4\n'}`;
  const rules = group.lines?.includes('deny')
    ? BASE.replace('\n', `\n${group.lines}`)
    : `${BASE}${group.lines ?? ''}`;
  const body = `${rules}\n server s 127.0.0.1:${web!.port}\n`;
  const stats = ` stats enable\n stats uri /stats\n${cache}`;
  try {
    return await withListens(which, [body, stats], async ([port, page], proxy) => {
      const seen: unknown[] = [];
      for (const one of group.asks) {
        if (one === 'sleep') {
          await sleep(6100);
          continue;
        }
        const given = typeof one === 'string' ? { path: one } : one;
        const reply = await ask(port!, { ...given, path: encodeURI(given.path ?? '/') });
        const fields = NAMES.map((name) => [
          name,
          name === 'age' ? timeless(reply.headers.age) : reply.headers[name],
        ]);
        const body = reply.headers['content-encoding'] ? 'coded' : reply.body;
        seen.push({ one: JSON.stringify(one), status: reply.status, fields, body });
      }
      const csv = (await ask(page!, { path: '/stats;csv' })).body.split('\n');
      const columns = csv[0]!.slice(2).split(',');
      const rows = csv
        .filter((line) => /^x0,/.test(line))
        .map((line) => {
          const cells = line.split(',');
          return ['svname', 'cache_lookups', 'cache_hits', 'hrsp_2xx', 'hrsp_3xx', 'req_tot'].map(
            (name) => cells[columns.indexOf(name)],
          );
        });
      const count = group.asks.filter((each) => each !== 'sleep').length;
      for (let turn = 0; proxy.out.length < count && turn < 50; turn++) await sleep(20);
      const log = proxy.out
        .map(requestOf)
        .filter((line) => line.includes('<CACHE>') && !line.includes('/deny'))
        .map((line) => line.replace(/ \+?\d+ (LR)/, ' BYTES $1'));
      return { seen, csv: { rows, log } };
    });
  } finally {
    await web!.stop();
  }
}

describe('a cache, side by side with HAProxy', () => {
  test.each(GROUPS.map((group) => [group.name, group] as const))('%s', async (_name, group) => {
    const { haproxy, bramble } = await both((which) => run(which, group));
    for (const [index, each] of haproxy.seen.entries()) {
      expect.soft(bramble.seen[index]).toEqual(each);
    }
    expect.soft(bramble.csv).toEqual(haproxy.csv);
    console.log(`${group.name}: ${haproxy.seen.length} exchanges compared`);
  });
});
