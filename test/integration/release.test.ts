import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRelease } from '../../image/release/release.ts';
import { eventually } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';

const run = promisify(execFile);
const CHECKOUT = path.resolve(import.meta.dirname, '../..');
const ARCH = process.arch === 'arm64' ? 'arm64' : 'x64';
const DATE = 1_700_000_000;

let work = '';
let release = '';

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-release-'));
  release = await build('first');
});

afterAll(() => rm(work, { recursive: true, force: true }));

function build(out: string): Promise<string> {
  const options = { checkout: CHECKOUT, arch: ARCH, date: DATE, progress: () => {} } as const;
  return buildRelease({ ...options, out: path.join(work, out) });
}

test('what is built twice is the same, byte for byte', async () => {
  const second = await build('second');
  expect(path.basename(second)).toBe(path.basename(release));
  const { stdout } = await run('diff', ['-r', release, second]);
  expect(stdout).toBe('');
  await run('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: release });
});

test('a program holds no languages that nobody here speaks', async () => {
  const text = await readFile(path.join(release, 'services/vip/main.js'), 'utf8');
  expect(text).toContain('Invalid input');
  expect(text).not.toContain('Entr\\xE9e invalide');
  console.log(`the smallest service: ${(text.length / 1024).toFixed(0)} KiB`);
});

test('its programs run on what it brings, without a checkout', async () => {
  const clean = { cwd: work, env: { PATH: '/usr/bin:/bin' } };
  const bramble = await run(path.join(release, 'bin', 'bramble'), ['--version'], clean);
  expect(bramble.stdout).toMatch(/^bramble \d+\.\d+\.\d+ /);
  const balancer = await run(path.join(release, 'bin', 'bramble-balancer'), ['-vv'], clean);
  expect(balancer.stdout).toContain('Bramble balancer version');
});

test('its balancer and its page serve, from one file each', async () => {
  const [front, health, page, pageHealth] = await freePorts(4);
  const file = path.join(work, 'balancer.cfg');
  await writeFile(
    file,
    `defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend f
    bind 127.0.0.1:${front}
    http-request return status 200 content-type text/plain string hello
`,
  );
  const cluster = path.join(work, 'cluster.yaml');
  await writeFile(
    cluster,
    'cluster: { name: home, secret: 0123456789abcdef0123 }\nnodes: [{ name: pi1, address: 127.0.0.1 }]\n',
  );
  const stats = path.join(work, 'stats.yaml');
  await writeFile(
    stats,
    `cluster: ${cluster}
page: { host: 127.0.0.1, port: ${page} }
health: { host: 127.0.0.1, port: ${pageHealth} }
balancers: [{ node: pi1, status: 'http://127.0.0.1:${health}/status' }]
nodes: [{ name: pi1, vitals: local }]
`,
  );
  const node = path.join(release, 'node', 'bin', 'node');
  const program = (name: string) => path.join(release, 'services', name, 'main.js');
  const env = { PATH: '/usr/bin:/bin', BRAMBLE_HEALTH: `127.0.0.1:${health}` };
  const children = [
    spawn(node, [program('balancer'), '-db', '-f', file], { env, stdio: 'ignore' }),
    spawn(node, [program('stats'), '--config', stats], { env, stdio: 'ignore' }),
  ];
  try {
    const text = (url: string) =>
      fetch(url).then(
        (response) => response.text(),
        () => '',
      );
    await eventually(
      'an answer',
      async () => (await text(`http://127.0.0.1:${front}/`)) === 'hello',
      30_000,
    );
    await eventually(
      'the page',
      async () => (await text(`http://127.0.0.1:${page}/`)).includes('pi1'),
      30_000,
    );
    const sheet = /href="([^"]+\.css[^"]*)"/.exec(await text(`http://127.0.0.1:${page}/`))?.[1];
    expect(sheet, 'a style sheet').toBeDefined();
    expect((await text(`http://127.0.0.1:${page}${sheet}`)).length).toBeGreaterThan(500);
    for (const [i, name] of ['balancer', 'stats'].entries()) {
      const status = await readFile(`/proc/${children[i]!.pid}/status`, 'utf8');
      console.log(`${name}: ${/VmRSS:\s+(\d+)/.exec(status)?.[1]} kB resident`);
    }
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
});
