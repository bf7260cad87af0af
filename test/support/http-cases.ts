import type { Script, Talk } from './http-peers.ts';

/**
 * One raw exchange that HAProxy and we must treat alike. `differs` names what we do otherwise on
 * purpose (`all`: only that neither hangs is compared), and `why`.
 */
export interface HttpCase {
  name: string;
  pieces: readonly string[];
  script?: Script;
  talk?: Talk;
  differs?: readonly ('status' | 'end' | 'origin' | 'log' | 'text')[];
  why?: string;
}

const REST = 'Host: a\r\n\r\n';
const get = (fields = ''): string => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (fields: string, body: string): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
const OK_CHUNKED = '2\r\nok\r\n0\r\n\r\n';
const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => `X-${index}: a\r\n`).join('');
const answer = (text: string): Script => [text];
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: foo\r\n';
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\npong`;

const line = (text: string, rest = REST): HttpCase => ({
  name: text,
  pieces: [`${text}\r\n${rest}`],
});
const field = (text: string, more: Partial<HttpCase> = {}): HttpCase => ({
  name: JSON.stringify(text),
  pieces: [get(`${text}\r\n`)],
  ...more,
});
const length = (value: string, more: Partial<HttpCase> = {}): HttpCase => ({
  name: `Content-Length:${value}`,
  pieces: [post(`Content-Length:${value}\r\n`, 'ok')],
  ...more,
});
const coding = (value: string, more: Partial<HttpCase> = {}): HttpCase => ({
  name: `Transfer-Encoding:${value}`,
  pieces: [post(`Transfer-Encoding:${value}\r\n`, OK_CHUNKED)],
  ...more,
});
const chunk = (name: string, body: string, more: Partial<HttpCase> = {}): HttpCase => ({
  name: `chunks: ${name}`,
  pieces: [chunked(body)],
  ...more,
});
const reply = (name: string, script: Script, more: Partial<HttpCase> = {}): HttpCase => ({
  name: `server: ${name}`,
  pieces: [get()],
  script,
  ...more,
});

const OWN_VERSION = 'a proxy speaks its own version (RFC 9110, 2.5)';

export const START_LINES: readonly HttpCase[] = [
  line('GET / HTTP/1.1'),
  line('GET / HTTP/1.0'),
  line('GET / HTTP/1.2'),
  line('GET / HTTP/2.0'),
  { ...line('GET / HTTP/0.9'), differs: ['origin'], why: OWN_VERSION },
  line('GET /', ''),
  line('GET / HTTP/1.10'),
  line('GET / HTTP/1.'),
  line('GET / HTTP/'),
  line('GET / http/1.1'),
  line('GET / RTSP/1.0'),
  line('get / HTTP/1.1'),
  line('M-SEARCH! / HTTP/1.1'),
  line('G(T / HTTP/1.1'),
  line('GET  / HTTP/1.1'),
  line('GET /  HTTP/1.1'),
  line('GET / HTTP/1.1 '),
  line('GET\t/\tHTTP/1.1'),
  line('GET /a b HTTP/1.1'),
  line('GET /\xe9 HTTP/1.1'),
  line('GET /\x01 HTTP/1.1'),
  line('GET /\x7f HTTP/1.1'),
  line('GET /a#b HTTP/1.1'),
  line('GET /a"<>\\^`{|} HTTP/1.1'),
  line('GET foo HTTP/1.1'),
  line('GET *x HTTP/1.1'),
  line('OPTIONS * HTTP/1.1'),
  line('GET http://a/x?y HTTP/1.1'),
  line('GET http://b/x?y HTTP/1.1'),
  {
    ...line('GET http://a:80/x HTTP/1.1'),
    differs: ['origin', 'log'],
    why: 'the target goes on as it came',
  },
  line('GET http://u:p@a/ HTTP/1.1'),
  line('GET HTTP://A/ HTTP/1.1'),
  line('GET http://a HTTP/1.1'),
  line('GET ftp+x://a/ HTTP/1.1'),
  line('GET 1http://a/ HTTP/1.1'),
  line('GET http:///x HTTP/1.1'),
  line('GET a:80 HTTP/1.1'),
  line('CONNECT /foo HTTP/1.1'),
  line('CONNECT a HTTP/1.1'),
  line(`GET /${'x'.repeat(15_000)} HTTP/1.1`),
  line(`GET /${'x'.repeat(15_249)} HTTP/1.1`),
  line(`GET /${'x'.repeat(15_260)} HTTP/1.1`),
  line(`GET /${'x'.repeat(20_000)} HTTP/1.1`),
  { name: 'empty lines first', pieces: [`\r\n\n\r\n${get()}`] },
  { name: 'bare LF', pieces: ['GET / HTTP/1.1\nHost: a\n\n'] },
  { name: 'TLS hello', pieces: ['\x16\x03\x01\x00\xa5\x01'] },
  { name: 'no HTTP at all', pieces: ['this is not http and goes on'] },
  { name: 'head in pieces', pieces: ['GE', 'T / HT', 'TP/1.1\r\nHo', 'st: a\r\n', '\r\n'] },
  {
    name: 'HTTP/2 preface',
    pieces: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    differs: ['status', 'end', 'log', 'text'],
    why: 'HAProxy changes to HTTP/2 on the spot, which we do not speak',
  },
];

export const FIELDS: readonly HttpCase[] = [
  ...['trailers', 'trailers, gzip', 'gzip', 'gzip, trailers', 'trailers;q=0.5', 'trailersx'].map(
    (value) => field(`TE: ${value}`),
  ),
  field('X-Foo: Bar'),
  field('ACCEPT:  x y  '),
  field('X : y'),
  field('X: y\r\n z'),
  field('X: a\r\n \r\n\tb'),
  field('X: y\n z '),
  field('X:\r\nY: \t '),
  field('X: a\tb\t'),
  field('X: \xe9'),
  field('X\xe9: a'),
  field('X(: a'),
  field("X_!#$%&'*+-.^`|~: a"),
  field(': a'),
  field('foo'),
  field('X: a\rb'),
  field('X: a\x01b'),
  field('X: a\0b', {
    differs: ['status', 'end', 'origin', 'log', 'text'],
    why: 'a NUL must be refused (RFC 9110, 5.5)',
  }),
  field('Host: a'),
  field('Host: A'),
  field('Host: b'),
  { name: 'no Host', pieces: ['GET / HTTP/1.1\r\n\r\n'] },
  { name: 'empty Host', pieces: ['GET / HTTP/1.1\r\nHost:\r\n\r\n'] },
  { name: 'first line folded', pieces: ['GET / HTTP/1.1\r\n Host: a\r\n\r\n'] },
  { name: '100 fields', pieces: [get(many(99))] },
  { name: '101 fields', pieces: [get(many(100))] },
  field(`X: ${'x'.repeat(15_240)}`),
  field(`X: ${'x'.repeat(15_250)}`),
  field(`X: ${'x'.repeat(17_000)}`),
  field('Connection: close'),
  field('Connection: keep-alive'),
  field('Connection: close, X-Foo'),
  field('Connection: keep-alive, close'),
  field('Connection: close\r\nConnection: keep-alive'),
  field('Connection: , CLOSE ,foo , bar', { differs: ['origin'], why: 'a blank behind the comma' }),
  field('Connection: Upgrade\r\nUpgrade: foo'),
  field('Upgrade: foo'),
  field('Connection: Upgrade\r\nUpgrade: websocket'),
  field('Keep-Alive: 3\r\nProxy-Connection: x\r\nTE: trailers'),
  { name: '1.0 keep-alive', pieces: ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'] },
  { name: '1.0 both', pieces: ['GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n'] },
];

export const LENGTHS: readonly HttpCase[] = [
  length(' 2'),
  length(' 2\r\nContent-Length: 2'),
  length(' 2, 2'),
  length(' 2\r\nContent-Length: 3'),
  length(' 02\r\nContent-Length: 2'),
  length(' 2,,2'),
  length(' 2,'),
  length(' 2 2'),
  length(' +2'),
  length(' -1'),
  length(' 0x2'),
  length(' 2.0'),
  length(''),
  length(' \t2\t'),
  length('\r\n 2'),
  length(' 0002'),
  length(' 99999999999999999999999'),
  length(' 9223372036854775808'),
  length(' 2\r\nTransfer-Encoding: identity'),
  {
    name: 'both lengths',
    pieces: [post('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', OK_CHUNKED)],
  },
  {
    name: 'both lengths in 1.0',
    pieces: [
      `POST / HTTP/1.0\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${OK_CHUNKED}`,
    ],
  },
  {
    name: 'chunked in 1.0',
    pieces: [`POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${OK_CHUNKED}`],
  },
  coding(' chunked'),
  coding(' Chunked'),
  coding(' chunked,', { differs: ['origin'], why: 'forwarded as `chunked`' }),
  coding(' , chunked'),
  coding(' gzip, chunked'),
  coding(' identity, chunked'),
  coding(' gzip\r\nTransfer-Encoding: chunked'),
  coding(' chunked\r\nTransfer-Encoding: chunked'),
  coding(' chunked, gzip'),
  coding(' chunked, identity'),
  coding(' gzip'),
  coding(' xchunked'),
  coding(' "chunked"'),
  coding(' chunked;q=1'),
  coding('\x0bchunked'),
  coding('\r\n chunked'),
  coding(''),
  chunk('plain', OK_CHUNKED),
  chunk('extension', '2;a="b\r\nok\r\n0\r\n\r\n'),
  chunk('bare LF', '2\nok\n0\n\n'),
  chunk('blank behind the size', '2 \r\nok\r\n0\r\n\r\n'),
  chunk('blank before the size', ' 2\r\nok\r\n0\r\n\r\n'),
  chunk('leading zeros', '0000000000000002\r\nok\r\n0\r\n\r\n'),
  chunk('CR alone', '2\rXok\r\n0\r\n\r\n'),
  chunk('too large', 'FFFFFFFFFFFFFFFFF\r\nok\r\n0\r\n\r\n'),
  chunk('no size', 'zz\r\n'),
  chunk('no CRLF behind the data', '2\r\nokX\r\n0\r\n\r\n'),
  chunk('trailers', '2\r\nok\r\n0\r\nX-T: v\r\n\r\n'),
  chunk('framing trailers', '2\r\nok\r\n0\r\nContent-Length: 3\r\nHost: b\r\n\r\n', {
    differs: ['origin'],
    why: 'such fields must not stand in trailers (RFC 9110, 6.5.1)',
  }),
  { name: 'POST without a length', pieces: [post('', '')] },
  { name: 'GET with a body', pieces: [`${get('Content-Length: 2\r\n')}ok`] },
];

export const RESPONSES: readonly HttpCase[] = [
  reply(
    'fields',
    answer(
      'HTTP/1.1 200 Fine Reason\r\nContent-Length: 2\r\nX-A: B\r\nConnection: keep-alive\r\n\r\nok',
    ),
  ),
  reply('no reason', answer('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n')),
  reply('status 600', answer('HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n')),
  reply('version 1.5', answer('HTTP/1.5 200 OK\r\nContent-Length: 0\r\n\r\n')),
  reply('bare LF', answer('HTTP/1.1 200 OK\nContent-Length: 0\n\n')),
  reply('empty line first', answer('\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
  reply('1.0', answer('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')),
  reply('1.0 until close', ['HTTP/1.0 200 OK\r\n\r\nhello', null]),
  reply('until close', ['HTTP/1.1 200 OK\r\n\r\nhello', null]),
  reply(
    'chunked',
    answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
  ),
  reply(
    'both lengths',
    answer(
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ),
  ),
  reply(
    'conflicting lengths',
    answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n'),
  ),
  reply(
    'gzip, chunked',
    answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  ),
  reply('gzip', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzzz', null]),
  reply('bad chunk', answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')),
  reply(
    '0x chunk',
    answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n'),
  ),
  reply('garbage', answer('garbage\r\n\r\n')),
  reply('space before the colon', answer('HTTP/1.1 200 OK\r\nX : 0\r\nContent-Length: 0\r\n\r\n')),
  reply(
    'head of 14 KB',
    answer(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ${'y'.repeat(14_000)}\r\n\r\nok`),
  ),
  reply(
    'head of 20 KB',
    answer(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ${'y'.repeat(20_000)}\r\n\r\nok`),
  ),
  reply('closes at once', [null]),
  reply('closes in its head', ['HTTP/1.1 200 OK\r\nConte', null]),
  reply('closes in its body', ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', null]),
  reply(
    'closes in a chunk',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', null],
    {
      differs: ['text'],
      why: 'HAProxy cuts chunks anew; ours go on as they are',
    },
  ),
  reply('more than its length', answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEXTRA')),
  reply('asks to close', [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
    null,
  ]),
  reply(
    '100 first',
    answer('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  ),
  reply(
    '103 first',
    answer(
      'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ),
  ),
  reply('204 with a length', answer('HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n')),
  reply('204 chunked', answer('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n')),
  reply('304 with a length', answer('HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n')),
  reply('426 with Upgrade', answer(`HTTP/1.1 426 U\r\nContent-Length: 0\r\n${UPGRADE}\r\n`)),
  reply('101 that nobody asked for', answer(SWITCH), {
    differs: ['log'],
    why: 'HAProxy counts the 101 that it did not send',
  }),
  reply('status of two digits', answer('HTTP/1.1 20 OK\r\n\r\n'), {
    differs: ['status', 'end', 'log', 'text'],
    why: 'no client could read it (RFC 9112, 4)',
  }),
  reply('status below 100', answer('HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'), {
    differs: ['status', 'end', 'log', 'text'],
    why: 'no such status (RFC 9110, 15)',
  }),
  reply(
    '1.0 client, chunked',
    answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
    {
      pieces: ['GET / HTTP/1.0\r\n\r\n'],
    },
  ),
  reply('HEAD', answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'), {
    pieces: ['HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'],
  }),
  reply('HEAD with a body', answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), {
    pieces: ['HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'],
  }),
  reply('switches protocols', answer(SWITCH), {
    pieces: [get(UPGRADE), 'ping'],
    differs: ['log'],
    why: 'the time of its end is the client’s',
  }),
  reply('early answer', answer('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'), {
    pieces: [post('Content-Length: 10\r\n', 'abc'), 'defghij', get()],
  }),
];

export const CONNECTIONS: readonly HttpCase[] = [
  { name: 'three at once', pieces: [get().repeat(3)] },
  { name: 'the second is bad', pieces: [`${get()}GARBAGE\r\n\r\n`] },
  { name: 'FIN behind the request', pieces: [get()], talk: { fin: true } },
  { name: 'FIN behind three requests', pieces: [get().repeat(3)], talk: { fin: true } },
  { name: 'FIN in the head', pieces: ['GET / HT'], talk: { fin: true } },
  { name: 'FIN at once', pieces: [], talk: { fin: true } },
  {
    name: 'FIN in the body',
    pieces: [post('Content-Length: 10\r\n', 'abc')],
    script: [],
    talk: { fin: true },
  },
  {
    name: 'broken chunk later',
    pieces: [chunked('2\r\nok\r\n'), 'zz\r\n'],
    script: [],
    differs: ['log'],
    why: 'bytes of our own error',
  },
];
