import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CheckCase, type Play, runChecks, type Seen } from '../support/check-cases.ts';
import { BOTH } from '../support/side-by-side.ts';

const of = (name: string, lines: string, ...plays: Play[]): CheckCase => ({ name, lines, plays });
const TCP = 'option tcp-check\n tcp-check';
const MANY = 'option tcp-check';

const TCP_CASES: readonly CheckCase[] = [
  of('no rules', MANY, []),
  of('a connect', `${TCP} connect`, []),
  of('an expectation', `${TCP} expect string hello`, ['say hello']),
  of('another text', `${TCP} expect string hello`, ['say hallo', null]),
  of('a text that may come', `${TCP} expect string hello`, ['say hallo']),
  of('no answer', `${TCP} expect string hello`, [null]),
  of('a reset', `${TCP} send x\n tcp-check expect string hello`, [1, 'rst']),
  of('a reset behind the answer', `${TCP} send x\n tcp-check expect string hello`, [
    1,
    'hello',
    'rst',
  ]),
  of('silence', `${TCP} expect string hello comment "who is there"`, []),
  of('a comment', `${TCP} comment first\n tcp-check expect string hello`, ['x', null]),
  of('a comment of its own', `${TCP} expect string hello comment own`, ['x', null]),
  of('byte by byte', `${TCP} expect string abc`, ['a', 'b', 'c']),
  of('a pattern', `${TCP} expect rstring ^a.c$`, ['abc']),
  of('against the pattern', `${TCP} expect rstring ^a.c$`, ['xabc', null]),
  of('unwanted', `${TCP} expect ! string bad`, ['is bad', null]),
  of('not unwanted', `${TCP} expect ! string bad`, ['fine', null]),
  of('not unwanted so far', `${TCP} expect ! string bad`, ['fine']),
  of('not unwanted, enough', `${TCP} expect !string bad min-recv 4`, ['fine']),
  of('binary', `${TCP} expect binary 00ff41`, ['x\x00\xffA']),
  of('not the binary', `${TCP} expect binary 00ff41`, ['x\x00\xffB', null]),
  of('binary by pattern', `${TCP} expect rbinary ^00FF`, ['\x00\xffB']),
  of('against the binary pattern', `${TCP} expect rbinary ^00FF`, ['\x00\xfeB', null]),
  of('min-recv', `${TCP} expect string ab min-recv 10`, ['ab', null]),
  of('min-recv not reached', `${TCP} expect string ab min-recv 10`, ['ab']),
  of('min-recv 0', `${TCP} expect string ab min-recv 0`, ['xy']),
  of(
    'a dialogue',
    `${TCP} send PING\\r\\n\n tcp-check expect string +PONG\n tcp-check send QUIT\\r\\n\n tcp-check expect string +OK`,
    [6, '+PONG\r\n', 6, '+OK\r\n'],
  ),
  of(
    'the second answer is wrong',
    `${TCP} send PING\\r\\n\n tcp-check expect string +PONG\n tcp-check send QUIT\\r\\n\n tcp-check expect string +OK comment bye`,
    [6, '+PONG\r\n', 6, '-ERR\r\n', null],
  ),
  of('ends with a send', `${TCP} send-binary 0001`, []),
  of('a hex format', `${TCP} send-binary-lf 00%[str(A),hex]ff\n tcp-check expect string ok`, [
    3,
    'ok',
  ]),
  of('a format', `${TCP} send-lf "%[str(abc)],%%"\n tcp-check expect string ok`, [5, 'ok']),
  of(
    'a banner, then a question',
    `${TCP} expect string hi\n tcp-check send x\n tcp-check expect string yo`,
    ['hi', 1, 'yo'],
  ),
  of('two wishes for one answer', `${TCP} expect string a\n tcp-check expect string b`, ['ab']),
  of('two wishes, the second fails', `${TCP} expect string a\n tcp-check expect string b`, [
    'a',
    null,
  ]),
  of('a wish and a fear', `${TCP} expect !string z\n tcp-check expect string b`, ['a', 'b']),
  of('messages', `${TCP} expect string ok on-success "all well" status-code int(201)`, ['ok']),
  of(
    'an error message',
    `${TCP} expect string ok on-error "all bad" comment c status-code int(501)`,
    ['no', null],
  ),
  of('another good status', `${TCP} expect string ok ok-status L4OK`, ['ok']),
  of('another bad status', `${TCP} expect string ok error-status L7STS`, ['no', null]),
  of('another bad status, coded', `${TCP} expect string ok error-status L4CON status-code int(7)`, [
    'no',
    null,
  ]),
  of('another timeout', `${TCP} expect string ok tout-status L4TOUT`, []),
  of('a layer 6 timeout', `${TCP} expect string ok tout-status L6TOUT`, ['x']),
  of('a conditional result', `${TCP} expect string ok ok-status L7OKC`, ['ok']),
  of('connect with linger', `${TCP} connect linger\n tcp-check expect string ok`, ['ok']),
  of('connect with a header', `${TCP} connect default linger\n tcp-check expect string ok`, ['ok']),
  of(
    'two connections',
    `${TCP} connect\n tcp-check expect string a\n tcp-check connect comment again\n tcp-check expect string b`,
    ['a'],
    ['b'],
    ['a'],
    ['x', null],
    ['a'],
    ['b'],
  ),
  of(
    'a variable',
    `${TCP} set-var(check.x) str(pong)\n tcp-check expect string-lf "%[var(check.x)]"`,
    ['a pong'],
  ),
  of(
    'a variable is gone',
    `${TCP} set-var(check.x) str(pong)\n tcp-check unset-var(check.x)\n tcp-check expect string-lf "%[var(check.x)]"`,
    ['a pong', null],
  ),
  of('an unprintable message', `${TCP} expect string ok on-error "%[res.payload(0,0)]"`, [
    '<no "way">\x01',
    null,
  ]),
  of('a long message', `${TCP} expect string ok on-error "%[res.payload(0,0)]"`, [
    'x'.repeat(300),
    null,
  ]),
  of('more than a buffer', `${TCP} expect string ok`, ['x'.repeat(40_000), 'ok']),
  of(
    'down and up',
    `${TCP} expect string ok`,
    ['ok'],
    ['no', null],
    ['ok'],
    ['no', null],
    ['no', null],
    ['no', null],
    ['ok'],
    ['ok'],
  ),
];

const HTTP = 'option httpchk\n http-check';
const ok = (body = '', fields = ''): Play => [
  10,
  `HTTP/1.1 200 Fine\r\ncontent-length: ${body.length}\r\n${fields}\r\n${body}`,
];
const HTTP_CASES: readonly CheckCase[] = [
  of(
    'http: connect, send, expect',
    `${HTTP} connect\n http-check send meth GET uri /a ver HTTP/1.1 hdr host x\n http-check expect status 200`,
    ok(),
  ),
  of(
    'http: the option behind a connect',
    'option httpchk GET /b\n http-check connect default',
    ok(),
  ),
  of(
    'http: two rounds',
    `${HTTP} connect\n http-check send uri /1\n http-check expect status 200\n http-check connect\n http-check send uri /2 comment second\n http-check expect string x`,
    ok(),
    ok('no'),
  ),
  of('http: a field', `${HTTP} expect hdr name x-a value b`, ok('', 'x-a: a, b\r\n')),
  of(
    'http: another field',
    `${HTTP} expect hdr name x-a value -m beg c comment field`,
    ok('', 'x-a: a, b\r\n'),
  ),
  of(
    'http: a whole field',
    `${HTTP} expect fhdr name -m reg ^x-.$ value -m end ,b`,
    ok('', 'x-a: a,b\r\n'),
  ),
  of('http: a field at all', `${HTTP} expect hdr name x-a`, ok('', 'x-a: a\r\n')),
  of('http: no field wanted', `${HTTP} expect ! hdr name x-a`, ok('', 'x-a: a\r\n')),
  of('http: a comment', `${HTTP} comment why\n http-check expect status 201`, ok()),
  of('http: own messages', `${HTTP} expect status 201 on-error sorry error-status L7RSP`, ok()),
  of('http: own success', `${HTTP} expect status 200 on-success yes ok-status L6OK`, ok()),
  of('http: min-recv', `${HTTP} expect string ab min-recv 6`, [
    10,
    'HTTP/1.0 200 OK\r\n\r\nxxab',
    '12',
  ]),
  of('http: the state', `${HTTP} send-state`, ok()),
  of(
    'http: formats',
    `${HTTP} send uri-lf "/%[str(q)]" body-lf "%[str(body)]" hdr x-h "%[str(v)]"`,
    ok(),
  ),
  of(
    'http: a name by a format',
    `${HTTP} expect status 200\n http-check set-var(check.n) res.fhdr(x-n)\n http-check expect hdr name-lf -m str "%[var(check.n)]"`,
    ok('', 'x-n: X-A\r\nx-a: b\r\n'),
  ),
  of(
    'http: a value by a format',
    `${HTTP} expect hdr name -m beg x- value-lf -m end "%[res.hdr(x-n,2)]"`,
    ok('', 'x-n: a, bc\r\n'),
  ),
  of(
    'http: a whole value by a format',
    `${HTTP} expect ! fhdr name x-n value-lf "%[res.fhdr(x-n)]"`,
    ok('', 'x-n: a, bc\r\n'),
  ),
  of(
    'http: a format of nothing',
    `${HTTP} expect hdr name-lf "%[res.hdr(x-none)]"`,
    ok('', 'x-n: a\r\n'),
  ),
  of(
    'http: an upgrade',
    `${HTTP} send meth GET uri / ver HTTP/1.1 hdr host w hdr connection upgrade hdr upgrade raw\n http-check expect status 101`,
    [10, 'HTTP/1.1 101 Up\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n'],
  ),
  of('http: a post of nothing', `${HTTP} send meth POST uri / ver HTTP/1.1 hdr host w`, ok()),
  of('http: only a timeout', `${HTTP} expect status 200 tout-status L4TOUT`, [10]),
];

/** Servers of one protocol; the client's first bytes are compared, too. */
const error = (code: string, text: string): string => `\x17\x00\x00\x00\xff${code}${text}`;
const greeting = '\x0a\x00\x00\x00\x0a8.0.1\x00abc';
const PRESETS: readonly CheckCase[] = [
  of('smtp: good', 'option smtpchk', ['220 hi\r\n', 16, '250 ok go\r\n', 6, '221 bye\r\n']),
  of('smtp: EHLO', 'option smtpchk EHLO me.net', [
    '220 hi\r\n',
    13,
    '250-a\r\n250 b\r\n',
    6,
    '221 x\r\n',
  ]),
  of('smtp: refused', 'option smtpchk', ['554 go away\r\n']),
  of('smtp: refused later', 'option smtpchk', ['220 hi\r\n', 16, '502 no\r\n']),
  of('smtp: no SMTP', 'option smtpchk', ['HTTP/1.0 400 x\r\n']),
  of('smtp: silence', 'option smtpchk', []),
  of('smtp: nobody', 'option smtpchk', [null]),
  of('mysql: greeting', 'option mysql-check', [greeting]),
  of('mysql: error', 'option mysql-check', [error('\x10\x04', 'Too many connections')]),
  of('mysql: short', 'option mysql-check', ['\x20\x00\x00\x00abc', null]),
  of('mysql: half', 'option mysql-check', ['\x20\x00\x00']),
  of('mysql: login', 'option mysql-check user joe', [46, `${greeting}\x01\x00\x00\x02\x00`]),
  of('mysql: login pre-41', 'option mysql-check user joe pre-41', [
    19,
    `${greeting}\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00`,
  ]),
  of('mysql: login refused', 'option mysql-check user joe', [
    46,
    `${greeting}${error('\x15\x04', '#28000Access denied')}`,
  ]),
  of('pgsql: ok', 'option pgsql-check user joe', [18, 'R\x00\x00\x00\x08\x00\x00\x00\x00']),
  of('pgsql: md5', 'option pgsql-check user joe', [18, 'R\x00\x00\x00\x0c\x00\x00\x00\x05abcd']),
  of('pgsql: scram', 'option pgsql-check user joe', [
    18,
    'R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00',
  ]),
  of('pgsql: error', 'option pgsql-check user joe', [18, 'E\x00\x00\x00\x10SFATAL\x00no']),
  of('pgsql: other', 'option pgsql-check user joe', [18, 'HTTP/1.0 400']),
  of('redis: pong', 'option redis-check', [14, '+PONG\r\n']),
  of('redis: error', 'option redis-check', [14, '-NOAUTH Authentication required.\r\n', null]),
  of('redis: slow', 'option redis-check', [14, '+PO']),
  of('ldap: ok', 'option ldap-check', [14, '0\x0c\x02\x01\x01a\x07\x0a\x01\x00\x04\x00\x04\x00']),
  of('ldap: long form', 'option ldap-check', [
    14,
    '0\x84\x00\x00\x00\x10\x02\x01\x01a\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00',
  ]),
  of('ldap: in pieces', 'option ldap-check', [
    14,
    '0\x84\x00\x00\x00\x10\x02\x01\x01a\x84\x00\x00\x00\x07\x0a\x01',
    '\x00\x04\x00\x04\x00',
  ]),
  of('ldap: cut short', 'option ldap-check', [
    14,
    '0\x84\x00\x00\x00\x10\x02\x01\x01a\x84\x00\x00\x00\x07\x0a\x01',
    null,
  ]),
  of('ldap: a length of three bytes', 'option ldap-check', [
    14,
    '0\x83\x00\x00\x0c\x02\x01\x01a\x07\x0a\x01\x00\x04\x00\x04\x00',
  ]),
  of('ldap: refused', 'option ldap-check', [
    14,
    '0\x0c\x02\x01\x01a\x07\x0a\x01\x31\x04\x00\x04\x00',
  ]),
  of('ldap: no LDAP', 'option ldap-check', [14, 'HTTP/1.0 400 Bad']),
  of('ldap: no bind', 'option ldap-check', [
    14,
    '0\x0c\x02\x01\x02a\x07\x0a\x01\x00\x04\x00\x04\x00',
  ]),
  of('ssl hello', 'option ssl-hello-chk', [126, '\x16\x03\x00\x00\x02hi']),
  of('ssl alert', 'option ssl-hello-chk', [126, '\x15\x03\x00\x00\x02\x02\x28']),
  of('ssl: none', 'option ssl-hello-chk', [126, 'SSH-2.0']),
  of('ssl: silence', 'option ssl-hello-chk', []),
];
/**
 * Random bytes and times differ from run to run; and where HAProxy only logs what a MySQL or LDAP
 * server says of itself, ours stays in the statistics as well.
 */
function comparable(seen: Seen | undefined, name: string): Seen | undefined {
  if (!seen) return undefined;
  const { received, row, events } = seen;
  if (name.startsWith('ssl'))
    return { ...seen, received: received.slice(0, 11) + received.slice(43) };
  const told = row.status === 'UP' && /^(mysql|ldap)/.test(name) ? '' : row.last_chk;
  return {
    received: received.replace(/address=.*?; port=\d+/, 'address'),
    row: { ...row, last_chk: told },
    events,
  };
}

const ALL = [...TCP_CASES, ...HTTP_CASES, ...PRESETS];

/** The same answers to the checks of HAProxy and to ours: same bytes, events and statistics. */
describe('scripted checks, side by side with HAProxy', () => {
  let haproxy: Map<string, Seen>;
  let ours: Map<string, Seen>;

  beforeAll(async () => {
    // All of both, so that none is left behind when one fails.
    const runs = await Promise.allSettled(BOTH.map((which) => runChecks(which, ALL)));
    [haproxy, ours] = runs.map((run) => {
      if (run.status === 'rejected') throw run.reason;
      return run.value;
    }) as [typeof haproxy, typeof ours];
  }, 60_000);
  afterAll(() => console.log(`checks: ${ALL.length} cases compared`));

  test.each(ALL.map(({ name }) => [name]))('%s', (name) => {
    const expected = comparable(haproxy.get(name), name);
    expect(comparable(ours.get(name), name)).toEqual(expected);
    expect(expected!.events.length).toBeGreaterThan(0);
  });
});
