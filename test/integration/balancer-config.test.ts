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
import { LAXER, MILDER, STRICTER } from '../support/config-cases-differing.ts';
import { LANGUAGE_CASES } from '../support/config-cases-language.ts';
import { PROXY_CASES } from '../support/config-cases-proxies.ts';
import { backend, defaults, listen } from '../support/config-text.ts';

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

/** HAProxy and we say the same, on the same lines. */
const SAME = [...LANGUAGE_CASES, ...PROXY_CASES];

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
    ['what we tell and HAProxy does not', ['-c', '-dW', '-f', 'told.cfg']],
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
    write(
      'told.cfg',
      `global\n zero-warning\n chroot /tmp\n tune.bufsize 32768\n${GOOD} option splice-auto\n bind 127.0.0.1:8081 tfo\n`,
    );
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
    const heard = ({ stderr }: Run): string => stderr.replace(/^\[NOTICE\].*\n/gm, '');
    expect(heard(ours) === '').toBe(heard(theirs) === '');
    if (args.includes('-q')) expect(ours.stderr).toBe('');
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

  test.each(['-m', '-dr', '-dK'])('%s is refused with what to do', async (option) => {
    write('good.cfg', GOOD);
    const { code, stderr } = await run(OURS, [option, '-f', 'good.cfg']);
    expect(code).toBe(1);
    expect(stderr).toContain(`option '${option}' is not supported: `);
  });
});
