import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { Origin, type Script, talk } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { HaproxyVerdicts, ourVerdict } from '../support/verdicts.ts';
import { ask, together } from '../support/webs.ts';

interface Case {
  name: string;
  mode?: 'http';
  /** Lines of the backend, and of the frontend. */
  lines: string;
  front?: string;
  script?: Script;
}

const DELAY = 'tcp-response inspect-delay 300ms\n';
const HELLO = `\x16\x03\x03\0\x2e\x02\0\0\x2a\x03\x03${'r'.repeat(40)}`;
const LOG = 'log-format "%ft %b/%s %ts %B %U [%[var(txn.a)]] %[var(sess.b)]"';

const CASES: readonly Case[] = [
  { name: 'accept', lines: 'tcp-response content accept\ntcp-response content reject' },
  { name: 'reject', lines: 'tcp-response content reject' },
  {
    name: 'reject by payload, which was not there',
    lines: 'tcp-response content reject if { res.payload(0,4) -m str HTTP }',
  },
  {
    name: 'reject by payload within the delay',
    lines: `${DELAY}tcp-response content reject if { res.payload(0,4) -m str HTTP }`,
  },
  {
    name: 'accept by payload, in two pieces',
    lines: `${DELAY}tcp-response content accept if { res.payload(0,4) -m str good }\ntcp-response content reject`,
    script: ['go', 'od\r\n\r\nrest'],
  },
  { name: 'reject by length', lines: `${DELAY}tcp-response content reject if { res.len gt 20 }` },
  {
    name: 'reject where nothing comes',
    lines: `${DELAY}tcp-response content reject if WAIT_END`,
    script: [],
  },
  {
    name: 'accept by handshake',
    lines: `${DELAY}tcp-response content accept if { rep_ssl_hello_type 2 }\ntcp-response content reject`,
    script: [HELLO],
  },
  {
    name: 'half a handshake',
    lines: `${DELAY}tcp-response content accept if { res.ssl_hello_type 2 }\ntcp-response content reject`,
    script: [HELLO.slice(0, 20)],
  },
  {
    name: 'no handshake',
    lines: `${DELAY}tcp-response content reject unless { res.ssl_hello_type 2 }`,
  },
  {
    name: 'a length in front',
    lines: `${DELAY}tcp-response content reject unless { res.payload_lv(0,1) -m str abc }`,
    script: ['\x03abcd'],
  },
  { name: 'close', lines: 'tcp-response content close' },
  {
    name: 'close within the delay',
    lines: `${DELAY}tcp-response content close if { res.len gt 3 }`,
  },
  {
    name: 'the server ends first',
    lines: `${DELAY}tcp-response content reject if { res.len gt 100 }`,
    script: ['short', null],
  },
  {
    name: 'the server ends first, refused',
    lines: `${DELAY}tcp-response content reject if { res.len lt 100 } WAIT_END`,
    script: ['short', null],
  },
  {
    name: 'variables',
    front: LOG,
    lines: `${DELAY}tcp-response content set-var(txn.a) res.payload(0,4) if { res.len gt 3 }\ntcp-response content set-var(sess.b) int(7)\ntcp-response content unset-var(sess.b) if { srv_id 1 }`,
  },
  {
    name: 'formats',
    front: LOG,
    lines: 'tcp-response content set-var-fmt(txn.a) "%[src] %[srv_name]"',
  },
  { name: 'a quiet line', lines: 'tcp-response content set-log-level silent' },
  {
    name: 'counters',
    front: `${LOG}\nstick-table type ip size 10 store gpc0,gpt0\ntcp-request connection track-sc0 src`,
    lines: `${DELAY}tcp-response content sc-inc-gpc0(0)\ntcp-response content sc-inc-gpc0(0) if { res.len gt 3 }\ntcp-response content sc-set-gpt0(0) 9\ntcp-response content set-var(sess.b) sc0_get_gpc0`,
  },
  {
    name: 'http: accept',
    mode: 'http',
    lines: 'tcp-response content accept\ntcp-response content reject',
  },
  { name: 'http: reject', mode: 'http', lines: 'tcp-response content reject' },
  {
    name: 'http: reject by status',
    mode: 'http',
    lines: `${DELAY}tcp-response content reject if { status 200 }`,
  },
  {
    name: 'http: not by another status',
    mode: 'http',
    lines: `${DELAY}tcp-response content reject if { status 201 }`,
  },
  {
    name: 'http: close',
    mode: 'http',
    lines: `${DELAY}tcp-response content close if { status 200 }`,
  },
  {
    name: 'http: wait for the end',
    mode: 'http',
    lines: `${DELAY}tcp-response content accept if { res.hdr(x-no) -m found }\ntcp-response content reject if WAIT_END`,
  },
  {
    name: 'http: variables',
    mode: 'http',
    lines: `${DELAY}tcp-response content set-var(txn.a) status if { status 200 }\nhttp-response set-header x-a %[var(txn.a)]`,
  },
  {
    name: 'http: a quiet line',
    mode: 'http',
    lines: `${DELAY}tcp-response content set-log-level silent if { status 200 }`,
  },
];

const ANSWER: Script = ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'];
const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** What the client of each case has, and what the log says. */
async function scenario(which: Which) {
  const origins = await Promise.all(
    CASES.map(async ({ script = ANSWER }) => {
      const origin = new Origin();
      await origin.start();
      origin.script = script;
      return origin;
    }),
  );
  const first = await freePortRange(CASES.length + 1);
  const probe = first + CASES.length;
  const indent = (text: string): string => text.replaceAll('\n', '\n    ');
  const proxies = CASES.map(
    ({ mode = 'tcp', lines, front = '' }, index) => `
frontend f${index}
    mode ${mode}
    option ${mode}log
    bind 127.0.0.1:${first + index}
    default_backend b${index}
    ${indent(front)}
backend b${index}
    mode ${mode}
    server s1 127.0.0.1:${origins[index]!.port}
    ${indent(lines)}
`,
  );
  const config = `
global
    log stdout format raw local0
defaults
    log global
    timeout connect 2s
    timeout client 20s
    timeout server 20s
${proxies.join('')}
listen probe
    mode http
    no log
    bind 127.0.0.1:${probe}
    stats enable
    stats uri /
`;
  try {
    await using proxy = await startEither(which, { config, ports: [probe] });
    const seen = await Promise.all(
      CASES.map((_, index) => talk(first + index, [REQUEST], { limit: 1500, quiet: 400 })),
    );
    await sleep(200);
    const { body } = await ask(probe, { path: '/;csv' });
    const rows = body.split('\n').map((line) => line.split(','));
    const column = rows[0]!.indexOf('dresp');
    return seen.map(({ text, end }, index) => ({
      name: CASES[index]!.name,
      text,
      closed: end !== 'open',
      denied: rows
        .filter(([name = '']) => /^[fb]\d/.test(name) && Number(name.slice(1)) === index)
        .map((row) => row[column]),
      log: proxy.out
        .filter((line) => line.includes(` f${index} b${index}/`))
        .map((line) =>
          line
            .replace(/^\S+ \[[^\]]*\]/, 'CLIENT [DATE]')
            .replace(/ \d+(?=(?:\/\d+){3}\/\+?\d+ \d+\/\d+( |$))/, ' N')
            .replace(/ (-?\d+\/){2,}\+?\d+ /, (times) => times.replace(/(?<!-)\b\d+/g, 'N')),
        ),
    }));
  } finally {
    await Promise.all(origins.map(({ peer }) => peer.stop()));
  }
}

describe('rules on what servers send, side by side with HAProxy', () => {
  test(`in ${CASES.length} cases`, async () => {
    const { haproxy, bramble } = await together(scenario);
    expect(bramble).toEqual(haproxy);
  });
});

const LINES = [
  'tcp-response content accept',
  'tcp-response content close if { src 10.0.0.0/8 }',
  'tcp-response content reject if { res.len gt 0 }',
  'tcp-response content reject if { req.len gt 0 }',
  'tcp-response content reject if { path /x }',
  'tcp-response content silent-drop',
  'tcp-response content set-log-level err',
  'tcp-response content set-log-level foo',
  'tcp-response content set-var(txn.a) res.payload(0,1)',
  'tcp-response content set-var(txn.a) req.payload(0,1)',
  'tcp-response content set-var-fmt(txn.a) x',
  'tcp-response content unset-var(txn.a)',
  'tcp-response content sc-inc-gpc0(0)',
  'tcp-response content sc-set-gpt0(0) 1',
  'tcp-response content track-sc0 src',
  'tcp-response content set-src src',
  'tcp-response content foo',
  'tcp-response content',
  'tcp-response foo',
  'tcp-response',
  'tcp-response inspect-delay 5s',
  'tcp-response inspect-delay x',
  'tcp-response inspect-delay',
  'tcp-request content set-log-level silent',
  'tcp-request content close',
  'tcp-request connection set-log-level silent',
];

describe('verdicts on the lines, side by side with HAProxy', () => {
  const theirs = new HaproxyVerdicts();
  afterAll(() => theirs.close());
  test.each(LINES)('%s', async (line) => {
    for (const section of ['backend b', 'frontend b\n    bind 127.0.0.1:1', 'defaults d']) {
      const text = `
defaults
    mode tcp
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
