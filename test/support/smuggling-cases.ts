import type { HttpCase } from './http-cases.ts';

/** What would be a request of its own if two parsers disagreed on where the first one ends. */
const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n';
const BODY = '2\r\nok\r\n0\r\n\r\n';

/** A POST with these fields and this body, and another request right behind it. */
const post = (name: string, fields: string, body: string, more: Partial<HttpCase> = {}) => ({
  name,
  pieces: [`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}${NEXT}`],
  ...more,
});
const field = (fields: string, body: string = BODY, more: Partial<HttpCase> = {}): HttpCase =>
  post(JSON.stringify(fields.trimEnd()), fields, body, more);
const chunks = (body: string, more: Partial<HttpCase> = {}): HttpCase =>
  post(`chunks ${JSON.stringify(body.slice(0, 40))}`, 'Transfer-Encoding: chunked\r\n', body, more);
const raw = (text: string, more: Partial<HttpCase> = {}): HttpCase => ({
  name: JSON.stringify(text.slice(0, 60)),
  pieces: [text + NEXT],
  ...more,
});

/** Two lengths, or one that some take for none (CL.TE, TE.CL, TE.TE, CL.CL). */
const LENGTHS: readonly HttpCase[] = [
  field('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'),
  field('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n'),
  field('Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`),
  field(`Content-Length: ${HIDDEN.length}\r\nContent-Length: 0\r\n`, HIDDEN),
  field(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN),
  field(`Content-Length: 0, ${HIDDEN.length}\r\n`, HIDDEN),
  field('Content-Length: 0\r\nContent-Length: 0\r\n', ''),
  field('Content-Length: 2\r\ncontent-length: 2\r\n', 'ok'),
  field('Content-Length:2\r\n', 'ok'),
  field('Content-Length: 2;a\r\n', 'ok'),
  field('Content-Length: 2\t\r\n', 'ok'),
  field('Content-Length: 1e1\r\n', 'ok'),
  field('Content-Length: 0b10\r\n', 'ok'),
  field('Content-Length: "2"\r\n', 'ok'),
  field('Content-Length: \xb2\r\n', 'ok'),
  field('Content-Length: 2\v\r\n', 'ok'),
  field('Content_Length: 2\r\n', ''),
  field('Content-Length : 2\r\n', 'ok'),
  field('\tContent-Length: 2\r\n', 'ok'),
  field('Content-Length\r\n', ''),
  field('X: y\r\n Content-Length: 2\r\n', ''),
  field('X: y\rContent-Length: 2\r\n', ''),
  field('X: y\nContent-Length: 2\r\n', 'ok'),
  field('X: y\n\rContent-Length: 2\r\n', 'ok'),
  field('X: y\r\r\nContent-Length: 2\r\n', 'ok'),
];

const CODINGS: readonly HttpCase[] = [
  field('Transfer-Encoding : chunked\r\n'),
  field('Transfer-Encoding:chunked\r\n'),
  field('Transfer-Encoding:\tchunked\r\n'),
  field('Transfer-Encoding: chunked \t\r\n'),
  field('Transfer-Encoding: CHUNKED\r\n'),
  field('Transfer-Encoding\t: chunked\r\n'),
  field(' Transfer-Encoding: chunked\r\n'),
  field('X: y\r\n Transfer-Encoding: chunked\r\n'),
  field('X: y\nTransfer-Encoding: chunked\r\n'),
  field('X: y\rTransfer-Encoding: chunked\r\n'),
  field('Transfer_Encoding: chunked\r\n', ''),
  field('Transfer-Encoding: xchunked\r\n'),
  field('Transfer-Encoding: chunkedx\r\n'),
  field('Transfer-Encoding: chunk\r\n'),
  field('Transfer-Encoding: x, chunked\r\n'),
  field('Transfer-Encoding: chunked, x\r\n'),
  field('Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n'),
  field('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n'),
  field('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n'),
  field('Transfer-Encoding: identity\r\nContent-Length: 2\r\n', 'ok'),
  field("Transfer-Encoding: 'chunked'\r\n"),
  field('Transfer-Encoding: chunked\v\r\n'),
  field('Transfer-Encoding: chunked\f\r\n'),
  field('Transfer-Encoding: \xa0chunked\r\n'),
  field('Transfer-Encoding:\r\n chunked\r\n'),
  field('Transfer-Encoding: chu\r\n nked\r\n'),
  field('X-Transfer-Encoding: chunked\r\n', ''),
  field('Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n'),
  field('Connection: Content-Length\r\nContent-Length: 2\r\n', 'ok'),
];

/** HAProxy cuts chunks anew, as long as what it has. */
const AS_THEY_ARE: Partial<HttpCase> = { differs: ['origin'], why: 'chunks go on as they are' };

const CHUNKS: readonly HttpCase[] = [
  chunks(`+2\r\nok\r\n0\r\n\r\n`),
  chunks(`-2\r\nok\r\n0\r\n\r\n`),
  chunks(`0x2\r\nok\r\n0\r\n\r\n`),
  chunks(`2h\r\nok\r\n0\r\n\r\n`),
  chunks(`2 x\r\nok\r\n0\r\n\r\n`),
  chunks(`2\t\r\nok\r\n0\r\n\r\n`),
  chunks(`2;\r\nok\r\n0\r\n\r\n`),
  chunks(`2;a\r\nok\r\n0\r\n\r\n`),
  chunks(`2 ;a=b\r\nok\r\n0\r\n\r\n`),
  chunks(`2;${'a'.repeat(3000)}\r\nok\r\n0\r\n\r\n`),
  chunks(`2;a\nok\r\n0\r\n\r\n`),
  chunks(`2;a\rb\r\nok\r\n0\r\n\r\n`),
  chunks(`2\r\r\nok\r\n0\r\n\r\n`),
  chunks(`2\r\nok\n0\r\n\r\n`),
  chunks(`2\r\nok\r0\r\n\r\n`),
  chunks(`2\r\nok\r\n0\r\n\n`),
  chunks(`2\r\nok\r\n0\n\r\n`),
  chunks(`2\r\nok\r\n00000\r\n\r\n`),
  chunks(`2\r\nok0\r\n\r\n`),
  chunks(`7fffffff\r\nok`, { ...AS_THEY_ARE, talk: { limit: 300 } }),
  chunks(`80000000\r\nok`, { ...AS_THEY_ARE, talk: { limit: 300 } }),
  chunks(`ffffffff\r\nok`, { ...AS_THEY_ARE, talk: { limit: 300 } }),
  chunks(`100000002\r\nok\r\n0\r\n\r\n`, { ...AS_THEY_ARE, talk: { limit: 300 } }),
  chunks(`10000000000000002\r\nok\r\n0\r\n\r\n`),
  chunks(`fffffffffffffffe\r\nok\r\n0\r\n\r\n`),
  chunks(`\r\n2\r\nok\r\n0\r\n\r\n`),
  chunks(`\r\n`),
  chunks(`;\r\nok\r\n0\r\n\r\n`),
  chunks(`g\r\nok\r\n0\r\n\r\n`),
  chunks(`2\0\r\nok\r\n0\r\n\r\n`),
  chunks(`0\r\nX : y\r\n\r\n`, {
    differs: ['status', 'end', 'origin', 'log', 'text'],
    why: 'HAProxy refuses it now, passes it on then',
  }),
  chunks(`0\r\nX: y\r\n z\r\n\r\n`),
  chunks(`0\r\nX\r\n\r\n`),
  chunks(`0\r\nX: \x01\r\n\r\n`),
  chunks(`0\r\n${'X: y\r\n'.repeat(200)}\r\n`),
  chunks(`0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, {
    differs: ['log'],
    why: 'known before a server is chosen',
  }),
  chunks(`0\r\n${NEXT}`),
];

const LINES: readonly HttpCase[] = [
  raw('GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a b\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost : a\r\n\r\n'),
  raw('GET / HTTP/1.1\r\n Host: a\r\n\r\n'),
  raw('GET http://a/ HTTP/1.1\r\n\r\n'),
  raw('GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n'),
  raw('GET http://a:80/ HTTP/1.1\r\nHost: a:81\r\n\r\n'),
  raw('GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('GET /\r HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP/1.1\r\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a\r\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a\r\n\r\r\n'),
  raw('GET / HTTP/1.1\nHost: a\r\n\n'),
  raw('GET / HTTP/11\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP/1,1\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP 1.1\r\nHost: a\r\n\r\n'),
  raw('GET / HTTP/3.0\r\nHost: a\r\n\r\n'),
  raw('GET /\r\n'),
  raw('GET\r\n\r\n'),
  raw(' GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('\0GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  raw('post / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok'),
  raw('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok'),
  raw('HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok'),
  raw('TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok'),
  raw(`${'M'.repeat(200)} / HTTP/1.1\r\nHost: a\r\n\r\n`),
  raw('GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n'),
  raw('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'),
  raw('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'),
];

/** Requests whose end some parsers see elsewhere, with what they would take for the next one. */
export const SMUGGLING: Readonly<Record<string, readonly HttpCase[]>> = {
  lengths: LENGTHS,
  'transfer codings': CODINGS,
  chunks: CHUNKS,
  'start lines and Host': LINES,
};
