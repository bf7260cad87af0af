import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bridgeStatusSchema } from '#core/contracts/bridge.ts';
import type { StatsConfig } from '#core/contracts/service-config.ts';
import { openBrowser } from '../support/browser.ts';
import {
  balancerStatus,
  bridgeStatus,
  brokerStatus,
  StatsPeers,
  statRow,
  supervisorStatus,
  toKafkaRow,
  varz,
  vitals,
} from '../support/stats-peers.ts';
import { StatsProcess } from '../support/stats-process.ts';

const WITHIN = { timeout: 20_000 };
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** A cluster of two, of which each test gets its own. */
async function cluster() {
  const peers = new StatsPeers();
  await peers.start();
  const figures = {
    pi1: brokerStatus(),
    pi2: brokerStatus({ node: 'pi2', pid: 1312, clients: 97 }),
    bridge1: () => bridgeStatus(),
    bridge2: () =>
      bridgeStatus({ node: 'pi2', toKafka: [toKafkaRow({ state: 'elsewhere', delivered: 0 })] }),
  };
  const rows = [
    statRow('mqtt', 'FRONTEND', { scur: 245 }),
    statRow('mqtt', 'pi1', { scur: 148, check_status: 'L4OK' }),
    statRow('mqtt', 'pi2', { scur: 97, check_status: 'L4OK' }),
    statRow('mqtt', 'BACKEND', { scur: 245 }),
  ];
  const events = [
    { at: Date.now() - 9000, level: 'info' as const, subject: 'broker-2', text: 'started anew' },
  ];
  const process = { state: 'ready' as const, startedAt: Date.now() - 1e6, restarts: 0 };
  const processes = [
    { ...process, name: 'broker-1', node: 'pi1', pid: 1201 },
    {
      ...process,
      name: 'broker-2',
      node: 'pi2',
      pid: 1312,
      restarts: 4,
      lastExit: { at: Date.now() - 1e6, reason: 'killed by SIGKILL' },
    },
  ];
  peers.bodies.set('/broker1', () => figures.pi1);
  peers.bodies.set('/broker2', () => figures.pi2);
  peers.bodies.set('/bridge1', () => figures.bridge1());
  peers.bodies.set('/bridge2', () => figures.bridge2());
  peers.bodies.set('/vitals2', () => vitals({ hostname: 'pi2', temperature: 63.7 }));
  peers.bodies.set('/nats1/varz', () => varz());
  peers.bodies.set('/nats2/varz', () => varz({ server_name: 'pi2' }));
  peers.bodies.set('/balancer', () => balancerStatus(rows));
  peers.bodies.set('/supervisor', () => supervisorStatus(processes, events));
  const config: Pick<StatsConfig, 'nodes' | 'balancers' | 'supervisor'> = {
    supervisor: peers.url('/supervisor'),
    balancers: [{ node: 'pi1', status: peers.url('/balancer') }],
    nodes: [
      {
        name: 'pi1',
        vitals: 'local',
        broker: peers.url('/broker1'),
        nats: peers.url('/nats1'),
        bridge: peers.url('/bridge1'),
      },
      {
        name: 'pi2',
        vitals: peers.url('/vitals2'),
        broker: peers.url('/broker2'),
        nats: peers.url('/nats2'),
        bridge: peers.url('/bridge2'),
      },
    ],
  };
  const stats = await StatsProcess.start(config);
  return {
    peers,
    figures,
    rows,
    stats,
    async [Symbol.asyncDispose]() {
      await stats[Symbol.asyncDispose]();
      await peers[Symbol.asyncDispose]();
    },
  };
}

/** A page, with everything that went wrong on it and every host that it asked. */
async function visit(url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await page.goto(url);
  return { page, faults, origins, [Symbol.asyncDispose]: () => context.close() };
}

const textOf = async (page: Page, selector: string) =>
  (await page.innerText(selector)).replace(/[\s\u00a0\u202f]+/g, ' ').trim();

/** Waits until an element's text matches. The page's own policy forbids playwright's way of it. */
const shows = (page: Page, selector: string, text: RegExp) =>
  vi.waitFor(async () => expect(await textOf(page, selector)).toMatch(text), WITHIN);

/** Waits until every source has been heard. */
async function healthy(stats: StatsProcess) {
  await vi.waitFor(async () => {
    const { health } = (await (await fetch(`${stats.page}/api/cluster`)).json()) as {
      health: { state: string };
    };
    expect(health.state).toBe('healthy');
  }, WITHIN);
}

test('without JavaScript every section reads in full', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  await using visited = await visit(it.stats.page, { javaScriptEnabled: false });
  const { page } = visited;
  expect(await textOf(page, '#summary')).toContain('Healthy since');
  expect(await textOf(page, '#figure-clients')).toContain('245');
  expect(await textOf(page, '#nodes')).toMatch(/pi1 192\.168\.1\.11 online .* CPU .* Memory \d+ %/);
  expect(await textOf(page, '#nodes')).toContain('Temperature 64 °C');
  expect(await textOf(page, '#brokers tbody tr:nth-child(2)')).toMatch(/^pi2\s?ready\s?97/);
  expect(await textOf(page, '#balancers')).toMatch(/pi2\s?UP\s?97.*L4OK/);
  expect(await textOf(page, '#processes')).toMatch(/broker-2\s?ready.*1312.*4\s?killed by SIGKILL/);
  expect(await textOf(page, '#connect')).toContain('mqtt://192.168.1.10:1883');
  expect(await textOf(page, '#timeline')).toContain('broker-2 started anew');
  // The parser leaves noscript's content as elements only when there is no scripting.
  expect(await page.getAttribute('meta[http-equiv=refresh]', 'content')).toBe('10');
});

test('a change at a peer shows within seconds, without a reload and without a complaint', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  await using visited = await visit(it.stats.page);
  const { page, faults, origins } = visited;
  await page.evaluate('window.untouched = true');
  expect(await textOf(page, '#b0-clients')).toBe('148');

  const started = Date.now();
  it.figures.pi1 = brokerStatus({ clients: 151 });
  await shows(page, '#b0-clients', /^151$/);
  console.info(`a change showed after ${Date.now() - started} ms`);
  expect(await textOf(page, '#figure-clients')).toContain('248');

  it.rows[1] = { ...it.rows[1]!, status: 'DOWN', check_status: 'L4CON' };
  await shows(page, '#alerts', /mqtt\/pi1 is DOWN/);
  expect(await page.title()).toContain('Degraded');
  expect(await textOf(page, '#timeline')).toContain('warning balancer mqtt/pi1 is DOWN (L4CON)');
  expect(await page.getAttribute('#alerts', 'aria-live')).toBe('polite');

  it.rows.push(statRow('web', 'BACKEND', { scur: 3 }));
  await shows(page, '#balancers', /web BACKEND/);

  expect(await page.evaluate('window.untouched')).toBe(true);
  expect(faults).toEqual([]);
  expect([...origins]).toEqual([it.stats.page]);
});

test('rates come from counters, and a restart makes none that is negative', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  await using visited = await visit(it.stats.page);
  const { page } = visited;
  const started = Date.now();
  const begun = it.figures.pi1.messagesIn;
  it.peers.bodies.set('/broker1', () =>
    brokerStatus({ messagesIn: begun + Math.round((Date.now() - started) / 5) }),
  );
  const rate = async () => Number((await textOf(page, '#b0-in')).replace('–', 'NaN'));
  await vi.waitFor(async () => expect(await rate()).toBeGreaterThan(150), WITHIN);
  expect(await rate()).toBeLessThan(250);

  const restarted = Date.now();
  it.peers.bodies.set('/broker1', () =>
    brokerStatus({
      pid: 4711,
      startedAt: restarted,
      messagesIn: Math.round((Date.now() - restarted) / 10),
    }),
  );
  const seen: number[] = [];
  await vi.waitFor(async () => {
    seen.push(await rate());
    expect(await textOf(page, '#timeline')).toContain('process 1201 is now 4711');
    expect(seen.at(-1)).toBeLessThan(120);
    expect(seen.at(-1)).toBeGreaterThan(80);
  }, WITHIN);
  expect(seen.filter((value) => value < 0)).toEqual([]);
});

test('a peer that hangs is stale since when, with its last figures; the others stay live', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  await using visited = await visit(it.stats.page);
  const { page, faults } = visited;
  for (const path of ['/broker2', '/vitals2', '/nats2/varz', '/bridge2']) {
    it.peers.manners.set(path, 'hangs');
  }
  await shows(page, '#b1-state', /^stale since \d\d:\d\d:\d\d$/);
  await shows(page, '#n1-head', /stale since \d\d:\d\d:\d\d/);
  expect(await textOf(page, '#b1-clients')).toBe('97');
  expect(await textOf(page, '#b1-retained')).toBe('873');
  expect(await textOf(page, '#nodes article:nth-child(2)')).toContain('Temperature 64 °C');
  expect(await textOf(page, '#figure-clients')).toContain('148 1 of 2 brokers');
  await vi.waitFor(async () => {
    expect(await textOf(page, '#alerts')).toContain('pi2 does not answer: nothing within 2000 ms');
  }, WITHIN);
  it.figures.pi1 = brokerStatus({ clients: 155 });
  await shows(page, '#b0-clients', /^155$/);

  it.peers.manners.clear();
  await shows(page, '#b1-state', /^ready$/);
  expect(await textOf(page, '#timeline')).toContain('pi2 broker answers again');
  expect(faults).toEqual([]);
});

test('the page says when it is not live any more, and goes on when the server is back', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  await using visited = await visit(it.stats.page);
  const { page } = visited;
  it.stats.child.kill('SIGSTOP');
  await shows(page, '#link', /Not live/);
  expect(await page.isVisible('#link')).toBe(true);
  expect(await textOf(page, '#b0-clients')).toBe('148');
  it.stats.child.kill('SIGCONT');
  await shows(page, '#link', /^$/);
  it.figures.pi1 = brokerStatus({ clients: 156 });
  await shows(page, '#b0-clients', /^156$/);
});

test('a bridge shows what goes to Kafka; with Kafka away it buffers, and is not broken', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  await using visited = await visit(it.stats.page);
  const { page, faults } = visited;
  expect(await textOf(page, '#bridge')).toMatch(/Kafka answers 3 nodes pi1 ready pi2 ready/);
  expect(await textOf(page, '#bk0-state')).toBe('carrying');
  expect(await textOf(page, '#bk0-owner')).toBe('pi1');
  expect(await textOf(page, '#summary')).toContain('2 bridges');

  const started = Date.now();
  it.figures.bridge1 = () =>
    bridgeStatus({
      kafka: { asked: true, reachable: false, brokers: 0, reason: 'connection refused' },
      toKafka: [
        toKafkaRow({
          state: 'buffering',
          problem: 'connection refused',
          lag: { messages: Date.now() - started, bytes: 1 << 20, seconds: 12, retention: 0.001 },
        }),
      ],
    });
  await shows(page, '#bk0-state', /^buffering$/);
  await shows(page, '#bridge-kafka', /^Kafka not everywhere connection refused/);
  await shows(page, '#bk0-behind', /^[1-9][\d ]*$/);
  await shows(page, '#alerts', /Kafka is not reached by every bridge, the log keeps what comes/);
  expect(await page.locator('#bridge .badge.bad').count()).toBe(0);

  it.peers.manners.set('/bridge1', 'hangs');
  await shows(page, '#bk0-state', /^moving$/);
  it.figures.bridge2 = () =>
    bridgeStatus({ node: 'pi2', toKafka: [toKafkaRow({ owner: 'pi2#1' })] });
  await shows(page, '#bk0-owner', /^pi2$/);
  await shows(page, '#timeline', /mapping everything goes over from pi1 to pi2/);
  expect(faults).toEqual([]);
});

test('another node asks for a bridge through this page', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  const answer = await fetch(`${it.stats.page}/api/node/bridge`);
  expect(bridgeStatusSchema.parse(await answer.json())).toMatchObject({ service: 'bridge' });
});

test('nothing scrolls sideways on any width, and links are large on a phone', async () => {
  await using it = await cluster();
  await healthy(it.stats);
  it.peers.manners.set('/broker2', 'refuses');
  await using visited = await visit(it.stats.page);
  const { page } = visited;
  await shows(page, '#b1-state', /^stale/);
  for (const width of [320, 360, 390, 640, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth'), `${width} px`).toBe(width);
    const links = (await page.evaluate(
      `[...document.querySelectorAll('main a, .foot a')].map((a) => a.getBoundingClientRect().height)`,
    )) as number[];
    if (width <= 640) expect(Math.min(...links), `${width} px`).toBeGreaterThanOrEqual(44);
  }
});

test('light and dark follow the reader', async () => {
  await using it = await cluster();
  const ground = async (colorScheme: 'light' | 'dark') => {
    await using visited = await visit(it.stats.page, { colorScheme });
    return await visited.page.evaluate('getComputedStyle(document.body).backgroundColor');
  };
  expect([await ground('light'), await ground('dark')]).toEqual([
    'rgb(246, 245, 247)',
    'rgb(19, 17, 22)',
  ]);
});
