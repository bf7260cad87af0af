import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpCase } from '../support/http-cases.ts';
import { OK, requestOf, type Script, talk } from '../support/http-peers.ts';
import { type HttpSetup, seeAll, startHttp } from '../support/http-side-by-side.ts';
import { BOTH } from '../support/side-by-side.ts';
import { Peer } from '../support/tcp-peers.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
const HEAD = 'HTTP/1.1 200 OK\r\n';
const FORBIDDEN = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno';

const server = (name: string, script: Script, more: Partial<HttpCase> = {}): HttpCase => ({
  name,
  pieces: [GET],
  script,
  ...more,
});

const CASES: readonly HttpCase[] = [
  server('resets at once', ['rst']),
  server('resets in its head', [`${HEAD}Conte`, 'rst'], {
    differs: ['log', 'status', 'text', 'end'],
    why: 'the reset may overtake the bytes',
  }),
  server('closes in its first line', ['HTT', null]),
  server('sends an empty line and closes', ['\r\n', null]),
  server('sends NUL', ['\0\0\0\0\0\0\0\0']),
  server('sends a TLS alert', ['\x15\x03\x03\0\x02\x02\x28']),
  server('speaks SSH', ['SSH-2.0-OpenSSH_9.2\r\n']),
  server('speaks HTTP/0.9', ['<html>hello</html>', null]),
  server('sends 20 KB without an end of line', ['x'.repeat(20_000)]),
  server('sends an endless line', [`${HEAD}X: ${'x'.repeat(40_000)}`]),
  server('sends an endless head', [`${HEAD}${'X: y\r\n'.repeat(4000)}`]),
  server('101 fields', [`${HEAD}Content-Length: 0\r\n${'X: y\r\n'.repeat(101)}\r\n`]),
  server('NUL in a field', [`${HEAD}X: a\0b\r\nContent-Length: 0\r\n\r\n`], {
    differs: ['status', 'end', 'log', 'text'],
    why: 'a NUL must be refused (RFC 9110, 5.5)',
  }),
  server('a folded field', [`${HEAD}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`]),
  server('a field without a name', [`${HEAD}: a\r\nContent-Length: 0\r\n\r\n`]),
  server('a line without a colon', [`${HEAD}foo\r\nContent-Length: 0\r\n\r\n`]),
  server('length with a sign', [`${HEAD}Content-Length: +2\r\n\r\nok`]),
  server('negative length', [`${HEAD}Content-Length: -1\r\n\r\nok`]),
  server('length in hexadecimal', [`${HEAD}Content-Length: 0x2\r\n\r\nok`]),
  server('the same length twice', [`${HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`]),
  server('an empty length', [`${HEAD}Content-Length:\r\n\r\nok`]),
  server('a length beyond 2^64', [`${HEAD}Content-Length: 99999999999999999999\r\n\r\nok`]),
  server('chunked twice', [
    `${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ]),
  server('no chunk at all', [`${HEAD}Transfer-Encoding: chunked\r\n\r\nhello\r\n`]),
  server('a negative chunk', [`${HEAD}Transfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n`]),
  server('a chunk beyond 2^64', [
    `${HEAD}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n`,
  ]),
  server(
    'bad trailers',
    [`${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX : y\r\n\r\n`],
    {
      differs: ['status', 'end', 'log', 'text'],
      why: 'HAProxy refuses them now, passes them on then',
    },
  ),
  server('a hundred 100s first', [`${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)}${OK[0]}`]),
  server('a hundred 103s first', [
    `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)}${OK[0]}`,
  ]),
  server('100 and closes', ['HTTP/1.1 100 Continue\r\n\r\n', null]),
  server('100 and garbage', ['HTTP/1.1 100 Continue\r\n\r\ngarbage\r\n\r\n'], {
    differs: ['status', 'log', 'text'],
    why: 'an interim response goes on before the next is looked at',
  }),
  server('two responses', [`${OK[0]}${FORBIDDEN}`], { pieces: [GET, GET] }),
  server('304 with a body', ['HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok'], {
    pieces: [GET, GET],
  }),
  server('204 with a body', ['HTTP/1.1 204 No Content\r\n\r\nok'], { pieces: [GET, GET] }),
  server('answers early and stays', [FORBIDDEN], { pieces: [`${POST}abc`, 'defghij', GET] }),
  server('answers early and closes', [FORBIDDEN, null], { pieces: [`${POST}abc`, 'defghij'] }),
  server(
    'answers early and says so',
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno', null],
    { pieces: [`${POST}abc`, 'defghij'] },
  ),
  server('answers early, in half', [`${HEAD}Content-Length: 10\r\n\r\nabc`, null], {
    pieces: [`${POST}abc`],
    differs: ['log'],
    why: 'HAProxy forgets the status that it has passed on',
  }),
  server('garbage before the request ends', ['garbage\r\n\r\n'], { pieces: [`${POST}abc`] }),
  server('closes before the request ends', [null], { pieces: [`${POST}abc`] }),
  server('resets before the request ends', ['rst'], {
    pieces: [`${POST}abc`],
    differs: ['status', 'log', 'text'],
    why: 'HAProxy closes without a word where we say 502',
  }),
];

describe('servers that misbehave, side by side with HAProxy', () => {
  let setups: [HttpSetup, HttpSetup];
  beforeAll(async () => {
    const more = { timeouts: '    timeout server 700ms' };
    setups = (await Promise.all(BOTH.map((which) => startHttp(which, more)))) as typeof setups;
  });
  afterAll(async () => {
    await Promise.all((setups ?? []).map((setup) => setup[Symbol.asyncDispose]()));
  });

  test.each(CASES.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const patient = { talk: { limit: 1200, quiet: 100, ...one.talk } };
    // Bodies of requests are the origin's business, not the theme here.
    const differs = [...(one.differs ?? []), 'origin'] as const;
    const [theirs, ours] = await seeAll(setups, { ...one, ...patient, differs });
    console.log(`${one.name}: ${ours!.full.log.join(' | ')}`);
    expect(ours!.compared).toEqual(theirs!.compared);
  });
});

describe('servers that speak or leave before they are asked', () => {
  const SERVES: Readonly<Record<string, (socket: import('node:net').Socket) => void>> = {
    'close at once': (socket) => void socket.end(),
    'reset at once': (socket) => void socket.resetAndDestroy(),
    'answer at once': (socket) => void socket.on('data', () => {}).write(OK[0] as string),
    'greet as SMTP does': (socket) => void socket.on('data', () => {}).write('220 hello\r\n'),
  };
  test.each(Object.keys(SERVES))('%s', async (name) => {
    const outcomes = await Promise.all(
      BOTH.map(async (which) => {
        const peer = await new Peer('server', SERVES[name]!).start();
        await using setup = await startHttp(which, {
          backend: `    retries 0\n    server other 127.0.0.1:${peer.port}`,
          server: 'disabled',
        });
        const { text, end } = await talk(setup.port, [GET], { limit: 1500, quiet: 150 });
        await sleep(60);
        await peer.stop();
        const log = setup.proxy.out.map((line) => requestOf(line).replace(/ [-N\d/]+\/\S+ /, ' '));
        return { status: text.slice(0, 12), end, log };
      }),
    );
    console.log(`${name}: ${JSON.stringify(outcomes[1])}`);
    // A reset may come before or behind the end of the connect, which is a race in either.
    const race = name === 'reset at once' && outcomes[0]?.status !== outcomes[1]?.status;
    if (race) expect(outcomes[1]?.log[0]).toMatch(/ (502 209 SH|503 217 SC)-- /);
    else expect(outcomes[1]).toEqual(outcomes[0]);
  });
});
