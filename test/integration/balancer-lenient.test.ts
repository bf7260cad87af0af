import { expect, test } from 'vitest';
import type { HttpCase } from '../support/http-cases.ts';
import { see, startHttp } from '../support/http-side-by-side.ts';

const request = (line: string, ...fields: string[]): string =>
  `${[line, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`;
const response = (...fields: string[]): string =>
  `${['HTTP/1.1 200 OK', 'Content-Length: 2', ...fields].join('\r\n')}\r\n\r\nok`;

const CASES: readonly HttpCase[] = [
  { name: 'plain', pieces: [request('GET / HTTP/1.1')] },
  { name: 'high bytes in the target', pieces: [request('GET /caf\xe9 HTTP/1.1')] },
  { name: 'a fragment in the target', pieces: [request('GET /a#b HTTP/1.1')] },
  { name: 'odd name', pieces: [request('GET / HTTP/1.1', 'X[a]: 1')] },
  { name: 'high byte in a name', pieces: [request('GET / HTTP/1.1', 'X\xe9: 1')] },
  { name: 'no name', pieces: [request('GET / HTTP/1.1', ': 1')] },
  { name: 'control character in the target', pieces: [request('GET /a\x01b HTTP/1.1')] },
  {
    name: 'odd name of a server',
    pieces: [request('GET / HTTP/1.1')],
    script: [response('X(b): 1')],
  },
  {
    name: 'high byte of a server',
    pieces: [request('GET / HTTP/1.1')],
    script: [response('X\xe9: 1')],
  },
];

const OPTIONS = {
  frontend: ' option accept-invalid-http-request',
  backend: ' option accept-invalid-http-response',
};

test.each([
  ['as a rule', {}],
  ['with the options', OPTIONS],
])('what is no head, %s, is taken as HAProxy takes it', async (_name, lines) => {
  await using haproxy = await startHttp('haproxy', lines);
  await using ours = await startHttp('bramble', lines);
  for (const one of CASES) {
    const theirs = await see(haproxy, one);
    const own = await see(ours, one);
    const clean = (value: unknown, port: number, origin: number): unknown =>
      JSON.parse(
        JSON.stringify(value).replaceAll(`${port}`, 'PORT').replaceAll(`${origin}`, 'ORIGIN'),
      );
    expect
      .soft(clean(own, ours.port, ours.origin.port), one.name)
      .toEqual(clean(theirs, haproxy.port, haproxy.origin.port));
  }
  console.log(`${CASES.length} exchanges compared`);
});

test('a blank before a colon is refused all the same: two parsers would read two names', async () => {
  await using ours = await startHttp('bramble', OPTIONS);
  const asked = { name: 'request', pieces: [request('GET / HTTP/1.1', 'Content-Length : 1')] };
  expect((await see(ours, asked)).status).toEqual([400]);
  const script = [response('Transfer-Encoding : chunked')];
  const answered = { name: 'response', pieces: [request('GET / HTTP/1.1')], script };
  expect((await see(ours, answered)).status).toEqual([502]);
});
