import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../services/balancer/config/load.ts';
import {
  BalancerConfigError,
  formatProblem,
} from '../../../../services/balancer/config/problem.ts';
import { alertsOf, read } from './read.ts';

const directory = mkdtempSync(join(tmpdir(), 'balancer-errors-'));
afterAll(() => rmSync(directory, { recursive: true }));

const overrides = { defaultMaxconn: 1000, logTag: 'test' };

describe('unknown words', () => {
  test.each<[string, string]>([
    ['foo\n', "1:1 unknown keyword 'foo' out of section"],
    ['backnd x\n', "1:1 unknown keyword 'backnd' out of section; did you mean 'backend' maybe ?"],
    [
      'global\n maxcon 5\n',
      "2:2 unknown keyword 'maxcon' in 'global' section; did you mean 'maxconn' maybe ?",
    ],
    [
      'backend x\n modee tcp\n',
      "2:2 unknown keyword 'modee' in 'backend' section; did you mean 'mode' maybe ?",
    ],
    ['backend x\n zzzzzz tcp\n', "2:2 unknown keyword 'zzzzzz' in 'backend' section"],
    ['backend x\n constructor\n', "2:2 unknown keyword 'constructor' in 'backend' section"],
    [
      'backend x\n option httpolg\n',
      "2:9 unknown option 'httpolg'; did you mean 'httplog' maybe ?",
    ],
    ['backend x\n mode htpp\n', "2:7 unknown proxy mode 'htpp'; did you mean 'http' maybe ?"],
    [
      'backend x\n server s 127.0.0.1:80 chek\n',
      "2:24 'server x/s' : unknown keyword 'chek'; did you mean 'check' maybe ?",
    ],
    [
      'listen x\n bind :80 nmae y\n',
      "2:11 'bind :80' in section 'listen' : unknown keyword 'nmae'; did you mean 'name' maybe ?",
    ],
    [
      'listen x\n stats urri /x\n',
      "2:8 unknown stats parameter 'urri'; did you mean 'uri' maybe ?, expects 'admin', 'enable', 'uri', 'realm', 'auth', 'refresh', 'scope', 'show-legends', 'show-modules', 'show-node', 'show-desc', 'hide-version'.",
    ],
    [
      'backend x\n balance leastcon\n',
      "2:10 unknown algorithm 'leastcon'; did you mean 'leastconn' maybe ? balance only supports 'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', 'url_param', 'hdr', 'rdp-cookie', 'hash', 'random', 'peak-ewma' and 'least-pending'.",
    ],
    [
      'backend x\n balance random(0)\n',
      '2:10 balance random : number of draws must be at least 1.',
    ],
    ['backend x\n balance random(2\n', '2:10 balance random : missing closing parenthesis.'],
    ['backend x\n balance random(2x)\n', "2:10 balance random : '2x' is no number of draws."],
    [
      'backend x\n balance random(65537)\n',
      '2:10 balance random : number of draws must be at most 65536.',
    ],
    [
      'backend x\n balance first(2)\n',
      "2:10 unknown algorithm 'first(2)'; did you mean 'first' maybe ? balance only supports 'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', 'url_param', 'hdr', 'rdp-cookie', 'hash', 'random', 'peak-ewma' and 'least-pending'.",
    ],
  ])('%j', async (text, expected) => {
    expect(await alertsOf(text)).toEqual([expected]);
  });
});

describe('what HAProxy has and this balancer has not', () => {
  test.each<[string, string]>([
    ['peers x\n peer a 127.0.0.1:80\n', '1:1 '],
    ['global\n lua-load x.lua\n', '2:2 '],
    ['backend x\n email-alert level info\n', '2:2 '],
    ['backend x\n option spop-check\n', '2:9 '],
    ['backend x\n server s 127.0.0.1:80 usesrc\n', '2:24 '],
    ['listen x\n bind :80 interface lo\n', '2:11 '],
    ['listen x\n stats http-request deny\n', '2:8 '],
    ['backend x\n mode http\n http-response wait-for-body time 1s\n', '3:16 '],
    ['frontend x\n tcp-request content switch-mode http\n', '2:22 '],
    ['frontend x\n mode http\n http-request early-hint Link x\n', '3:15 '],
    ['frontend x\n mode http\n http-request set-header x %[fc_rtt]\n', '3:2 '],
    ['frontend x\n mode http\n http-request set-header x %[path,ungrpc(1)]\n', '3:2 '],
  ])('%j says so', async (text, where) => {
    const [alert, ...more] = await alertsOf(text);
    expect(alert).toMatch(/HAProxy has it, this balancer does not/);
    expect(alert?.startsWith(where)).toBe(true);
    expect(more).toEqual([]);
  });
});

describe('all errors of a text', () => {
  test('are told in one go, in the order of their lines', async () => {
    const alerts = await alertsOf(`global
 maxconn many
frontend f
 bind 1.2.3.4
 default_backend nowhere
frontend f
 bind :80
backend b
 server s 127.0.0.1:80 inter
 server t nowhere
 server u 127.0.0.1:80
 server u 127.0.0.1:81
 timeout server "5s
`);
    expect(alerts.map((alert) => alert.split(' ')[0])).toEqual([
      '2:10',
      '4:7',
      '5:18',
      '6:10',
      '9:24',
      '10:11',
      '12:2',
      '13:17',
    ]);
  });

  test('end at 50', async () => {
    const alerts = await alertsOf(`backend x\n${' foo\n'.repeat(200)}`);
    expect(alerts).toHaveLength(51);
    expect(alerts.at(-1)).toBe('52:0 too many fatal errors (50), stopping now.');
  });

  test('name the file they are in', async () => {
    const [a, b] = [join(directory, 'a.cfg'), join(directory, 'b.cfg')];
    writeFileSync(a, 'backend x\n foo\n');
    writeFileSync(b, 'backend x\n');
    const error = await loadConfig([b, a], { overrides }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BalancerConfigError);
    expect((error as Error).message.split('\n')).toEqual([
      `config : parsing [${a}:1:9] : backend 'x' has the same name as backend 'x' declared at ${b}:1.`,
      `config : parsing [${a}:2:2] : unknown keyword 'foo' in 'backend' section`,
    ]);
  });

  test('show the line of a lexical error with a mark', async () => {
    const error = await read('backend x\n mode "abc\n').catch((thrown: unknown) => thrown);
    const [problem] = (error as BalancerConfigError).problems;
    expect(problem && formatProblem(problem).split('\n')).toEqual([
      'config : parsing [test.cfg:2:7] : unmatched quote:',
      '   |  mode "abc',
      '   |       ^',
    ]);
  });
});

describe('what belongs together', () => {
  test.each<[string, string]>([
    [
      'frontend f\n bind :80\n default_backend b\nfrontend b\n',
      "3:18 frontend 'f': unable to find required default_backend: 'b'",
    ],
    [
      'frontend f\n bind :80\n default_backend bak\nbackend back\n',
      "3:18 frontend 'f': unable to find required default_backend: 'bak'; did you mean 'back' maybe ?",
    ],
    [
      'frontend f\n mode http\n default_backend b\nbackend b\n',
      "3:18 http frontend 'f' tries to use incompatible tcp backend 'b' as its default backend (see 'mode').",
    ],
    [
      'listen f\nbackend f\n',
      "2:9 backend 'f' has the same name as proxy 'f' declared at test.cfg:1.",
    ],
    [
      'backend b\n server s 127.0.0.1:1\n server s 127.0.0.1:2\n',
      "3:2 backend 'b', another server named 's' was already defined at line 2, please use distinct names.",
    ],
    [
      'backend a\n id 2\nbackend b\n id 2\n',
      "3:1 backend 'b' reuses same custom id as backend 'a' (declared at test.cfg:1:1).",
    ],
    [
      'backend b\n server s 127.0.0.1:1 id 2\n server t 127.0.0.1:2 id 2\n',
      "3:2 'server b/t' : 'id' : custom id 2 already used at test.cfg:2:2 ('server s').",
    ],
    ['backend b from x\n', "1:16 defaults section 'x' not found for backend 'b'."],
    [
      'defaults x\ndefaults x\nbackend b from x\n',
      "3:16 ambiguous defaults section name 'x' referenced by backend 'b' exists at least at test.cfg:1:1 and test.cfg:2:1.",
    ],
    [
      'backend b\n server s no-such-host.invalid:80\n',
      "2:11 'server b/s' : could not resolve address 'no-such-host.invalid'.",
    ],
    [
      'listen l\n bind no-such-host.invalid:80\n',
      "2:7 'bind' : could not resolve address 'no-such-host.invalid'.",
    ],
  ])('%j', async (text, expected) => {
    expect(await alertsOf(text)).toEqual([expected]);
  });

  test('a frontend and a backend may share a name', async () => {
    expect(await alertsOf('frontend x\n default_backend x\nbackend x\n')).toEqual([]);
  });

  test('a disabled proxy may be half-written', async () => {
    expect(await alertsOf('frontend f\n disabled\n default_backend nowhere\n')).toEqual([]);
  });

  test('names are resolved', async () => {
    const { config } = await read('backend b\n server s localhost:80\n');
    expect(config.proxies[0]?.servers[0]?.host).toMatch(/^(127\.0\.0\.1|::1)$/);
  });
});

test('a text without a last line feed may have been cut', async () => {
  expect(await alertsOf('backend b')).toEqual([
    '1:10 Missing LF on last line, file might have been truncated.',
  ]);
});

describe('files and directories', () => {
  test('a directory is its *.cfg files in order', async () => {
    const all = mkdtempSync(join(directory, 'all-'));
    writeFileSync(join(all, '20.cfg'), 'frontend f\n bind :80\n');
    writeFileSync(join(all, '10.cfg'), 'defaults\n mode http\n timeout client 1s\n');
    writeFileSync(join(all, '.hidden.cfg'), 'nonsense\n');
    writeFileSync(join(all, 'notes.txt'), 'nonsense\n');
    const { config } = await loadConfig([all], { overrides });
    expect(config.proxies.map(({ name, mode }) => [name, mode])).toEqual([['f', 'http']]);
    expect(config.proxies[0]?.position.file).toBe(join(all, '20.cfg'));
  });

  test('what cannot be read is an error', async () => {
    const missing = join(directory, 'missing.cfg');
    await expect(loadConfig([missing], { overrides })).rejects.toThrow(
      `config : Cannot open configuration file/directory ${missing} : No such file or directory`,
    );
  });
});

describe('what a key is taken from, and where it leads', () => {
  test.each([
    [
      'balance uri foo',
      "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got 'foo').",
    ],
    ['balance uri len x', "balance uri : 'len' expects a positive integer (got 'x')."],
    ['balance uri depth', "balance uri : 'depth' expects a positive integer (got '')."],
    ['balance url_param', 'balance url_param requires an URL parameter name.'],
    [
      'balance url_param x foo',
      "balance url_param only accepts 'check_post' modifier (got 'foo').",
    ],
    ['balance hdr()', 'balance hdr requires an http header field name.'],
    [
      'balance hdr(host) foo',
      "balance hdr(host) only accepts 'use_domain_only' modifier (got 'foo').",
    ],
    ['balance hash', 'balance hash requires a sample expression.'],
    ['balance rdp-cookie(', 'balance rdp-cookie : missing cookie name.'],
    ['hash-type foo', "'hash-type' only supports 'consistent' and 'map-based'."],
    [
      'hash-type consistent foo',
      "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.",
    ],
    [
      'hash-type consistent crc32 foo',
      "'hash-type' only supports 'avalanche' as a modifier for hash functions.",
    ],
    ['hash-balance-factor 50', "'hash-balance-factor' must be 0 or greater than 100."],
  ])('refuses %s as HAProxy does', async (line, message) => {
    const [alert] = await alertsOf(`backend x\n ${line}\n`);
    expect(alert?.replace(/^2:\d+ /, '')).toBe(message);
  });
});
