import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { requestOf } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { ask, both, type Reply, startWebs, type Web } from '../support/webs.ts';

const EXAMPLE = fileURLToPath(new URL('../fixtures/webfarm.cfg', import.meta.url));
const CHECK = '/l7check.html';

/** What the farm's servers saw and said, its log, and its statistics after a day's fixed work. */
async function observe(which: Which) {
  const webs = (await startWebs('ab')) as [Web, Web];
  const [first, second] = webs;
  /** As the servers get them, checks left out. */
  const requests: string[] = [];
  const sick = new Set<Web>();
  for (const web of webs) {
    web.respond = ({ url, headers, method, httpVersion }, response) => {
      if (url === CHECK) {
        response.writeHead(sick.has(web) ? 503 : 200).end();
        return;
      }
      const { 'x-forwarded-for': client, cookie } = headers;
      requests.push(`${web.name} ${method} ${url} ${httpVersion} ${client} ${cookie}`);
      if (url?.startsWith('/login')) response.setHeader('Set-Cookie', `JSESSIONID=${web.name}1`);
      response.setHeader('ETag', '"x"').end(web.name);
    };
  }
  const base = await freePortRange(2);
  const [farm, sessions] = [base, base + 1];
  await using proxy = await startEither(which, {
    file: EXAMPLE,
    env: {
      BIND: '127.0.0.1',
      NODE1: '127.0.0.1',
      NODE2: '127.0.0.1',
      HTTP_PORT: String(farm),
      APP_PORT: String(sessions),
      WEB1_PORT: String(first.port),
      WEB2_PORT: String(second.port),
    },
    // Nobody knocks, so that every connection is one of ours; the first checks tell that it is up.
    ports: [],
  });
  const replies: string[] = [];
  const go = async (port: number, path: string, cookie?: string, method = 'GET') => {
    const reply = await ask(port, { path, method, headers: cookie ? { cookie } : {} });
    replies.push(shown(reply));
  };
  try {
    // Both have been checked once.
    await lineMatching(
      proxy.out,
      /webfarm\/web1 succeeded.*3\/5 UP|webfarm\/web1 succeeded.*5\/5 UP/,
    );
    await lineMatching(proxy.out, /webfarm\/web2 succeeded/);
    for (let i = 0; i < 6; i++) await go(farm, `/spread/${i}`);
    for (const cookie of ['SERVERID=w1', 'SERVERID=w2', 'a=b; SERVERID=w2; c=d', 'SERVERID=zz']) {
      await go(farm, '/sticky', cookie);
      await go(farm, '/sticky', cookie, 'POST');
    }
    for (let i = 0; i < 4; i++) await go(sessions, '/login');
    for (const value of ['w1~a1', 'w2~b1', 'w2', 'xx~y', 'plain']) {
      await go(sessions, '/app', `JSESSIONID=${value}; k=v`);
    }
    sick.add(first);
    await lineMatching(proxy.out, /Server webfarm\/web1 is DOWN/);
    for (const cookie of ['SERVERID=w1', 'SERVERID=w2', undefined]) await go(farm, '/sick', cookie);
    await go(sessions, '/sick', 'JSESSIONID=w1~a1');
    sick.add(second);
    await lineMatching(proxy.out, /proxy webfarm has no server available!/);
    await go(farm, '/none', 'SERVERID=w2');
    sick.clear();
    await lineMatching(proxy.out, /Server webfarm\/web2 is UP/);
    await lineMatching(proxy.out, /Server webfarm\/web1 is UP/);
    await go(farm, '/well', 'SERVERID=w1');
    await sleep(50);
    const page = await ask(farm, { path: '/admin' });
    // Its connection has to be counted as gone, on a busy machine too.
    await sleep(300);
    const csv = await ask(farm, { path: '/admin;csv' });
    const lines = proxy.out.filter((line) => !line.includes('Health check'));
    return {
      replies,
      requests,
      log: lines
        .filter((line) => line.includes(' -> ') || /HTTP\/1\.\d"/.test(line))
        .map(requestOf),
      events: lines
        .filter((line) => / (Server|proxy) |^(Server|proxy) /.test(line))
        .map(eventOf)
        .sort(),
      checks: proxy.out
        .filter((line) => /Health check for server webfarm.* (failed|succeeded)/.test(line))
        .map((line) => eventOf(line).replace(/info: ".*?", /, ''))
        .toSorted(),
      page: { status: page.status, type: page.headers['content-type'] },
      rows: rowsOf(csv.body),
    };
  } finally {
    await Promise.all(webs.map((web) => web.stop()));
  }
}

const shown = ({ status, headers, body }: Reply): string =>
  `${status} ${status === 200 ? body : ''} ${headers['set-cookie']} ${headers['cache-control']} ${headers.connection}`;

/** Columns of the statistics that depend on what was done alone. */
const COLUMNS = [
  'scur',
  'stot',
  'dreq',
  'ereq',
  'econ',
  'eresp',
  'wretr',
  'wredis',
  'status',
  'weight',
  'act',
  'bck',
  'chkdown',
  'iid',
  'sid',
  'lbtot',
  'check_status',
  'check_code',
  'hrsp_2xx',
  'hrsp_5xx',
  'req_tot',
  'cli_abrt',
  'srv_abrt',
  'algo',
  'cookie',
];

function rowsOf(csv: string): Record<string, string> {
  const [header = '', ...lines] = csv.split('\n');
  const names = header.slice(2).split(',');
  const rows: Record<string, string> = {};
  for (const line of lines.filter((each) => each.includes(','))) {
    const cells = line.split(',');
    const cell = (name: string): string => cells[names.indexOf(name)] ?? '';
    rows[`${cells[0]}/${cells[1]}`] = COLUMNS.map((name) => `${name}=${cell(name)}`).join(' ');
  }
  return rows;
}

describe('the web farm of the examples, as it is, side by side with HAProxy', () => {
  let haproxy: Awaited<ReturnType<typeof observe>>;
  let bramble: typeof haproxy;
  beforeAll(async () => {
    ({ haproxy, bramble } = await both(observe));
  }, 120_000);

  it('answers alike, cookies and all', () => {
    expect(bramble.replies).toEqual(haproxy.replies);
    expect(bramble.replies.length).toBe(29);
  });

  it('sends the same requests to the same servers', () => {
    expect(bramble.requests).toEqual(haproxy.requests);
    const count = (name: string): number =>
      bramble.requests.filter((request) => request.startsWith(name)).length;
    console.log('requests to web1 and web2:', count('a'), count('b'));
  });

  it('logs alike', () => {
    expect(bramble.log).toEqual(haproxy.log);
    expect(bramble.events).toEqual(haproxy.events);
    expect(bramble.events.length).toBeGreaterThan(4);
    expect(new Set(bramble.checks)).toEqual(new Set(haproxy.checks));
  });

  it('shows the same statistics', () => {
    expect(bramble.page).toEqual(haproxy.page);
    expect(bramble.rows).toEqual(haproxy.rows);
    expect(Object.keys(bramble.rows)).toHaveLength(8);
  });
});
