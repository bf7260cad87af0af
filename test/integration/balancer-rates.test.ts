import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { HaproxyVerdicts, ourVerdict } from '../support/verdicts.ts';
import { startWebs, together, type Web } from '../support/webs.ts';

const directory = mkdtempSync(join(tmpdir(), 'bramble-rates-'));
let ca: Authority;
let web: Web;
beforeAll(async () => {
  ca = new Authority();
  const { cert, key } = ca.issue('server');
  writeFileSync(ca.file('server.pem'), Buffer.concat([cert, key]));
  [web] = (await startWebs('a')) as [Web];
});
afterAll(async () => {
  ca.remove();
  rmSync(directory, { recursive: true });
  await web.stop();
});

const CROWD = 14;
const LIMIT = 4;

const CASES = [
  { name: 'of a frontend', lines: `rate-limit sessions ${LIMIT}` },
  {
    name: 'maxconnrate',
    global: `maxconnrate ${LIMIT}`,
    command: 'set rate-limit connections global 0',
  },
  {
    name: 'maxsessrate',
    global: `maxsessrate ${LIMIT}`,
    command: 'set rate-limit sessions global 0',
  },
  {
    name: 'maxsslrate',
    global: `maxsslrate ${LIMIT}`,
    secure: true,
    command: 'set rate-limit ssl-sessions global 0',
  },
  {
    name: 'maxsslrate, in the clear',
    global: `maxsslrate ${LIMIT}`,
    command: 'set rate-limit ssl-sessions global 0',
  },
];

async function scenario(which: Which, one: (typeof CASES)[number], index: number) {
  const {
    global = '',
    lines = '',
    secure = false,
    command,
  } = one as { global?: string; lines?: string; secure?: boolean; command?: string };
  const [port] = (await freePorts(1)) as [number];
  const socket = join(directory, `${which}${index}`);
  const config = `
global
    stats socket ${socket} level admin
    ${global}
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
listen l
    bind 127.0.0.1:${port} ${secure ? `ssl crt ${ca.file('server.pem')}` : ''}
    ${lines}
    server s 127.0.0.1:${web.port}
`;
  await using _proxy = await startEither(which, { config, ports: [] });
  for (let tries = 0; tries < 200; tries++) {
    if ((await askRuntime(socket, 'show version').catch(() => '')) !== '') break;
    await sleep(25);
  }
  let answered = 0;
  const client = secure ? https : http;
  const all = Array.from(
    { length: CROWD },
    () =>
      new Promise<void>((resolve, reject) => {
        const options = {
          port,
          host: '127.0.0.1',
          agent: false as const,
          rejectUnauthorized: false,
        };
        client
          .get(options, (response) => {
            answered += 1;
            response.resume().on('end', resolve);
          })
          .on('error', reject);
      }),
  );
  await sleep(500);
  const soon = answered;
  if (command) await askRuntime(socket, command);
  await Promise.all(all);
  const info = await askRuntime(socket, 'show info');
  const limits = info.split('\n').filter((line) => /^(Conn|Sess|Ssl)RateLimit/.test(line));
  const row = (await askRuntime(socket, 'show stat'))
    .split('\n')
    .find((line) => line.startsWith('l,FRONTEND'));
  return { held: soon < CROWD, soon, answered, limits, rateLimit: row?.split(',')[34] };
}

describe('rates, side by side with HAProxy', () => {
  test.each(CASES.map((one, index) => ({ ...one, index })))('$name', async ({ index }) => {
    const { haproxy, bramble } = await together((which) => scenario(which, CASES[index]!, index));
    const { soon: theirs, ...rest } = haproxy;
    const { soon: ours, ...same } = bramble;
    expect(same).toEqual(rest);
    // Within half a second the window may have turned once.
    if (same.held) expect([theirs <= 2 * LIMIT, ours <= 2 * LIMIT]).toEqual([true, true]);
    console.log(
      `${CASES[index]!.name}: of ${CROWD} at once, HAProxy let in ${theirs}, ours ${ours}`,
    );
  });
});

const LINES = [
  'maxconnrate 5',
  'maxconnrate 0',
  'maxconnrate',
  'maxsessrate 5',
  'maxsslrate 5',
  'maxsslrate 5 6',
];
const PROXY_LINES = [
  'rate-limit sessions 5',
  'rate-limit sessions',
  'rate-limit sessions x',
  'rate-limit foo 5',
  'rate-limit',
];

describe('verdicts, side by side with HAProxy', () => {
  const theirs = new HaproxyVerdicts();
  afterAll(() => theirs.close());
  test.each([...LINES, ...PROXY_LINES])('%s', async (line) => {
    const text = `
global
    ${LINES.includes(line) ? line : ''}
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen l
    bind 127.0.0.1:2
    ${LINES.includes(line) ? '' : line}
`;
    expect(await ourVerdict(text)).toBe(await theirs.of(text));
  });
});
