import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../services/balancer/config/load.ts';
import { BalancerConfigError } from '../../services/balancer/config/problem.ts';
import { Authority } from '../support/authority.ts';

let authority: Authority;
let file: string;

/** Lines of a crt-list. */
const LISTS = [
  '@/good.pem [alpn http/1.1] good.test !bad.test',
  '@/good.pem [verify required ca-file @/authority.pem ciphers ECDHE-ECDSA-AES128-GCM-SHA256]',
  '@/good.pem [verify required]',
  '@/good.pem [ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.3 curves X25519] *.test',
  '@/good.pem [ssl-min-ver]',
  '@/good.pem [ssl-min-ver TLSv1.9]',
  '@/good.pem [nonsense]',
  '@/good.pem [verify]',
  '@/good.pem [verify foo]',
  '@/good.pem [crt @/good.pem]',
  '@/good.pem [ca-file @/nope]',
  '@/good.pem [ciphers FOO]',
  '@/good.pem alpn http/1.1]',
  '@/good.pem [[alpn http/1.1]',
  '[alpn http/1.1] @/good.pem',
  '@/good.pem []',
  '@/good.pem !*',
  '# nothing',
];

beforeAll(() => {
  authority = new Authority();
  file = authority.path('test.cfg');
  const { key, certificate } = authority.issue('good.pem', ['good.test']);
  const other = authority.issue('other.pem', ['other.test']);
  writeFileSync(authority.path('nokey.pem'), certificate);
  writeFileSync(authority.path('beside.pem'), certificate);
  writeFileSync(authority.path('beside.pem.key'), key);
  writeFileSync(authority.path('mismatch.pem'), other.key + certificate);
  writeFileSync(authority.path('garbage.pem'), 'garbage\n');
  mkdirSync(authority.path('empty'));
  mkdirSync(authority.path('many'));
  writeFileSync(authority.path('many/a.pem'), key + certificate);
  writeFileSync(authority.path('list.txt'), `${authority.path('good.pem')} good.test\n`);
  for (const [index, line] of LISTS.entries()) {
    const text = line.replaceAll('@', authority.directory);
    writeFileSync(authority.path(`list${index}.txt`), `${text}\n`);
  }
  writeFileSync(authority.path('badlist.txt'), `${authority.path('nope.pem')}\n`);
});
afterAll(() => authority.remove());

interface Verdict {
  valid: boolean;
  /** Lines that an alert names. */
  lines: number[];
}

const linesIn = (text: string): number[] => [
  ...new Set(Array.from(text.matchAll(/test\.cfg:(\d+)/g), ([, line]) => Number(line))),
];

function reference(): Promise<Verdict> {
  return new Promise((resolve) => {
    execFile('haproxy', ['-c', '-f', file], (error, _stdout, stderr) => {
      const alerts = stderr.split(/^(?=\[)/m).filter((each) => each.startsWith('[ALERT]'));
      resolve({ valid: error === null, lines: linesIn(alerts.join('')) });
    });
  });
}

async function ours(): Promise<Verdict & { text: string }> {
  const overrides = { defaultMaxconn: 1000, logTag: 'test' };
  try {
    await loadConfig([file], { overrides });
    return { valid: true, lines: [], text: '' };
  } catch (error) {
    if (!(error instanceof BalancerConfigError)) throw error;
    const lines = error.problems.flatMap(({ severity, position }) =>
      severity === 'alert' && position ? [position.line] : [],
    );
    return { valid: false, lines: [...new Set(lines)], text: error.message };
  }
}

/** HAProxy and we say the same of a file with these words. */
async function compare(
  global: string,
  bind: string,
  server: string,
): Promise<Verdict & { text: string }> {
  const fill = (text: string): string => text.replaceAll('@/', `${authority.directory}/`);
  writeFileSync(
    file,
    fill(`global
 ${global}
listen x
 mode http
 timeout client 1s
 timeout connect 1s
 timeout server 1s
 bind 127.0.0.1:8443 ${bind}
 server s 127.0.0.1:1 ${server}
`),
  );
  const [theirs, own] = [await reference(), await ours()];
  expect({ valid: own.valid, lines: own.lines }, own.text).toEqual(theirs);
  return own;
}

const GOOD = 'ssl crt @/good.pem';

describe('what HAProxy says of a bind line', () => {
  test.each([
    'ssl',
    'ssl crt',
    'ssl crt @/nope.pem',
    'ssl crt @/nokey.pem',
    'ssl crt @/beside.pem',
    'ssl crt @/mismatch.pem',
    'ssl crt @/garbage.pem',
    'ssl crt @/empty',
    'ssl crt @/many',
    GOOD,
    'crt @/good.pem',
    'crt @/nope.pem',
    'alpn h2',
    'verify required',
    'ssl crt-list @/list.txt',
    'ssl crt-list @/badlist.txt',
    'ssl crt-list @/nope.txt',
    ...LISTS.map((_line, index) => `ssl crt-list @/list${index}.txt`),
    `${GOOD} verify required`,
    `${GOOD} verify foo`,
    `${GOOD} ca-file @/nope`,
    `${GOOD} ca-file @/garbage.pem verify required`,
    `${GOOD} ca-file @/authority.pem verify required`,
    `${GOOD} ca-file @/authority.pem verify optional crt-ignore-err all ca-ignore-err 10,20`,
    `${GOOD} crt-ignore-err foo`,
    `${GOOD} crl-file @/nope`,
    `${GOOD} ciphers FOO`,
    `${GOOD} ciphersuites FOO`,
    `${GOOD} curves FOO`,
    `${GOOD} ciphers ECDHE-ECDSA-AES128-GCM-SHA256 ciphersuites TLS_AES_128_GCM_SHA256 curves X25519:P-256`,
    `${GOOD} ecdhe prime256v1`,
    `${GOOD} ssl-min-ver TLSv1.7`,
    `${GOOD} ssl-min-ver`,
    `${GOOD} ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2`,
    `${GOOD} no-sslv3 no-tlsv10 no-tlsv11`,
    `${GOOD} no-tlsv12`,
    `${GOOD} force-tlsv12`,
    `${GOOD} alpn`,
    `${GOOD} alpn ,`,
    `${GOOD} alpn h2,,http/1.1`,
    `${GOOD} strict-sni`,
    'ssl strict-sni',
    `${GOOD} no-tls-tickets prefer-client-ciphers`,
    `${GOOD} backlog 100 defer-accept tfo`,
    `${GOOD} v6only`,
  ])('%s', async (bind) => {
    await compare('', bind, '');
  });
});

describe('what HAProxy says of a server line', () => {
  test.each([
    'ssl',
    'ssl verify none',
    'ssl verify required',
    'ssl verify optional',
    'ssl verify required ca-file @/authority.pem',
    'ssl verify required ca-file @/nope',
    'ssl ca-file @/authority.pem',
    'ssl verify none crt @/nope',
    'ssl verify none crt @/good.pem',
    'ssl verify none sni str(a)',
    'ssl verify none sni req.hdr(host)',
    'ssl verify none sni foo',
    'ssl verify none verifyhost a.b',
    'ssl verify none alpn http/1.1',
    'ssl verify none ciphers FOO',
    'ssl verify none ssl-min-ver TLSv1.2',
    'ssl verify none force-tlsv13',
    'ssl verify none ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2',
    'ssl verify none no-ssl-reuse no-tls-tickets',
    'ssl verify none crl-file @/nope',
    'verify none',
    'no-ssl',
  ])('%s', async (server) => {
    await compare('', '', server);
  });
});

describe('what HAProxy says of the global section', () => {
  test.each([
    'ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
    'ssl-default-bind-options foo',
    'ssl-default-bind-options',
    'ssl-default-bind-ciphers',
    'ssl-default-bind-ciphers FOO',
    'ssl-default-bind-ciphersuites FOO',
    'ssl-default-bind-curves FOO',
    'ssl-default-server-options no-sslv3',
    'ssl-server-verify foo',
    'tune.ssl.cachesize x',
    'tune.ssl.cachesize 100000',
    'tune.ssl.cachesize 1 2',
    'tune.ssl.lifetime x',
    'tune.ssl.lifetime 600',
    'tune.ssl.lifetime 0',
    'tune.ssl.default-dh-param x',
    'tune.ssl.default-dh-param 10',
    'tune.ssl.default-dh-param 2048',
    'tune.ssl.maxrecord 1400',
    'crt-base',
    'ssl-dh-param-file @/nope',
  ])('%s', async (global) => {
    await compare(global, GOOD, '');
  });

  test('paths below crt-base and ca-base', async () => {
    await compare('crt-base @/', 'ssl crt good.pem', '');
    await compare('ca-base @/', `${GOOD} ca-file authority.pem verify required`, '');
    await compare('crt-base @/', 'ssl crt nope.pem', '');
  });

  test('ssl-server-verify none', async () => {
    await compare('ssl-server-verify none', '', 'ssl');
  });
});

test('messages name the file', async () => {
  for (const [bind, text] of [
    ['ssl crt @/nope.pem', /unable to stat SSL certificate from file '.*nope\.pem' : No such file/],
    ['ssl crt @/nokey.pem', /No Private Key found in '.*nokey\.pem\.key'/],
    [
      'ssl crt @/mismatch.pem',
      /inconsistencies between private key and certificate loaded '.*mismatch/,
    ],
    [
      `${GOOD} ca-file @/garbage.pem`,
      /'ca-file' : unable to load .*garbage\.pem.*no certificate or crl found/,
    ],
  ] as const) {
    expect((await compare('', bind, '')).text).toMatch(text);
  }
});
