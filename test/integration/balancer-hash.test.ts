import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answersIn, talk } from '../support/http-peers.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';
import { type Ask, askAll, both, startWebs, type Web, withListens } from '../support/webs.ts';

const NAMES = 'abcde';
let webs: Web[] = [];

beforeAll(async () => {
  webs = await startWebs(NAMES);
});

afterAll(async () => {
  await Promise.all(webs.map((web) => web.stop()));
});

const serverLines = (parameters: readonly string[]): string =>
  parameters.map((more, i) => ` server ${NAMES[i]} 127.0.0.1:${webs[i]!.port} ${more}`).join('\n');

const withBoth = (
  bodies: readonly string[],
  use: (ports: readonly number[], proxy: ProxyProcess) => Promise<unknown>,
) => both((which) => withListens(which, bodies, use));

const shares = (order: string): string =>
  [...NAMES].map((name) => `${name}:${order.split(name).length - 1}`).join(' ');

const words = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => createHash('md5').update(String(i)).digest('hex'));

const TYPES = ['map-based', 'consistent'].flatMap((method) => [
  `hash-type ${method}`,
  ...['sdbm', 'djb2', 'wt6', 'crc32'].flatMap((digest) => [
    `hash-type ${method} ${digest}`,
    `hash-type ${method} ${digest} avalanche`,
  ]),
]);

const WEIGHTS = ['weight 1', 'weight 3', 'weight 10 id 77', 'weight 0', 'weight 2'];

describe('a key leads to the server that HAProxy chooses', () => {
  it('with every hash type', async () => {
    const asks = words(120).map((word, i) => ({ path: `/${word.slice(0, 1 + (i % 31))}` }));
    const bodies = TYPES.map((type) => ` balance uri\n ${type}\n${serverLines(WEIGHTS)}`);
    const { haproxy, bramble } = await withBoth(bodies, async (ports) => {
      const orders: string[] = [];
      for (const port of ports) orders.push(await askAll(port, asks));
      return orders;
    });
    expect(bramble).toEqual(haproxy);
    const orders = bramble as string[];
    for (const [i, type] of TYPES.entries()) console.log(type.padEnd(36), shares(orders[i]!));
    expect(new Set(orders).size).toBeGreaterThan(TYPES.length / 2);
  }, 120_000);

  const PATHS = [
    '/',
    '/a/b/c/d?x=1&y=2',
    '/a/b/c/e?x=1',
    '/a//b',
    '/long/path/with/many/parts/and/more',
    'http://example.org/a/b?x=1',
    'http://example.org',
    '/?id=5',
    '/a?id=',
    '/a?idd=5&id=6;z=1',
    '/a?xid=5',
    '/a?x=1&id=hello%20world&z',
    '/a?id',
    '/a?id=5?x=7',
    '/?',
    '/a?&&id=9',
    '*',
  ];
  const FIELDS = [
    undefined,
    '',
    'www.example.org',
    'example.org',
    'a.b.c.d.example.co.uk:8080',
    'localhost',
    '.org',
    '..org',
    'a..org',
    'a.b..org',
    'org.',
    'one, two',
    '"one, still one", two',
    '10.1.2.3',
    ' , x',
    ',',
  ];
  const asks: Ask[] = [
    ...PATHS.map((path) => ({ path, ...(path === '*' ? { method: 'OPTIONS' } : {}) })),
    ...FIELDS.map((value) => ({ headers: value === undefined ? {} : { 'X-Key': value } })),
    { headers: { 'x-key': ['first', 'second'] } },
    ...['www.example.org', 'example.org', 'a.org:80'].map((host) => ({ headers: { host } })),
    ...['/a?id=5?x=7', '/a?x=1?id=6', '/?id=', '/?'].map((path) => ({ path })),
    ...words(12).map((word) => ({ path: `/${word}?id=${word}`, headers: { 'x-key': word } })),
  ];
  const KEYS = [
    'balance uri',
    'balance uri whole',
    'balance uri path-only',
    'balance uri whole path-only',
    'balance uri len 4',
    'balance uri depth 1',
    'balance uri depth 2 len 9',
    'balance uri depth 3 whole path-only',
    'balance url_param id',
    'balance url_param ID',
    'balance hdr(x-key)',
    'balance hdr(X-Key) use_domain_only',
    'balance hdr(host)',
    'balance hdr(Host) use_domain_only',
    'balance source',
    'balance hash src',
    'balance hash req.hdr(x-key)',
    'balance hash path,lower',
    'balance hash path,bytes(0,4)',
    'balance hash req.hdr(host),field(1,.)',
    'balance hash path,length',
    'balance hash req.hdr(x-key),crc32',
    'balance hash query',
    'balance hash url_param(id)',
    'balance hash path,field(2,/)',
  ];

  it.each(['hash-type map-based crc32 avalanche', 'hash-type consistent wt6'])(
    'whatever the key is taken from (%s), and takes turns without one',
    async (type) => {
      const bodies = KEYS.map((key) => ` ${key}\n ${type}\n${serverLines(WEIGHTS)}`);
      const { haproxy, bramble } = await withBoth(bodies, async (ports) => {
        const orders: Record<string, string> = {};
        for (const [i, port] of ports.entries()) orders[KEYS[i]!] = await askAll(port, asks);
        return orders;
      });
      expect(bramble).toEqual(haproxy);
    },
    120_000,
  );

  it('by the address of the client', async () => {
    const types = ['map-based', 'map-based sdbm avalanche', 'consistent', 'consistent djb2'];
    const bodies = types.flatMap((type) => [
      ` mode tcp\n balance source\n hash-type ${type}\n${serverLines(WEIGHTS)}`,
      ` mode tcp\n balance hash src\n hash-type ${type}\n${serverLines(WEIGHTS)}`,
      ` balance source\n hash-type ${type}\n${serverLines(WEIGHTS)}`,
    ]);
    const asks = Array.from({ length: 60 }, (_, i) => ({
      from: `127.${i % 7}.${(i * 37) % 256}.${1 + ((i * 11) % 254)}`,
    }));
    const { haproxy, bramble } = await withBoth(bodies, async (ports) => {
      const orders: string[] = [];
      for (const port of ports) orders.push(await askAll(port, asks));
      return orders;
    });
    expect(bramble).toEqual(haproxy);
    console.log('balance source', (bramble as string[]).map(shares).join(' | '));
  }, 60_000);

  it('by a parameter in the body of a POST', async () => {
    const post = (body: string, path = '/'): Ask => ({
      method: 'POST',
      path,
      body,
      headers: { 'content-length': String(body.length) },
    });
    const asks = [
      post('id=1'),
      post('x=1&id=22&y=3'),
      post('id=hello', '/?id=url'),
      post('id='),
      post('id=/x'),
      post('id= x'),
      post('nothing'),
      ...words(10).map((word) => post(`a=1&id=${word}&b=2`)),
    ];
    const bodies = ['', ' check_post', ' check_post 64'].map(
      (more) => ` balance url_param id${more}\n hash-type consistent\n${serverLines(WEIGHTS)}`,
    );
    const { haproxy, bramble } = await withBoth(bodies, async (ports) => {
      const orders: string[] = [];
      for (const port of ports) orders.push(await askAll(port, asks));
      return orders;
    });
    expect(bramble).toEqual(haproxy);
  }, 60_000);
});

describe('url_param check_post', () => {
  it('waits for a body that comes late, in chunks or not, as HAProxy does', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: x\r\n';
    const requests = words(8).flatMap((word) => {
      const body = `a=1&id=${word}&b=2`;
      const cut = body.length >> 1;
      const [one, two] = [body.slice(0, cut), body.slice(cut)];
      const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
      const length = `${head}Content-Length: ${body.length}\r\n\r\n`;
      const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
      return [
        [length, body],
        [length + one, two],
        [chunked, chunk(body), '0\r\n\r\n'],
        [chunked + chunk(one), chunk(two), '0\r\n\r\n'],
      ];
    });
    const body = ` balance url_param id check_post\n hash-type consistent\n${serverLines(WEIGHTS)}`;
    const { haproxy, bramble } = await withBoth([body], async ([port]) => {
      let order = '';
      for (const pieces of requests) {
        const { text } = await talk(port!, pieces, { quiet: 20 });
        order += answersIn(text)[0]?.body.replace(/^1\r\n|\r\n.*$/gs, '');
      }
      return order;
    });
    expect(bramble).toBe(haproxy);
    for (let i = 0; i < requests.length; i += 4) {
      expect(new Set((bramble as string).slice(i, i + 4)).size).toBe(1);
    }
  });
});

describe('when servers go', () => {
  it.each(['map-based', 'consistent'])(
    'their keys go where HAProxy sends them (%s), and come back',
    async (method) => {
      const asks = words(60).map((word) => ({ path: `/${word}` }));
      const { haproxy, bramble } = await both(async (which) => {
        const [mortal] = (await startWebs('m')) as [Web];
        const body = ` balance uri
 hash-type ${method} sdbm avalanche
${serverLines(['weight 3', 'weight 2', 'weight 5'])}
 server m 127.0.0.1:${mortal.port} weight 4 check inter 100 fall 1 rise 1`;
        return await withListens(which, [body], async ([port], proxy) => {
          const orders = [await askAll(port!, asks)];
          await mortal.stop();
          await lineMatching(proxy.out, /Server x0\/m is DOWN/);
          orders.push(await askAll(port!, asks));
          await mortal.start();
          await lineMatching(proxy.out, /Server x0\/m is UP/);
          orders.push(await askAll(port!, asks));
          await mortal.stop();
          return orders;
        });
      });
      expect(bramble).toEqual(haproxy);
      expect(bramble[2]).toBe(bramble[0]);
      const moved = [...bramble[0]!].filter((name, i) => name !== 'm' && bramble[1]![i] !== name);
      console.log(method, 'keys of living servers that moved:', moved.length, 'of', asks.length);
      if (method === 'consistent') expect(moved).toEqual([]);
      else expect(moved.length).toBeGreaterThan(0);
    },
    60_000,
  );
});
