// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language writes variables like this.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listens } from '../../services/balancer/command/listens.ts';
import { loadConfig } from '../../services/balancer/config/load.ts';
import { BalancerConfigError, type Problem } from '../../services/balancer/config/problem.ts';

const OURS = fileURLToPath(new URL('../../bin/bramble-balancer', import.meta.url));
const variables = { HOST: '127.0.0.1', PORT: '8080', LIST: 'check backup' };

let directory: string;
let file: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-language-'));
  file = join(directory, 'test.cfg');
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

function run(program: string, args: readonly string[], cwd = directory): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...variables } };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

interface Verdict {
  code: number;
  /** Lines with an error, in order; empty where the error has no line. */
  errors: number[];
  warnings: number[];
}

const sortedSet = (lines: number[]): number[] => [...new Set(lines)].sort((a, b) => a - b);

async function haproxyVerdict(text: string): Promise<Verdict> {
  writeFileSync(file, text);
  const { code, stderr } = await run('haproxy', ['-c', '-f', file]);
  const linesOf = (kind: string) =>
    sortedSet(
      Array.from(stderr.matchAll(/^\[(\w+)\][^\n]*?\[[^\]\n]*test\.cfg:(\d+)\]/gm)).flatMap(
        ([, found, line]) => (found === kind ? [Number(line)] : []),
      ),
    );
  return { code, errors: linesOf('ALERT'), warnings: linesOf('WARNING') };
}

async function ourVerdict(text: string): Promise<Verdict> {
  writeFileSync(file, text);
  const overrides = { defaultMaxconn: 1000, logTag: 'test' };
  const environment = { ...process.env, ...variables };
  let problems: readonly Problem[];
  let code = 0;
  try {
    const { config, warnings } = await loadConfig([file], { environment, overrides });
    problems = warnings;
    if (!listens(config)) code = 2;
  } catch (error) {
    if (!(error instanceof BalancerConfigError)) throw error;
    problems = error.problems;
    code = 1;
  }
  const linesOf = (kind: string) =>
    sortedSet(
      problems.flatMap(({ severity, position }) =>
        severity === kind && position ? [position.line] : [],
      ),
    );
  return { code, errors: linesOf('alert'), warnings: linesOf('warning') };
}

const listen = (...lines: string[]): string =>
  ['listen x', ' bind 127.0.0.1:8080', ...lines.map((line) => ` ${line}`), ''].join('\n');
const backend = (...lines: string[]): string =>
  ['backend x', ...lines.map((line) => ` ${line}`), ''].join('\n');
const defaults = (...lines: string[]): string =>
  ['defaults', ...lines.map((line) => ` ${line}`), ''].join('\n');
const globals = (...lines: string[]): string =>
  ['global', ...lines.map((line) => ` ${line}`), ''].join('\n');

/** HAProxy and we say the same, on the same lines. */
const SAME: readonly [string, string][] = [
  ['nothing', ''],
  ['a runtime socket alone', globals('stats socket 127.0.0.1:8080')],
  ['comments', '# one\n\n  # two\n'],
  [
    'a whole small file',
    `${globals('maxconn 100', 'log stdout format raw local0')}${defaults('mode http', 'timeout client 1s', 'timeout connect 1s', 'timeout server 1s', 'log global', 'option httplog')}${listen('server s 127.0.0.1:1 check')}`,
  ],
  ['carriage returns', 'listen x\r\n bind 127.0.0.1:80\r\n\r\n foo\r\n'],
  ['no last line feed', 'backend x'],
  ['a NUL', 'backend x\n mo\0de tcp\n'],
  ['no section', 'bind :80\n'],
  ['global with a name', 'global x\n'],
  ['a proxy without a name', 'frontend\n'],
  ['a proxy with a bad name', 'frontend f!6\n'],
  ['names of all kinds', 'frontend f7.a:b_c-d\nbackend f7.a:b_c-d\nbackend default\nlisten from\n'],
  ['two frontends of a name', 'frontend a\nbackend a\nfrontend a\nlisten b\nbackend b\n'],
  ['from nothing', 'frontend f from nope\n'],
  ['from too much', 'defaults a\nfrontend f from a b\n'],
  ['from two of a name', 'defaults a\ndefaults a\nfrontend f from a\n'],
  [
    'from a defaults of a defaults',
    'defaults a\n mode http\ndefaults b from a\nfrontend f from b\n default_backend x\nbackend x from a\n',
  ],
  [
    'quotes and escapes',
    backend(
      'foo "abc',
      "foo 'abc",
      'a\\x4 b',
      'a\\xzz b',
      '"${HOST"',
      '"${1}"',
      '"$"',
      'a\\"b',
      '"a#b"',
      "'a\\'b'",
    ),
  ],
  ['too many words', backend(`foo ${'w '.repeat(63)}`, `foo ${'w '.repeat(64)}`)],
  [
    'variables in quotes',
    listen('server s "$HOST:${PORT}" "${LIST[*]}"', 'server t "${NOT_SET-127.0.0.1}:80"'),
  ],
  ['variables in addresses', listen('bind ${HOST}:$PORT', 'server s $HOST:${PORT}')],
  ['an empty first word', backend('"" foo', '""')],
  [
    'globals',
    globals(
      'daemon x',
      'daemon',
      'pidfile',
      'pidfile a',
      'node',
      'node a',
      'node a/b',
      'description',
      'description a b',
      'log-send-hostname',
      'log-tag',
      'log-tag a',
      'maxconn 5 6',
      'maxconn',
    ),
  ],
  [
    'variables set',
    globals(
      'setenv A',
      'setenv A 1',
      'presetenv A',
      'presetenv A 1',
      'unsetenv',
      'unsetenv A',
      'resetenv',
    ),
  ],
  ['threads', globals('nbthread 1', 'nbthread 0', 'nbthread 65', 'nbthread abc', 'nbthread 1 2')],
  ['keywords of a proxy in global', globals('bind :80', 'mode http', 'foo', 'no foo', 'no log')],
  [
    'log targets',
    defaults(
      'log stdout',
      'log',
      'log foo',
      'log global x',
      'log global',
      'no log',
      'no log x',
      'log 127.0.0.1 local0',
      'log 127.0.0.1:abc local0',
      'log stdout local0 info notice',
      'log stdout local0 info info info',
      'log stdout local99',
      'log stdout local0 loud',
      'log fd@ local0',
      'log fd@x local0',
      'log stderr LOCAL0',
    ),
  ],
  [
    'log formats',
    defaults(
      'log stdout format raw local0',
      'log stdout format',
      'log stdout format rew local0',
      'log stdout len 10 local0',
      'log stdout len 80 local0',
      'log stdout len 70000 local0',
      'log stdout format raw len 100 local0',
    ),
  ],
  ['log global in global', globals('log global')],
  ['modes', backend('mode', 'mode tcp x', 'mode health', 'mode udp', 'mode http')],
  [
    'negations',
    backend('no mode tcp', 'no balance', 'no option', 'default mode tcp', 'no option dontlognull'),
  ],
  [
    'options',
    defaults(
      'option',
      'option foo',
      'option httplog foo',
      'option tcplog foo',
      'option dontlognull x',
      'option clitcpka',
      'no option clitcpka',
      'no option httplog',
      'no option tcpka',
      'option redispatch 3',
      'option redispatch -1',
      'no option redispatch',
      'option http-server-close',
      'no option http-server-close',
      'option httpclose',
      'option http-keep-alive',
      'option log-health-checks',
      'option tcpka',
      'option srvtcpka',
      'option httpclose x',
    ),
  ],
  [
    'forwardfor',
    defaults(
      'option forwardfor',
      'option forwardfor except',
      'option forwardfor except abc',
      'option forwardfor except 127.0.0.0/8',
      'option forwardfor except 127.0.0.0/99',
      'option forwardfor except ::1',
      'option forwardfor header',
      'option forwardfor header X-C',
      'option forwardfor if-none',
      'option forwardfor if-none header X except 1.2.3.4',
      'option forwardfor foo',
      'no option forwardfor',
    ),
  ],
  [
    'timeouts',
    defaults(
      'timeout',
      'timeout foo 5s',
      'timeout client',
      'timeout client 5q',
      'timeout client 5s 6s',
      'timeout client 5s',
      'timeout connect 1us',
      'timeout connect 0',
      'timeout connect -1',
      'timeout connect 30000000000',
      'timeout server 1.5s',
      'timeout http-request 5',
      'timeout http-keep-alive 5',
      'timeout queue 1m',
      'timeout tunnel 1h',
      'timeout check 1d',
      'timeout client-fin 1s',
      'timeout server-fin 1s',
      'timeout server 25d',
    ),
  ],
  [
    'counts',
    defaults(
      'maxconn',
      'maxconn 5 6',
      'maxconn 5',
      'retries',
      'retries 1 2',
      'retries 0',
      'fullconn',
      'fullconn 5',
    ),
  ],
  ['default_backend', defaults('default_backend', 'default_backend a b')],
  ['what defaults cannot have', defaults('bind :80', 'server s 127.0.0.1:80', 'id 5')],
  [
    'statistics',
    defaults(
      'stats',
      'stats foo',
      'stats enable',
      'stats uri',
      'stats uri /x',
      'stats auth',
      'stats auth a:b',
      'stats realm',
      'stats realm a\\ b',
      'stats refresh 5',
      'stats refresh abc',
      'stats hide-version',
    ),
  ],
  [
    'error files',
    defaults(
      'errorfile',
      'errorfile 503',
      'errorfile 503 /no/such/file',
      'errorfile 599 /dev/null',
      'errorfile abc /dev/null',
      'errorfile 503 /dev/null',
      'errorfile 503 /etc/hostname',
    ),
  ],
  ['disabled', defaults('disabled x', 'enabled x', 'disabled', 'enabled')],
  [
    'a backend that would be a frontend',
    backend(
      'bind :80',
      'maxconn 5',
      'default_backend y',
      'timeout client 5s',
      'option clitcpka',
      'option dontlognull',
      'option httplog',
      'id 0',
      'id',
      'id 5',
    ),
  ],
  [
    'a frontend that would be a backend',
    'frontend f\n bind 127.0.0.1:80\n server s 127.0.0.1:80\n balance roundrobin\n retries 3\n fullconn 3\n timeout server 5s\n timeout queue 5s\n option redispatch\n default-server check\n option log-health-checks\n',
  ],
  [
    'binds',
    listen(
      'bind',
      'bind :0',
      'bind *',
      'bind 80',
      'bind :90-80',
      'bind :80-90',
      'bind :80,:81',
      'bind [::1]:80',
      'bind ::1:80',
      'bind :::80',
      'bind ipv4@:80',
      'bind ipv4@[::1]:80',
      'bind localhost:80',
      'bind no-such-host.invalid:80',
      'bind 1.2.3.4.5:80',
      'bind :65536',
      'bind :-1',
      'bind :+1',
      'bind : 80',
      'bind [::1:80',
      'bind :http',
    ),
  ],
  [
    'bind parameters',
    listen(
      'bind :80 name',
      'bind :80 name a',
      'bind :80 maxconn',
      'bind :80 maxconn 5',
      'bind :80 maxconn -1',
      'bind :80 accept-proxy',
      'bind :80 accept-proxy foo',
      'bind :80 nmae x',
    ),
  ],
  [
    'servers',
    backend(
      'server',
      'server s',
      'server s/1 127.0.0.1:80',
      'server s!2 127.0.0.1:80',
      'server s3 127.0.0.1:80-90',
      'server s4 127.0.0.1:99999',
      'server s5 127.0.0.1:abc',
      'server s6 fd@3',
      'server s7 127.0.0.1:80 foo bar',
    ),
  ],
  [
    'server parameters',
    backend(
      'server a 127.0.0.1:80 check inter',
      'server b 127.0.0.1:80 inter 5x',
      'server c 127.0.0.1:80 inter 0',
      'server d 127.0.0.1:80 inter 25d',
      'server e 127.0.0.1:80 rise 0',
      'server f 127.0.0.1:80 fall 0',
      'server g 127.0.0.1:80 weight 257',
      'server h 127.0.0.1:80 weight -1',
      'server i 127.0.0.1:80 port',
      'server j 127.0.0.1:80 addr',
      'server k 127.0.0.1:80 id 0',
      'server l 127.0.0.1:80 inter -5',
      'server m 127.0.0.1:80 interr 5',
      'server n 127.0.0.1:80 check inter 1s fastinter 2s downinter 3s rise 4 fall 5 weight 6 maxconn 7 backup disabled port 81 addr 127.0.0.2 send-proxy',
      'server o 127.0.0.1:80 disabled enabled backup no-check no-backup check-send-proxy no-check-send-proxy send-proxy-v2 no-send-proxy-v2',
    ),
  ],
  [
    'default-server',
    backend(
      'default-server',
      'default-server check inter 5s',
      'default-server foo',
      'default-server 127.0.0.1:80',
      'default-server id 5',
      'default-server disabled',
    ),
  ],
  [
    'two servers of a name',
    backend('server a 127.0.0.1:80', 'server a 127.0.0.1:81', 'server b 127.0.0.1:81'),
  ],
  [
    'http-check',
    backend(
      'option httpchk',
      'http-check',
      'http-check foo',
      'http-check expect',
      'http-check expect foo',
      'http-check expect status',
      'http-check expect status abc',
      'http-check expect status 200-',
      'http-check expect status 300-200',
      'http-check expect rstatus (',
      'http-check expect string a b',
      'http-check expect ! !',
      'http-check expect status 200 status 300',
      'http-check expect !string b',
      'http-check disable-on-404 x',
      'http-check disable-on-404',
      'option httpchk a b c d',
      'no option httpchk',
    ),
  ],
  [
    'http-check send',
    backend(
      'option httpchk GET / HTTP/1.1\\r\\nHost:\\ a',
      'http-check send uri',
      'http-check send hdr a',
      'http-check send foo bar',
    ),
  ],
  [
    'a second request',
    backend('option httpchk', 'http-check send uri /a', 'http-check send uri /b'),
  ],
  [
    'a request behind what is expected',
    backend('option httpchk', 'http-check expect string a', 'http-check send uri /b'),
  ],
  ['http-check without the option', backend('http-check expect string a')],
  [
    'http-check in a frontend',
    'frontend f\n bind :80\n http-check expect string a\n option httpchk\n',
  ],
  [
    'cookie',
    backend(
      'mode http',
      'cookie',
      'cookie S foo',
      'cookie S insert prefix',
      'cookie S rewrite indirect',
      'cookie S insert domain',
      'cookie S insert domain a;b',
      'cookie S insert domain abc',
      'cookie S insert attr',
      'cookie S insert attr a;b',
      'cookie S prefix preserve',
      'cookie S insert rewrite indirect',
      'cookie S prefix indirect',
      'cookie S insert indirect nocache postonly preserve httponly secure domain .a.b attr "a b"',
      'server a 127.0.0.1:80 cookie',
      'server b 127.0.0.1:80 cookie x cookie y',
      'default-server cookie x',
    ),
  ],
  ['a cookie in mode tcp', backend('cookie S insert', 'server s 127.0.0.1:80 cookie x')],
  ['two servers of a number', backend('server a 127.0.0.1:80 id 4', 'server b 127.0.0.1:81 id 4')],
  ['a name that does not resolve', listen('server a no-such-host.invalid:80')],
  ['a refresh without a time', defaults('stats refresh')],
  ['algorithms', backend('balance', 'balance leastconn', 'balance foo', 'balance roundrobin')],
  [
    'algorithms without a key',
    backend(
      'balance static-rr',
      'balance first',
      'balance random',
      'balance random()',
      'balance random(1)',
      'balance random(+3)',
    ),
  ],
  [
    'draws that are none',
    backend('balance random(0)', 'balance random(-1)', 'balance random(2', 'balance random(2x)'),
  ],
  ['an unknown default_backend', 'frontend f\n bind 127.0.0.1:80\n default_backend nope\n'],
  [
    'an http frontend on a tcp backend',
    'frontend f\n mode http\n bind 127.0.0.1:80\n default_backend b\nbackend b\n',
  ],
  [
    'a disabled proxy',
    'frontend f\n disabled\n default_backend nope\nfrontend g\n bind 127.0.0.1:80\n',
  ],
  ['no listener', backend('server s 127.0.0.1:80')],
  [
    'unknown words',
    `${globals('foo bar')}${defaults('optoin httplog', 'option httpolg')}${backend('modee tcp')}`,
  ],
];

/** HAProxy accepts these; we refuse them, at the line of the last word of the name. */
const STRICTER: readonly [string, string, number[]][] = [
  ['a number that is none', globals('maxconn abc'), [2]],
  [
    'a negative number',
    `${defaults('maxconn -1', 'retries abc', 'retries -1', 'fullconn abc')}`,
    [2, 3, 4, 5],
  ],
  [
    'rest behind a number',
    backend(
      'server a 127.0.0.1:80 weight 10x',
      'server b 127.0.0.1:80 maxconn 1k',
      'server c 127.0.0.1:80 rise 2x',
    ),
    [2, 3, 4],
  ],
  ['rest behind a time', backend('server a 127.0.0.1:80 inter 1s500'), [2]],
  [
    'a check port that is none',
    backend('server a 127.0.0.1:80 port 99999', 'server b 127.0.0.1:80 port abc'),
    [2, 3],
  ],
  [
    'a server without a port',
    backend('server a 127.0.0.1', 'server b 127.0.0.1:0', 'server c 127.0.0.1:+1'),
    [2, 3, 4],
  ],
  ['a server without a host', backend('server a :80', 'server b *:80'), [2, 3]],
  ['an unclosed brace in an address', listen('server a ${HOST:80'), [3]],
  ['listening words behind the name', 'frontend f 127.0.0.1:80\n', [1]],
  ['odd names of defaults', 'defaults a/b\ndefaults a b\n', [1, 2]],
  [
    'a tcp frontend on an http backend',
    'frontend f\n bind 127.0.0.1:80\n default_backend b\nbackend b\n mode http\n',
    [3],
  ],
  ['a second interval', defaults('option redispatch 1 2'), [2]],
  ['sections', 'mailers m\n', [1]],
  ['proxy keywords', backend('dispatch 127.0.0.1:80', 'option transparent'), [2, 3]],
];

/** HAProxy calls these an alert and starts all the same; we call them a warning. */
const MILDER: readonly [string, string, number[]][] = [
  [
    'what can be said once',
    globals(
      'maxconn 5',
      'maxconn 6',
      'pidfile a',
      'pidfile b',
      'log-send-hostname',
      'log-send-hostname a',
    ),
    [3, 5, 7],
  ],
];

/** HAProxy refuses these (the first by a slip of its own: the manual has it); we take them. */
const LAXER: readonly [string, string][] = [
  ['default option', listen('default option clitcpka')],
  ['a default in an address outside of quotes', listen('bind 127.0.0.1:${NOT_SET-8081}')],
];

describe('the language', () => {
  test.each(SAME)('the same as HAProxy: %s', async (_name, text) => {
    const [theirs, ours] = [await haproxyVerdict(text), await ourVerdict(text)];
    expect(ours.code).toBe(theirs.code);
    // Some of HAProxy's final checks name no line; ours all do.
    if (theirs.errors.length > 0) expect(ours.errors).toEqual(theirs.errors);
    expect(ours.warnings).toEqual(expect.arrayContaining(theirs.warnings));
  });

  test.each(STRICTER)('stricter than HAProxy: %s', async (_name, text, lines) => {
    const theirs = await haproxyVerdict(text);
    expect([0, 2]).toContain(theirs.code);
    expect(await ourVerdict(text)).toMatchObject({ code: 1, errors: lines });
  });

  test.each(MILDER)('milder than HAProxy: %s', async (_name, text, lines) => {
    const theirs = await haproxyVerdict(text);
    const ours = await ourVerdict(text);
    expect(theirs).toMatchObject({ code: ours.code, errors: lines });
    expect(ours).toMatchObject({ errors: [], warnings: lines });
  });

  test.each(LAXER)('laxer than HAProxy: %s', async (_name, text) => {
    expect(await haproxyVerdict(text)).toMatchObject({ code: 1 });
    expect(await ourVerdict(text)).toMatchObject({ code: 0, errors: [] });
  });

  test('is compared in numbers worth the name', () => {
    const lines = SAME.reduce((sum, [, text]) => sum + text.split('\n').length, 0);
    console.log(`${SAME.length} files (${lines} lines) judged alike, ${STRICTER.length} stricter`);
    expect(SAME.length).toBeGreaterThan(50);
  });
});

describe('the command', () => {
  const both = async (args: readonly string[]): Promise<[Run, Run]> => [
    await run('haproxy', args),
    await run(OURS, args),
  ];
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const GOOD = `${defaults('timeout client 1s', 'timeout server 1s', 'timeout connect 1s')}${listen()}`;

  test.each<[string, string[]]>([
    ['a good file', ['-c', '-f', 'good.cfg']],
    ['a good file, twice given', ['-c', '-f', 'good.cfg', '--', 'more.cfg']],
    ['a good file, -V', ['-c', '-V', '-f', 'good.cfg']],
    ['a good file, -q', ['-c', '-q', '-f', 'good.cfg']],
    [
      'a good file with other options',
      ['-c', '-db', '-n', '10', '-L', 'me', '-p', 'x', '-f', 'good.cfg'],
    ],
    ['warnings', ['-c', '-f', 'warn.cfg']],
    ['warnings that are errors', ['-c', '-dW', '-f', 'warn.cfg']],
    ['a bad file', ['-c', '-f', 'bad.cfg']],
    ['a bad file, -q', ['-c', '-q', '-f', 'bad.cfg']],
    ['no listener', ['-c', '-f', 'none.cfg']],
    ['no listener, run', ['-f', 'none.cfg']],
    ['no such file', ['-c', '-f', 'missing.cfg']],
    ['another directory', ['-c', '-C', '..', '-f', 'missing.cfg']],
    ['no such directory', ['-c', '-C', '/no/such', '-f', 'good.cfg']],
    ['no option', []],
    ['no file', ['-c']],
    ['a value missing', ['-c', '-f']],
    ['an unknown option', ['-Z', '-f', 'good.cfg']],
    ['a word too many', ['-c', '-f', 'good.cfg', 'more.cfg']],
    ['a process id that is none', ['-c', '-f', 'good.cfg', '-sf', 'abc']],
    ['the version', ['-v']],
    ['the long version', ['-vv']],
  ])('exits and prints on stdout as HAProxy does: %s', async (name, args) => {
    write('good.cfg', GOOD);
    write('more.cfg', backend('server s 127.0.0.1:1'));
    write('warn.cfg', listen());
    write('bad.cfg', listen('foo'));
    write('none.cfg', backend());
    const [theirs, ours] = await both(args);
    expect(ours.code).toBe(theirs.code);
    if (name.includes('version') || name === 'no option' || name === 'no file') {
      expect(ours.stdout).toMatch(
        /^Bramble balancer version \S+ \(configuration language: HAProxy 2.6\)\n/,
      );
    } else if (name !== 'an unknown option' && name !== 'a word too many') {
      expect(ours.stdout).toBe(theirs.stdout);
    }
    // Silence means silence, and whoever says something says it on stderr.
    expect(ours.stderr === '').toBe(theirs.stderr === '');
  });

  test("errors have HAProxy's shape, with a column and the nearest keyword", async () => {
    write('bad.cfg', listen('optoin tcplog'));
    const { stderr } = await run(OURS, ['-c', '-f', 'bad.cfg']);
    expect(stderr).toMatch(
      /^\[ALERT\] {4}\(\d+\) : config : parsing \[bad.cfg:3:2\] : unknown keyword 'optoin' in 'listen' section; did you mean 'option' maybe \?$/m,
    );
    expect(stderr).toMatch(
      /^\[ALERT\] {4}\(\d+\) : config : Error\(s\) found in configuration file : bad.cfg$/m,
    );
  });

  test.each(['-m', '-cc', '-dr'])('%s is refused with what to do', async (option) => {
    write('good.cfg', GOOD);
    const { code, stderr } = await run(OURS, [option, '-f', 'good.cfg']);
    expect(code).toBe(1);
    expect(stderr).toContain(`option '${option}' is not supported: `);
  });
});
