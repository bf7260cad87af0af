import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Origin, requestOf, talk } from '../support/http-peers.ts';
import { freePort, freePorts } from '../support/ports.ts';
import type { ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';

/** A request's cookie (and method), and the fields of the response. */
type Step = readonly [cookie: string, response?: string, method?: string];
type Group = readonly [lines: string, ...steps: Step[]];

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const START = Math.floor(Date.now() / 1000);

/** The date so many seconds from now, as a cookie has it. */
function date(offset: number): string {
  const number = Math.floor((START + offset) / 4);
  return [24, 18, 12, 6, 0].map((shift) => DIGITS[(number >>> shift) & 63]).join('');
}

/** Dates of this moment, which no two runs share, as NOW. */
const undated = (text: string): string =>
  text.replace(/(?<=\|)[A-Za-z0-9+/]{5}(?=[|;])/g, (digits) => {
    const number = [...digits].reduce((sum, digit) => sum * 64 + DIGITS.indexOf(digit), 0);
    return Math.abs(number * 4 - START) < 90 ? 'NOW' : digits;
  });

const DATED: readonly Step[] = [
  [''],
  ['S=w1'],
  [`S=w1|${date(-200)}`],
  [`S=w1|${date(-200)}|${date(-300)}`],
  [`S=w1|${date(-900)}|${date(-900)}`],
  [`S=w2|${date(-200)}|${date(-5000)}`],
  [`S=w2|${date(90_000)}`],
  [`S=w2|${date(200)}|${date(200)}`],
  [`S=w2|${date(-200)}|${date(90_000)}`],
  ['S=w1|abc'],
  ['S=w1|!!!!!|?????'],
  [`S=w1||${date(-200)}`],
  [`S=zz|${date(-200)}`],
  [`S=wd|${date(-200)}`],
  [`S=w1|${date(-900)}; S=w2`],
];

const GROUPS: readonly Group[] = [
  [
    'cookie S insert',
    [''],
    ['S=w1'],
    ['S=zz'],
    ['a=b; S=w2; c=d'],
    ['S=wd'],
    ['S=w1', 'Set-Cookie: S=app'],
    ['', 'Set-Cookie: S=app'],
    ['S=w1; S=w2'],
    ['S=zz; S=w2'],
    ['', '', 'POST'],
    ['S="w2"'],
    ['S='],
    ['S'],
    ['s=w2'],
    ['S=w2|abc'],
    ['a = b ; S = w1'],
    ['a=b;S=w2 ;'],
  ],
  [
    'cookie S insert indirect nocache',
    [''],
    ['S=w1'],
    ['S=zz'],
    ['a=b; S=w2; c=d'],
    ['S=w2; c=d'],
    ['a=b;S=w2'],
    ['a=b ;  S = w2 ; c=d'],
    ['a="x;S=w1"; S=w2'],
    ['S=w1', 'Set-Cookie: S=app'],
    ['', 'Set-Cookie: S=app; path=/x'],
    ['S=w1; S=w2'],
    ['', 'Cache-Control: public'],
    ['', 'Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT'],
    ['', 'ETag: "a"'],
    ['', 'ETag: "a"', 'POST'],
    ['S=w1', 'ETag: "a"'],
    ['', 'Cache-Control: max-age=60'],
    ['', 'Cache-Control: private\r\nETag: "a"'],
    ['', 'Cache-Control: public, no-store\r\nETag: "a"'],
    ['', 'Pragma: no-cache\r\nETag: "a"'],
    ['', 'ETag: "a"\r\nSet-Cookie: K=1'],
    ['', '', 'POST'],
    ['S=w1\r\nCookie: b=c'],
    ['S=wd'],
    ['SS=w1; xS=w2; S=w2'],
    ['a=b; S=w2;'],
    ['S=w2; S=w1; a=b'],
    ['a = b; S=w1; c = d'],
  ],
  ['cookie S insert indirect postonly', [''], ['', '', 'POST'], ['S=w2']],
  [
    'cookie S insert indirect preserve',
    ['', 'Set-Cookie: S=app'],
    ['', 'Set-Cookie: S='],
    ['S=w1', 'Set-Cookie: S=app'],
  ],
  ['cookie S insert httponly secure domain .a.b domain c.d attr SameSite=Lax attr X', ['']],
  [
    'cookie S rewrite',
    [''],
    ['', 'Set-Cookie: S=app; path=/'],
    ['S=w2'],
    ['S=w2', 'Set-Cookie: S=; path=/'],
    ['', 'Set-Cookie: K = 1'],
    ['S=w2', 'Set-Cookie: S = "a b" ; path=/'],
  ],
  [
    'cookie J prefix',
    [''],
    ['', 'Set-Cookie: J=app; path=/'],
    ['J=w2~abc; x=y'],
    ['J=abc'],
    ['J=wd~abc'],
    ['J=zz~abc'],
    ['J=w2~abc', 'Set-Cookie: J=new\r\nSet-Cookie: K=1'],
    ['', 'Set-Cookie: A=1, J=2'],
    ['J=w1~a~b'],
    ['J=~a'],
    ['J=w1~'],
    ['x=y; J = w1~abc'],
  ],
  ['cookie J prefix indirect', ['J=w2~abc'], ['J=w2~abc', 'Set-Cookie: J=new']],
  ['cookie S', [''], ['S=w2'], ['', 'Set-Cookie: S=w1']],
  ['cookie S insert\n retries 0', ['S=wr']],
  ['cookie S insert\n option persist\n retries 0', ['S=wd']],
  ['cookie S insert\n option redispatch 1', ['S=wr']],
  [
    'cookie S insert\n retries 0\n force-persist if { req.hdr(x-force) yes }',
    ['S=wd'],
    ['S=wd\r\nX-Force: yes'],
    ['S=w2\r\nX-Force: yes'],
    ['X-Force: yes'],
  ],
  [
    'cookie S insert indirect\n ignore-persist unless { path / }\n ignore-persist if { req.hdr(x-new) -m found }',
    ['S=w2'],
    ['S=w2\r\nX-New: 1'],
    ['S=zz\r\nX-New: 1'],
    ['S=wd\r\nX-New: 1', 'Set-Cookie: S=app'],
  ],
  [
    'cookie S insert\n use-server s2 if { req.hdr(x-to) two }\n use-server sd if { req.hdr(x-to) dead }',
    ['S=w1'],
    ['S=w1\r\nX-To: two'],
    ['S=w2\r\nX-To: two'],
    ['x=y\r\nX-To: two'],
    ['S=w1\r\nX-To: dead'],
  ],
  ['cookie S insert indirect maxidle 10m maxlife 1h', ...DATED],
  ['cookie S insert maxidle 600', ...DATED],
  ['cookie S insert indirect nocache maxlife 1h', ...DATED],
  ['cookie S insert indirect', ...DATED],
  ['cookie S rewrite maxidle 10m', ...DATED.slice(0, 5)],
  ['cookie S insert indirect postonly maxidle 10m', ['S=w1'], ['S=w1', '', 'POST']],
];

interface Seen {
  answer: string;
  received: string;
  log: string[];
}

async function runAll(which: Which): Promise<Map<string, Seen>> {
  const origins = ['s1', 's2', 's3'].map((name) => new Origin(name));
  await Promise.all(origins.map((origin) => origin.start()));
  const [s1, s2, s3] = origins.map(({ port }) => `127.0.0.1:${port}`);
  const dead = `127.0.0.1:${await freePort()}`;
  const ports = await freePorts(GROUPS.length);
  const sections = GROUPS.map(
    ([lines], index) => `listen c${index}
 bind 127.0.0.1:${ports[index]}
 ${lines}
 server s1 ${s1} cookie w1
 server s2 ${s2} cookie w2
 server s3 ${s3}
 server sd ${dead} cookie wd check inter 100 rise 1 fall 1
 server sr ${dead} cookie wr weight 0
`,
  );
  const config = `global
 log stdout format raw local0
defaults
 mode http
 log global
 option httplog
 timeout connect 1s
 timeout client 5s
 timeout server 5s
${sections.join('')}`;
  const seen = new Map<string, Seen>();
  let proxy: ProxyProcess | undefined;
  try {
    proxy = await startEither(which, { config, ports: [ports.at(-1)!] });
    const { out } = proxy;
    const down = (): number => out.filter((line) => /Server c\d+\/sd is DOWN/.test(line)).length;
    for (const end = Date.now() + 5000; down() < GROUPS.length && Date.now() < end; )
      await sleep(20);
    for (const [index, [lines, ...steps]] of GROUPS.entries()) {
      for (const [at, [cookie, response = '', method = 'GET']] of steps.entries()) {
        for (const origin of origins) {
          origin.received = '';
          const fields = response === '' ? '' : `${response}\r\n`;
          origin.script = [`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${fields}\r\nok`];
        }
        const from = out.length;
        const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
        const own = cookie === '' ? '' : `Cookie: ${cookie}\r\n`;
        const request = `${method} / HTTP/1.1\r\nHost: x\r\n${length}${own}\r\n`;
        const { text } = await talk(ports[index]!, [request]);
        const isRequest = (line: string): boolean => / c\d+ c\d+\//.test(line);
        for (const end = Date.now() + 1000; Date.now() < end; await sleep(10)) {
          if (out.slice(from).some(isRequest)) break;
        }
        seen.set(`${lines} #${at + 1}`, {
          answer: undated(text),
          received: origins.map(({ received }) => received).join(''),
          log: out.slice(from).filter(isRequest).map(requestOf),
        });
      }
    }
    return seen;
  } finally {
    await proxy?.stop('SIGKILL');
    await Promise.all(origins.map(({ peer }) => peer.stop()));
  }
}

/** The same requests through HAProxy and through us: same server, fields, cookies and log line. */
describe('cookies, side by side with HAProxy', () => {
  const names = GROUPS.flatMap(([lines, ...steps]) => steps.map((_, at) => `${lines} #${at + 1}`));
  let haproxy: Map<string, Seen>;
  let ours: Map<string, Seen>;

  beforeAll(async () => {
    [haproxy, ours] = (await Promise.all(BOTH.map(runAll))) as [typeof haproxy, typeof ours];
  }, 60_000);
  afterAll(() => console.log(`cookies: ${names.length} exchanges compared`));

  test.each(names)('%s', (name) => {
    expect(ours.get(name)).toEqual(haproxy.get(name));
    expect(ours.get(name)!.log).toHaveLength(1);
  });
});
