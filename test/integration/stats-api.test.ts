import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { vitalsSchema } from '#core/contracts/vitals.ts';
import type { ClusterSnapshot } from '../../services/stats/model/snapshot.ts';
import { brokerStatus, StatsPeers } from '../support/stats-peers.ts';
import { StatsProcess, spawnStats } from '../support/stats-process.ts';

const WITHIN = { timeout: 20_000 };
let peers: StatsPeers;
let stats: StatsProcess;

beforeAll(async () => {
  peers = new StatsPeers();
  await peers.start();
  peers.bodies.set('/broker', () => brokerStatus());
  stats = await StatsProcess.start({
    balancers: [],
    nodes: [
      { name: 'pi1', vitals: 'local', broker: peers.url('/broker') },
      { name: 'pi2', vitals: peers.url('/nobody') },
    ],
  });
});

afterAll(async () => {
  await stats?.[Symbol.asyncDispose]();
  await peers?.[Symbol.asyncDispose]();
});

const get = (where: string, init?: RequestInit) => fetch(`${stats.page}${where}`, init);
const streams = async () =>
  ((await (await fetch(`${stats.health}/status`)).json()) as { streams: number }).streams;

test("the machine's own vitals keep the contract that other nodes read", async () => {
  await vi.waitFor(async () => {
    const vitals = vitalsSchema.parse(await (await get('/api/vitals')).json());
    expect(vitals.cpu.usage).toBeGreaterThanOrEqual(0);
    expect(vitals.disks.length).toBeGreaterThan(0);
  }, WITHIN);
});

test('the whole cluster as JSON, with what is silent marked as such', async () => {
  await vi.waitFor(async () => {
    const cluster = (await (await get('/api/cluster')).json()) as ClusterSnapshot;
    expect(cluster).toMatchObject({
      cluster: 'home',
      connect: { host: '192.168.1.10', port: 1883, credentials: true },
      nodes: [
        {
          name: 'pi1',
          vitals: { state: 'fresh' },
          broker: { status: { value: { clients: 148 } } },
        },
        { name: 'pi2', vitals: { state: 'stale', reason: 'answers with status 404' } },
      ],
    });
    expect(cluster.nodes[1]?.vitals).not.toHaveProperty('value');
    expect(cluster).not.toHaveProperty('supervisor');
    expect(JSON.stringify(cluster)).not.toContain('0123456789abcdef');
  }, WITHIN);
});

test('another node shows this one by asking its page', async () => {
  await using other = await StatsProcess.start({
    balancers: [],
    nodes: [
      { name: 'pi2', vitals: 'local' },
      {
        name: 'pi1',
        vitals: `${stats.page}/api/vitals`,
        broker: `${stats.page}/api/node/broker`,
        nats: `${stats.page}/api/node/nats`,
      },
    ],
  });
  await vi.waitFor(async () => {
    const cluster = (await (await fetch(`${other.page}/api/cluster`)).json()) as ClusterSnapshot;
    const pi1 = cluster.nodes.find(({ name }) => name === 'pi1');
    expect(pi1).toMatchObject({
      vitals: { state: 'fresh' },
      broker: { status: { value: { clients: 148 } } },
      nats: { state: 'stale', reason: 'answers with status 404' },
    });
  }, WITHIN);
});

test('events as JSON', async () => {
  await vi.waitFor(async () => {
    const { events } = (await (await get('/api/events')).json()) as Pick<ClusterSnapshot, 'events'>;
    expect(events).toMatchObject([{ subject: 'pi2 vitals', text: 'answers with status 404' }]);
  }, WITHIN);
});

test('what is not there, cannot be written or cannot be understood is said in the right form', async () => {
  const page = await get('/<script>alert(1)</script>');
  expect([page.status, page.headers.get('content-type')]).toEqual([
    404,
    'text/html; charset=utf-8',
  ]);
  expect(await page.text()).not.toContain('alert(1)');
  const json = await get('/api/nothing');
  expect([json.status, await json.json()]).toEqual([
    404,
    { error: 'There is nothing under this address.' },
  ]);
  for (const where of ['/', '/events', '/api/cluster', '/api/vitals', '/api/events']) {
    const answer = await get(where, { method: 'POST', body: 'x' });
    expect([where, answer.status, answer.headers.get('allow')]).toEqual([where, 405, 'GET, HEAD']);
  }
  expect((await get('/%ff')).status).toBeLessThan(500);
  expect((await get('/assets/..%2f..%2fservice.ts')).status).toBe(404);
  expect((await get('/', { method: 'HEAD' })).status).toBe(200);
});

test('every answer carries the policy; the page forbids what is inline or from elsewhere', async () => {
  for (const where of ['/', '/nothing', '/api/cluster', '/favicon.svg']) {
    const policy = (await get(where)).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  }
  const { headers } = await get('/');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-powered-by')).toBeNull();
});

test('styles and script may be kept for ever, since their names change with them', async () => {
  const body = await (await get('/')).text();
  for (const [, asset] of body.matchAll(/"(\/assets\/[^"]+)"/g)) {
    const answer = await get(asset!);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toContain('immutable');
  }
});

test('health, readiness and metrics are on their own port', async () => {
  expect((await fetch(`${stats.health}/healthz`)).status).toBe(200);
  expect((await fetch(`${stats.health}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`${stats.health}/metrics`)).text();
  expect(metrics).toContain('bramble_stats_source_fresh{source="broker pi1",service="stats"} 1');
  expect(metrics).toContain('bramble_stats_source_fresh{source="vitals pi2",service="stats"} 0');
  expect(metrics).toMatch(
    /bramble_stats_poll_failures_total\{source="vitals pi2",service="stats"\} \d/,
  );
  expect((await get('/metrics')).status).toBe(404);
});

test('a hundred streams opened and closed leave none, and more than the limit are refused', async () => {
  const version = /data-version="(\w+)"/.exec(await (await get('/')).text())![1];
  const agent = new http.Agent();
  const open = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const request = http.get(`${stats.page}/events?from=x&version=${version}`, { agent });
      request.on('error', () => undefined);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.on('error', () => undefined);
      response.resume();
      return { request, status: response.statusCode };
    }),
  );
  const accepted = open.filter(({ status }) => status === 200).length;
  const refused = open.filter(({ status }) => status === 503).length;
  console.info(`100 streams asked for: ${accepted} accepted, ${refused} refused`);
  expect([accepted, refused]).toEqual([64, 36]);
  expect(await streams()).toBe(64);
  for (const { request } of open) request.destroy();
  await vi.waitFor(async () => expect(await streams()).toBe(0), WITHIN);

  for (let i = 0; i < 100; i++) {
    const request = http.get(`${stats.page}/events?from=x&version=${version}`, { agent });
    request.on('error', () => undefined);
    await once(request, 'response');
    request.destroy();
  }
  await vi.waitFor(async () => expect(await streams()).toBe(0), WITHIN);
  agent.destroy();
});

test('it stops at once with streams and idle connections open', async () => {
  await using other = await StatsProcess.start({ balancers: [], nodes: [] });
  const version = /data-version="(\w+)"/.exec(await (await fetch(other.page)).text())![1];
  const request = http.get(`${other.page}/events?from=x&version=${version}`);
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const ended = once(response.resume(), 'close');
  other.child.kill('SIGTERM');
  expect((await other.exited)[0]).toBe(0);
  await ended;
});

test('cluster.yaml is read again on SIGHUP; a wrong one changes nothing', async () => {
  await using other = await StatsProcess.start({ balancers: [], nodes: [] });
  const file = path.join(other.directory, 'cluster.yaml');
  const good = await readFile(file, 'utf8');
  const name = async () =>
    ((await (await fetch(`${other.page}/api/cluster`)).json()) as ClusterSnapshot).cluster;
  await writeFile(file, good.replace('name: home', 'name: [cabin'));
  other.child.kill('SIGHUP');
  await vi.waitFor(() => expect(other.output).toContain('keeps its old configuration'), WITHIN);
  expect(await name()).toBe('home');
  await writeFile(file, good.replace('name: home', 'name: cabin'));
  other.child.kill('SIGHUP');
  await vi.waitFor(async () => expect(await name()).toBe('cabin'), WITHIN);
});

test.each([
  [[], '--config is missing'],
  [['--confg', 'x'], 'bad command line'],
  [['--config', '/nowhere/stats.yaml'], '/nowhere/stats.yaml:1:1: no such file'],
])('it does not start with %j, and says why', async (args, why) => {
  const child = spawnStats(...args);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(output).toContain(why);
});

test('a wrong configuration names the file, line and column', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-stats-'));
  try {
    const file = path.join(directory, 'stats.yaml');
    await writeFile(file, 'cluster: x\npage: { host: 127.0.0.1, port: 1 }\nhelth: {}\n');
    const child = spawnStats('--config', file);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await once(child, 'close');
    expect(output).toContain(`${file}:3:1: unknown key \\"helth\\"; did you mean \\"health\\"?`);
  } finally {
    await rm(directory, { recursive: true });
  }
});
