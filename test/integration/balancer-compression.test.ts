import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ask, both, type Respond, startWebs, withListens } from '../support/webs.ts';

const TEXT = 'a text that repeats itself, a text that repeats itself. '.repeat(200);

/** Answers as the query says: status, type, etag, control, coding, vary, chunked, empty. */
const respond: Respond = (request, response) => {
  const query = new URL(request.url ?? '/', 'http://x').searchParams;
  response.statusCode = Number(query.get('status') ?? 200);
  for (const name of query.keys()) {
    if (name !== 'status' && name !== 'chunked' && name !== 'empty') {
      response.setHeader(name, query.getAll(name));
    }
  }
  response.setHeader('x-accepted', String(request.headers['accept-encoding'] ?? 'nothing'));
  const body = query.has('empty') ? '' : TEXT;
  if (!query.has('chunked')) response.setHeader('content-length', body.length);
  if (query.has('chunked')) {
    response.write(body.slice(0, 3000));
    response.end(body.slice(3000));
  } else response.end(body);
};

interface Case {
  /** Which of the listens below. */
  listen: number;
  query?: string;
  headers?: Record<string, string>;
  method?: string;
}

const LISTENS = [
  ' compression algo gzip\n compression type text/html text/plain',
  ' compression algo identity gzip deflate raw-deflate',
  ' compression algo deflate\n compression algo gzip\n compression offload',
  ' compression algo raw-deflate\n filter compression',
  ' compression algo identity',
];

const gzip = { 'accept-encoding': 'gzip' };
const html = 'content-type=text/html';
const OLD = 'Mozilla/4.0 (compatible; MSIE 5.5; Windows NT 5.0)';
const SP2 = 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)';
const MSIE7 = 'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)';

const CASES: readonly Case[] = [
  { listen: 0, query: html, headers: gzip },
  { listen: 0, query: `${html};charset=utf-8`, headers: gzip },
  { listen: 0, query: 'content-type=text/PLAIN', headers: gzip },
  { listen: 0, query: 'content-type=image/png', headers: gzip },
  { listen: 0, headers: gzip },
  { listen: 0, query: `${html}&chunked=1`, headers: gzip },
  { listen: 0, query: `${html}&empty=1`, headers: gzip },
  { listen: 0, query: html },
  { listen: 0, query: html, headers: { 'accept-encoding': 'br' } },
  { listen: 0, query: html, headers: { 'accept-encoding': 'br, gzip;q=0.5' } },
  { listen: 0, query: html, headers: { 'accept-encoding': 'gzip;q=0' } },
  { listen: 0, query: html, headers: { 'accept-encoding': 'GZIP' } },
  { listen: 0, query: html, headers: { 'accept-encoding': '*' } },
  { listen: 0, query: html, headers: gzip, method: 'HEAD' },
  { listen: 0, query: `${html}&status=404`, headers: gzip },
  { listen: 0, query: `${html}&status=201`, headers: gzip },
  { listen: 0, query: `${html}&status=203&etag="a"`, headers: gzip },
  { listen: 0, query: `${html}&status=206`, headers: gzip },
  { listen: 0, query: `${html}&etag=W/"a"`, headers: gzip },
  { listen: 0, query: `${html}&etag=broken`, headers: gzip },
  { listen: 0, query: `${html}&content-encoding=br`, headers: gzip },
  { listen: 0, query: `${html}&cache-control=no-transform`, headers: gzip },
  { listen: 0, query: `${html}&cache-control=private, no-transform`, headers: gzip },
  { listen: 0, query: `${html}&vary=Cookie`, headers: gzip },
  { listen: 0, query: `${html}&vary=Accept-Encoding`, headers: gzip },
  { listen: 0, query: html, headers: { ...gzip, 'user-agent': OLD } },
  { listen: 0, query: html, headers: { ...gzip, 'user-agent': SP2 } },
  { listen: 0, query: html, headers: { ...gzip, 'user-agent': MSIE7 } },
  { listen: 1, query: 'content-type=multipart/form-data', headers: gzip },
  { listen: 1, headers: { 'accept-encoding': 'deflate, gzip' } },
  { listen: 1, headers: { 'accept-encoding': 'gzip, deflate' } },
  { listen: 1, headers: { 'accept-encoding': '*' } },
  { listen: 1, headers: { 'accept-encoding': 'gzip;q=0.4, deflate;q=0.6' } },
  { listen: 1 },
  { listen: 2, headers: { 'accept-encoding': 'gzip, br' } },
  { listen: 2, headers: { 'accept-encoding': 'br' } },
  { listen: 2, headers: { 'accept-encoding': 'deflate' } },
  { listen: 3, headers: { 'accept-encoding': 'deflate' } },
  { listen: 3, query: 'chunked=1', headers: { 'accept-encoding': 'deflate' } },
  { listen: 4, query: 'etag="x"' },
];

const unpack = (coding: string | undefined, raw: boolean, body: string): string => {
  const data = Buffer.from(body, 'latin1');
  if (data.length === 0) return '';
  if (coding === 'gzip') return gunzipSync(data).toString();
  if (coding === 'deflate') return (raw ? inflateRawSync(data) : inflateSync(data)).toString();
  return body;
};

const NAMES = [
  'content-encoding',
  'content-length',
  'content-type',
  'etag',
  'transfer-encoding',
  'vary',
  'x-accepted',
];

describe('compression, side by side with HAProxy', () => {
  test('the same responses in the same coding, and the same count of them', async () => {
    const [web] = await startWebs('a');
    web!.respond = respond;
    const stats = ' stats enable\n stats uri /stats';
    const { haproxy, bramble } = await both((which) =>
      withListens(
        which,
        [...LISTENS.map((lines) => `${lines}\n server s 127.0.0.1:${web!.port}`), stats],
        async (ports) => {
          const seen: unknown[] = [];
          for (const { listen, query = '', headers = {}, method = 'GET' } of CASES) {
            const reply = await ask(ports[listen]!, {
              path: encodeURI(`/?${query}`),
              headers,
              method,
            });
            const coding = reply.headers['content-encoding'];
            // Node's parser takes algorithms apart by their first byte no more than we do.
            const raw = listen === 3 || (listen === 1 && coding === 'deflate');
            seen.push({
              case: [listen, query, JSON.stringify(headers), method].join(' '),
              status: reply.status,
              fields: NAMES.map((name) => [name, reply.headers[name]]),
              same: query.includes('content-encoding') || unpack(coding, raw, reply.body) === TEXT,
              smaller: reply.body.length < TEXT.length / 2,
            });
          }
          const csv = (await ask(ports.at(-1)!, { path: '/stats;csv' })).body.split('\n');
          const columns = csv[0]!.slice(2).split(',');
          const counts = csv
            .filter((line) => /^x\d,(FRONTEND|BACKEND|s),/.test(line))
            .map((line) => {
              const cells = line.split(',');
              const at = (name: string): string => cells[columns.indexOf(name)] ?? '';
              const less = Number(at('comp_out')) < Number(at('comp_in')) / 2;
              return [cells[0], cells[1], at('comp_in'), at('comp_byp'), at('comp_rsp'), less];
            });
          return { seen, counts };
        },
      ),
    );
    await web!.stop();
    for (const [index, each] of haproxy.seen.entries()) {
      expect.soft(bramble.seen[index]).toEqual(each);
    }
    expect(bramble.counts).toEqual(haproxy.counts);
    console.log(`${haproxy.seen.length} responses compared`);
  });
});
