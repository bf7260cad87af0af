import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import type { ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { Peer } from '../support/tcp-peers.ts';

/** What the server sends to one check: texts, null = FIN, 'rst' = RST. */
type Answer = readonly (string | null)[];
/** Configuration lines, and the answers to the checks, of which the last one stays. */
type Case = readonly [name: string, lines: string, ...answers: Answer[]];

const say = (status: string, body = ''): Answer => [
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
];
const OK = say('200 OK');
const LOST = say('404 Not Found');
const BROKEN = say('500 Broken');
const CHUNKS =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n';
const CHK = 'option httpchk\n';
const DRAIN = `${CHK} http-check disable-on-404`;

const CASES: readonly Case[] = [
  ['no arguments', CHK, OK],
  ['a path', 'option httpchk /foo', say('204 No Content')],
  ['a method and a path', 'option httpchk GET /foo', say('302 Found')],
  ['HTTP/1.0', 'option httpchk GET /l7check.html HTTP/1.0', LOST],
  ['HTTP/1.1', 'option httpchk GET / HTTP/1.1', OK],
  ['raw fields', 'option httpchk HEAD / HTTP/1.1\\r\\nHost:\\ www\\r\\nX-A:\\ b', BROKEN],
  ['a raw body', 'option httpchk POST / HTTP/1.0\\r\\nX:\\ y\\r\\n\\r\\nbody', OK],
  [
    'all that can be sent',
    `${CHK} http-check send meth PUT uri /x ver HTTP/1.1 hdr Host foo hdr X-Y "a b" body hello`,
    OK,
  ],
  ['fields alone', 'option httpchk GET /a HTTP/1.1\n http-check send hdr Host foo', OK],
  [
    'fields instead of raw ones',
    'option httpchk GET /a HTTP/1.1\\r\\nX:\\ y\n http-check send hdr Z w',
    OK,
  ],
  [
    'the option behind the rule',
    'http-check send uri /b hdr Z w ver HTTP/1.1\n option httpchk GET /a',
    OK,
  ],
  ['mode tcp', `mode tcp\n ${CHK}`, OK],
  ['no HTTP', CHK, ['SSH-2.0-x\r\n\r\n']],
  ['no answer', CHK, [null]],
  ['half a head', CHK, ['HTTP/1.0 200 OK\r\n', null]],
  ['a reset', CHK, ['rst']],
  ['silence', CHK, []],
  ['half a head and silence', CHK, ['HTTP/1.0 200 OK\r\n']],
  ['an interim response', CHK, ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n']],
  ['no reason, good', CHK, ['HTTP/1.0 200\r\n\r\n']],
  ['no reason, bad', CHK, ['HTTP/1.0 501\r\n\r\n']],
  ['a status in the list', `${CHK} http-check expect status 201,300-399`, say('301 There')],
  ['a status out of the list', `${CHK} http-check expect status 201,300-399`, OK],
  ['a status unwanted', `${CHK} http-check expect ! status 500-599`, BROKEN],
  ['a status not unwanted', `${CHK} http-check expect ! status 500-599`, LOST],
  ['a status by pattern', `${CHK} http-check expect rstatus ^3`, say('301 There')],
  ['a status against the pattern', `${CHK} http-check expect rstatus ^3`, OK],
  ['a text', `${CHK} http-check expect string hello`, say('500 Still fine', 'say hello')],
  ['another text', `${CHK} http-check expect string hello`, say('200 OK', 'say hallo')],
  [
    'another text up to the end',
    `${CHK} http-check expect string hello`,
    ['HTTP/1.0 200 OK\r\n\r\nhallo', null],
  ],
  [
    'a text that may still come',
    `${CHK} http-check expect string hello`,
    ['HTTP/1.0 200 OK\r\n\r\nhallo'],
  ],
  ['no body', `${CHK} http-check expect string hello`, OK],
  ['a text across chunks', `${CHK} http-check expect string hello`, [CHUNKS]],
  ['a text unwanted', `${CHK} http-check expect ! string hello`, say('200 OK', 'hello')],
  ['a text not unwanted', `${CHK} http-check expect ! string hello`, say('200 OK', 'x')],
  ['a pattern', `${CHK} http-check expect rstring ^h.l+o$`, say('200 OK', 'hallo')],
  ['against the pattern', `${CHK} http-check expect rstring ^h.l+o$`, say('200 OK', 'haxxo')],
  [
    'two expectations',
    `${CHK} http-check expect status 200\n http-check expect string abc`,
    say('200 OK', 'abd'),
  ],
  ['down and up', CHK, OK, BROKEN, BROKEN, BROKEN, OK, OK],
  ['404 drains', DRAIN, OK, LOST, LOST, OK, LOST, BROKEN, BROKEN, LOST, OK],
  ['404 first', DRAIN, LOST, BROKEN, LOST, OK],
  ['404 of one that is down', DRAIN, BROKEN, LOST, OK, LOST, OK, OK],
  ['down out of draining', DRAIN, LOST, BROKEN, BROKEN, BROKEN, OK, OK],
  ['404 before other expectations', `${DRAIN}\n http-check expect status 200`, LOST],
];

interface Seen {
  request: string;
  events: string[];
  row: Record<string, string | undefined>;
}

const COLUMNS = ['status', 'check_status', 'check_code', 'last_chk', 'check_desc'].concat([
  'check_health',
  'chkfail',
  'chkdown',
  'weight',
  'act',
]);

async function runAll(which: Which): Promise<Map<string, Seen>> {
  const seen = CASES.map((): Seen => ({ request: '', events: [], row: {} }));
  const peers = CASES.map(([name, , ...answers], index) => {
    let checks = 0;
    return new Peer(name, (socket: net.Socket) => {
      let got = '';
      let answered = false;
      socket.on('error', () => undefined);
      socket.on('end', () => socket.end());
      socket.on('data', (data: Buffer) => {
        got += data.toString('latin1');
        if (checks === 0 || (checks === 1 && answered)) seen[index]!.request = got;
        if (answered || !got.includes('\r\n\r\n')) return;
        answered = true;
        const answer = answers[Math.min(checks++, answers.length - 1)]!;
        for (const part of answer) {
          if (part === null) socket.end();
          else if (part === 'rst') socket.resetAndDestroy();
          else socket.write(part, 'latin1');
        }
      });
    });
  });
  await Promise.all(peers.map((peer) => peer.start()));
  const ports = await freePorts(CASES.length + 1);
  const stats = ports.at(-1)!;
  const sections = CASES.map(
    ([, lines], index) => `listen c${index}
 bind 127.0.0.1:${ports[index]}
 ${lines}
 server s 127.0.0.1:${peers[index]!.port} check inter 300 rise 2 fall 3\n`,
  );
  const config = `global
 log stdout format raw local0
defaults
 mode http
 log global
 timeout connect 1s
 timeout client 2s
 timeout server 2s
 option log-health-checks
${sections.join('')}
listen stats
 bind 127.0.0.1:${stats}
 stats uri /
`;
  let proxy: ProxyProcess | undefined;
  try {
    proxy = await startEither(which, { config, ports: [stats] });
    const { out } = proxy;
    const eventsOf = (index: number): string[] =>
      out.filter((line) => new RegExp(`[ ']c${index}[/ ']`).test(line)).map(eventOf);
    /** A repeated result is not logged: the checks that change something are those in the table. */
    const missing = (): boolean =>
      CASES.some((_, index) => eventsOf(index).length === 0) ||
      !eventsOf(CASES.findIndex(([name]) => name === '404 drains')).some((line, at, all) =>
        at > 10 ? line.includes('is UP') && all.length > at : false,
      );
    for (const end = Date.now() + 15_000; Date.now() < end && missing(); ) await sleep(50);
    await sleep(700);
    for (const [index, one] of seen.entries()) one.events = eventsOf(index);
    // While a check runs its row tells less: such a row is read again.
    for (let attempt = 0; attempt < 12; attempt++, await sleep(70)) {
      const csv = await (await fetch(`http://127.0.0.1:${stats}/;csv`)).text();
      const [head = '', ...rows] = csv.split('\n');
      const names = head.slice(2).split(',');
      for (const [index, one] of seen.entries()) {
        const cells = rows.find((row) => row.startsWith(`c${index},s,`))?.split(',') ?? [];
        const running = cells[names.indexOf('check_status')]?.startsWith('*');
        if (one.row.status !== undefined && running) continue;
        one.row = Object.fromEntries(
          COLUMNS.map((name) => [name, cells[names.indexOf(name)]?.replace('* ', '')]),
        );
        if (running) delete one.row.status;
      }
      if (seen.every((one) => one.row.status !== undefined)) break;
    }
    return new Map(CASES.map(([name], index) => [name, seen[index]!]));
  } finally {
    await proxy?.stop('SIGKILL');
    await Promise.all(peers.map((peer) => peer.stop()));
  }
}

/** The same answers to the checks of HAProxy and to ours: same request, events and statistics. */
describe('HTTP checks, side by side with HAProxy', () => {
  let haproxy: Map<string, Seen>;
  let ours: Map<string, Seen>;

  beforeAll(async () => {
    [haproxy, ours] = (await Promise.all(BOTH.map(runAll))) as [typeof haproxy, typeof ours];
  }, 60_000);
  afterAll(() => console.log(`HTTP checks: ${CASES.length} cases compared`));

  test.each(CASES.map(([name]) => [name]))('%s', (name) => {
    expect(ours.get(name)).toEqual(haproxy.get(name));
    expect(ours.get(name)!.events.length).toBeGreaterThan(0);
  });
});
