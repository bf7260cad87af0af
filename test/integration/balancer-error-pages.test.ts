import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answersIn, requestOf, talk } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { HaproxyVerdicts, ourVerdict } from '../support/verdicts.ts';
import { together } from '../support/webs.ts';

const directory = mkdtempSync(join(tmpdir(), 'bramble-errors-'));
const file = (name: string): string => join(directory, name);
const page = (status: number, text: string): string =>
  `HTTP/1.1 ${status} Odd\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\nX-Page: ${text}\r\n\r\n${text}`;
beforeAll(() => {
  for (const status of [400, 403, 503])
    writeFileSync(file(`${status}.http`), page(status, `own ${status}`));
  writeFileSync(file('other.http'), page(418, 'other'));
  writeFileSync(file('empty.http'), '');
  writeFileSync(file('text'), 'plain text\n');
  writeFileSync(file('format'), 'from %[src] to %[path]\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

const SECTIONS = (): string => `
http-errors one
    errorfile 503 ${file('503.http')}
    errorfile 403 ${file('403.http')}
http-errors two
    errorfile 403 ${file('other.http')}
    errorfile 400 ${file('400.http')}
`;

const DENY = 'http-request deny if { path /deny }\n';
/** Each is the lines of a proxy; its server is never there. */
const CASES: readonly [name: string, lines: () => string][] = [
  ['an errorfile', () => `errorfile 503 ${file('503.http')}`],
  ['an empty errorfile', () => `errorfile 503 ${file('empty.http')}`],
  ['a file with another status', () => `errorfile 503 ${file('other.http')}`],
  ['errorloc', () => 'errorloc 503 http://x/503\nerrorloc 400 /400'],
  ['errorloc302', () => 'errorloc302 403 /403'],
  ['errorloc303', () => 'errorloc303 503 http://x/503?a=b\nerrorloc303 400 /400'],
  ['errorfiles', () => 'errorfiles one'],
  ['errorfiles of some', () => 'errorfiles one 503'],
  ['errorfiles, one after the other', () => 'errorfiles one\nerrorfiles two'],
  ['errorfiles, then errorloc', () => 'errorfiles one\nerrorloc 503 /x'],
  ['errorloc, then errorfiles', () => 'errorloc 503 /x\nerrorfiles one 503'],
  [
    'deny with errorfiles',
    () => 'http-request deny deny_status 403 errorfiles two if { path /deny }',
  ],
  [
    'http-error with a string',
    () => `http-error status 503 content-type text/plain string "nobody is there"`,
  ],
  [
    'http-error with a file',
    () => `http-error status 503 content-type text/plain file ${file('text')}`,
  ],
  [
    'http-error with a format',
    () => `http-error status 503 content-type text/plain lf-string "%[src] %[path]"`,
  ],
  [
    'http-error with a file of a format',
    () => `http-error status 403 content-type text/plain lf-file ${file('format')}`,
  ],
  [
    'http-error with fields',
    () =>
      `http-error status 503 content-type text/html string "<b>" hdr X-One 1 hdr X-Two "%[path]"`,
  ],
  ['http-error without a text', () => 'http-error status 503 hdr Retry-After 5'],
  ['http-error with an errorfile', () => `http-error status 503 errorfile ${file('503.http')}`],
  ['http-error with errorfiles', () => `http-error status 403 errorfiles one`],
  [
    'http-error of an error of its own kind',
    () => `http-error status 400 content-type text/plain string bad`,
  ],
  [
    'http-error by default',
    () => `errorfile 503 ${file('503.http')}\nhttp-error status 503 default-errorfiles`,
  ],
  [
    'http-error, then errorfile',
    () =>
      `http-error status 503 content-type text/plain string x\nerrorfile 503 ${file('503.http')}`,
  ],
  [
    'errorfile, then http-error',
    () =>
      `errorfile 503 ${file('503.http')}\nhttp-error status 503 content-type text/plain string x`,
  ],
  [
    'http-error for a deny',
    () =>
      'http-error status 429 content-type text/plain string slow\nhttp-request deny deny_status 429 if { path /deny }',
  ],
  [
    'http-error for auth',
    () =>
      'http-error status 401 content-type text/plain string who\nhttp-request auth if { path /deny }',
  ],
  [
    'http-error for a return',
    () =>
      'http-error status 404 content-type text/plain string gone\nhttp-request return status 404 default-errorfiles if { path /deny }',
  ],
  [
    'http-error and rules behind it',
    () =>
      'http-error status 503 content-type text/plain string x\nhttp-after-response set-header x-late "%[status]"',
  ],
];

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const REQUESTS = [
  get('/deny'),
  get('/none'),
  'GET / nonsense\r\n\r\n',
  `HEAD / HTTP/1.1\r\nHost: x\r\n\r\n`,
];

async function scenario(which: Which) {
  const first = await freePortRange(CASES.length + 2);
  const [dead, probe] = [first + CASES.length, first + CASES.length + 1];
  const config = `
global
    log stdout format raw local0
${SECTIONS()}
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    retries 0
    http-error status 500 content-type text/plain string inherited
${CASES.map(
  ([, lines], index) => `
listen x${index}
    bind 127.0.0.1:${first + index}
    ${lines().replaceAll('\n', '\n    ')}
    ${DENY}
    http-request deny deny_status 500 if { path /500 }
    server s 127.0.0.1:${dead}
`,
).join('')}
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${probe}
`;
  await using proxy = await startEither(which, { config, ports: [probe] });
  const seen = await Promise.all(
    CASES.map(async ([name], index) => {
      const answers = [];
      for (const request of [...REQUESTS, ...(index === 0 ? [get('/500')] : [])]) {
        const { text } = await talk(first + index, [request], { limit: 1000 });
        answers.push(answersIn(text));
      }
      return { name, answers };
    }),
  );
  await sleep(200);
  const lines = proxy.out.map((line) => requestOf(line).replace(/ -1\/|N\//g, ' T/'));
  return seen.map((one, index) => ({
    ...one,
    log: lines.filter((line) => line.startsWith(`x${index} `)),
  }));
}

describe('error pages, side by side with HAProxy', () => {
  test(`${CASES.length} proxies with pages of their own`, async () => {
    const { haproxy, bramble } = await together(scenario);
    for (const [index, one] of bramble.entries()) expect.soft(one).toEqual(haproxy[index]);
    expect(haproxy.flatMap(({ log }) => log).length).toBe(REQUESTS.length * CASES.length + 1);
  });
});

const LINES = [
  'http-error status 503 content-type text/plain string x',
  'http-error status 503 string x',
  'http-error status 503',
  'http-error status 599 content-type text/plain string x',
  'http-error status 300 content-type text/plain string x',
  'http-error status',
  'http-error',
  'http-error string x',
  'http-error content-type text/plain string x status 503',
  'http-error status 503 content-type text/plain lf-string "%[path]"',
  'http-error status 503 content-type text/plain lf-string "%[res.hdr(x)]"',
  'http-error status 503 content-type text/plain lf-string "%[foo]"',
  'http-error status 503 file /nowhere',
  'http-error status 503 content-type text/plain string x if TRUE',
  'http-error status 503 default-errorfiles',
  'http-error status 503 foo',
  'error-log-format "%ci %[fc_err]"',
  'error-log-format "%zz"',
  'error-log-format',
  'error-log-format a b',
  'option httplog clf',
  'option httplog clf x',
  'option httplog foo',
];

describe('verdicts, side by side with HAProxy', () => {
  const theirs = new HaproxyVerdicts();
  afterAll(() => theirs.close());
  test.each(LINES)('%s', async (line) => {
    // What a backend ignores is not read any further.
    const back = line.startsWith('http-error') ? ['backend b'] : [];
    for (const section of ['frontend f\n    bind 127.0.0.1:3', 'defaults d', ...back]) {
      const text = `
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen l
    bind 127.0.0.1:2
${section}
    ${line}
`;
      expect([section, await ourVerdict(text)]).toEqual([section, await theirs.of(text)]);
    }
  });
});
