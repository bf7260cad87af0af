import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  clientDetailSchema,
  clientsSchema,
  sessionsSchema,
  topicsSchema,
} from '#core/contracts/admin.ts';
import { brokerStatusSchema } from '#core/contracts/status.ts';
import { eventually } from '../support/broker.ts';
import { startNats } from '../support/nats.ts';
import { freePorts } from '../support/ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const WORKERS = 3;
const PATIENCE = 60_000;
const TOKEN = '0123456789abcdef0123456789abcdef';

let pool: ChildProcess;
let port: number;
let health: number[];
let output = '';
let stopNats: () => Promise<void>;
let directory: string;
let clients: MqttClient[] = [];

beforeEach(async () => {
  const engine = await startNats(1);
  stopNats = engine.stop;
  directory = await mkdtemp(join(tmpdir(), 'bramble-workers-'));
  [port, ...health] = (await freePorts(1 + WORKERS)) as [number, ...number[]];
  const cluster = join(directory, 'cluster.yaml');
  await writeFile(
    cluster,
    `cluster: { name: test, secret: 0123456789abcdef }
nodes: [{ name: pi1, address: 127.0.0.1 }]
mqtt: { anonymous: true, workers: ${WORKERS} }
`,
  );
  const { url, user, password } = engine.servers[0]!;
  const host = '127.0.0.1';
  const file = join(directory, 'broker.yaml');
  await writeFile(
    file,
    JSON.stringify({
      node: 'pi1',
      cluster,
      listen: { mqtt: { host, port }, health: { host, port: health[0] } },
      workerHealth: health.slice(1),
      admin: { token: TOKEN },
      nats: { url, user, password },
    }),
  );
  output = '';
  pool = spawn(join(ROOT, 'bin/node'), ['services/broker/main.ts', '--config', file], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [pool.stdout!, pool.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await eventually('ready', async () => (await ready(0)).ready, PATIENCE).catch((error: Error) => {
    throw new Error(`${error.message}\n${output}`);
  });
});

afterEach(async () => {
  for (const client of clients) client.end(true);
  clients = [];
  if (pool.exitCode === null && pool.signalCode === null) {
    const ended = once(pool, 'exit');
    pool.kill('SIGTERM');
    await ended;
  }
  await stopNats();
  await rm(directory, { recursive: true, force: true });
});

async function ready(worker: number): Promise<{ ready: boolean; reasons: string[] }> {
  try {
    const answer = await fetch(`http://127.0.0.1:${health[worker]}/readyz`);
    return (await answer.json()) as { ready: boolean; reasons: string[] };
  } catch {
    return { ready: false, reasons: ['does not answer'] };
  }
}

async function status(worker: number) {
  const answer = await fetch(`http://127.0.0.1:${health[worker]}/status`);
  return brokerStatusSchema.parse(await answer.json());
}

/** Each worker, as the first one tells of them. */
async function workers() {
  return (await status(0)).workers!;
}

async function admin(
  path: string,
  method = 'GET',
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${health[0]}/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

function connected(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('connect', () => resolve()));
}

async function connect(options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, ...options });
  client.on('error', () => {});
  clients.push(client);
  await connected(client);
  return client;
}

function exists(pid: number): boolean {
  try {
    // One that has ended and was not waited for is gone too.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('connections spread over the workers, and meet', async () => {
  for (let i = 0; i < 60; i++) await connect({ clientId: `c${i}` });
  const node = await status(0);
  const all = node.workers!;
  const counts = all.map(({ clients: count }) => count);
  const memory = all.map(({ rss }) => Math.round(rss / 2 ** 20));
  const watcher = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pool.pid}/status`, 'utf8'));
  const parent = Math.round(Number(watcher?.[1]) / 1024);
  console.log(
    `clients of each worker ${counts.join(', ')}; ${memory.join(', ')} MiB, who watches ${parent} MiB`,
  );
  expect(node).toMatchObject({ node: 'pi1', clients: 60, connects: 60, sessions: 60 });
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(60);
  for (const count of counts) expect(count).toBeGreaterThan(0);
  expect(all.map(({ node }) => node)).toEqual(['pi1', 'pi1.2', 'pi1.3']);
  // Each hears what each other publishes, at every QoS, once.
  const heard = new Map<MqttClient, string[]>();
  for (const client of clients) {
    heard.set(client, []);
    client.on('message', (_, payload) => heard.get(client)!.push(payload.toString()));
  }
  await Promise.all(clients.map((client) => client.subscribeAsync('all/#', { qos: 2 })));
  for (const [index, client] of clients.slice(0, 12).entries()) {
    await client.publishAsync('all/t', `${index}`, { qos: (index % 3) as 0 | 1 | 2 });
  }
  const wanted = Array.from({ length: 12 }, (_, i) => `${i}`).sort();
  await eventually(
    'everything everywhere',
    () => [...heard.values()].every((list) => list.length >= 12),
    PATIENCE,
  );
  for (const list of heard.values()) expect([...list].sort()).toEqual(wanted);
});

test('one client id is connected once over all workers', async () => {
  let open = 0;
  for (let i = 0; i < 40; i++) {
    const client = await connect({ clientId: 'same' });
    open++;
    client.on('close', () => open--);
  }
  await eventually('only the last one', () => open === 1, PATIENCE);
  await eventually('counted once', async () => (await status(0)).clients === 1);
  const [node, second, third] = await Promise.all([status(0), status(1), status(2)]);
  const takeovers = [node.takeovers, second.takeovers, third.takeovers];
  console.log(`takeovers of the node, and of its second and third worker: ${takeovers.join(', ')}`);
  expect(node.takeovers).toBeGreaterThan(second.takeovers + third.takeovers);
  expect(second.takeovers + third.takeovers).toBeGreaterThan(0);
});

test('the sessions of a killed worker go on at another one, and it comes back', async () => {
  const SESSIONS = 12;
  const got = Array.from({ length: SESSIONS }, () => new Map<string, number>());
  const join = async (index: number): Promise<MqttClient> => {
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId: `s${index}`,
      clean: false,
      reconnectPeriod: 100,
    });
    client.on('error', () => {});
    clients.push(client);
    client.on('message', (_, payload) => {
      const text = payload.toString();
      got[index]!.set(text, (got[index]!.get(text) ?? 0) + 1);
    });
    await connected(client);
    await client.subscribeAsync('load', { qos: 2 });
    return client;
  };
  for (let i = 0; i < SESSIONS; i++) await join(i);
  const before = await workers();
  const victim = before.findIndex(({ clients: count }, index) => index > 0 && count > 0);
  const publisher = await connect({ clientId: 'publisher', reconnectPeriod: 100, clean: false });
  let acknowledged = 0;
  let sent = 0;
  const load = setInterval(() => {
    const text = `${sent++}`;
    void publisher
      .publishAsync('load', text, { qos: 2 })
      .then(() => acknowledged++)
      .catch(() => {});
  }, 10);
  await eventually('under way', () => acknowledged > 30, PATIENCE);
  const { pid } = before[victim]!;
  process.kill(pid, 'SIGKILL');
  await eventually(
    'the first worker tells',
    async () =>
      (await ready(0)).reasons.some((reason) => reason.startsWith(`worker ${victim + 1}`)),
    PATIENCE,
  );
  await eventually('it is back', async () => (await ready(0)).ready, PATIENCE);
  expect((await workers())[victim]!.pid).not.toBe(pid);
  clearInterval(load);
  await eventually('acknowledged', () => acknowledged === sent, PATIENCE);
  await eventually('received', () => got.every((messages) => messages.size === sent), PATIENCE);
  const twice = got.flatMap((messages) => [...messages.values()].filter((times) => times > 1));
  const moved = before[victim]!.clients;
  console.log(
    `${moved} sessions moved, ${sent} messages to each of ${SESSIONS}, ${twice.length} twice`,
  );
  expect(twice).toEqual([]);
});

test('the workers end with the process that watches over them', async () => {
  const pids = (await workers()).map(({ pid }) => pid);
  pool.kill('SIGKILL');
  await eventually('gone', () => pids.every((pid) => !exists(pid)), PATIENCE);
});

test('SIGTERM ends all of them in order', async () => {
  const pids = (await workers()).map(({ pid }) => pid);
  const ended = once(pool, 'exit');
  pool.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(pids.filter(exists)).toEqual([]);
});

test('the first one’s status, metrics and admin API are those of the node', async () => {
  const COUNT = 40;
  for (let i = 0; i < COUNT; i++) {
    const client = await connect({ clientId: `n${i}`, clean: i % 2 === 0 });
    await client.subscribeAsync(`own/${i}`);
    await client.publishAsync('busy/t', 'x', { qos: 0 });
  }
  await eventually('all counted', async () => (await status(0)).messagesIn === COUNT, PATIENCE);
  const spread = (await workers()).map(({ clients: count }) => count);
  expect(spread.filter((count) => count > 0).length).toBeGreaterThan(1);

  const text = await (await fetch(`http://127.0.0.1:${health[0]}/metrics`)).text();
  const value = (name: string): number[] =>
    [...text.matchAll(new RegExp(`^bramble_broker_${name}\\{([^}]*)\\} (\\S+)$`, 'gm'))].map(
      (m) => {
        expect(m[1]).toContain('node="pi1"');
        return Number(m[2]);
      },
    );
  expect(value('clients')).toEqual([COUNT]);
  expect(value('connects_total')).toEqual([COUNT]);
  expect(value('messages_in_total')).toEqual([COUNT]);
  expect(value('subscriptions')).toEqual([COUNT]);
  expect(value('sessions')).toEqual([COUNT]);
  expect(value('nats_connected')).toEqual([1]);

  const seen: string[] = [];
  let pages = 0;
  for (let from: number | undefined = 0; from !== undefined; pages++) {
    const page = clientsSchema.parse((await admin(`clients?limit=7&from=${from}`)).body);
    expect(page).toMatchObject({ node: 'pi1', total: COUNT });
    expect(page.rows.length).toBeLessThanOrEqual(7);
    seen.push(...page.rows.map(({ clientId }) => clientId));
    from = page.next;
  }
  const wanted = Array.from({ length: COUNT }, (_, i) => `n${i}`).sort();
  expect([...seen].sort()).toEqual(wanted);

  const sessions = sessionsSchema.parse((await admin('sessions?limit=1000')).body);
  expect(sessions.rows.map(({ clientId }) => clientId).sort()).toEqual(wanted);
  expect(sessions.rows.every(({ connected: isConnected }) => isConnected)).toBe(true);

  const topics = topicsSchema.parse((await admin('topics')).body);
  const seconds = topics.seconds;
  const [busiest] = topics.rows;
  expect(busiest!.topic).toBe('busy/t');
  // Windows of the workers begin at different times: about all of them, and more than one has.
  expect(busiest!.messages * seconds).toBeGreaterThan(Math.max(...spread));

  for (const clientId of wanted) {
    const one = await admin(`clients/${clientId}`);
    expect(one.status).toBe(200);
    expect(clientDetailSchema.parse(one.body).clientId).toBe(clientId);
  }
  for (const clientId of wanted.slice(0, 10)) {
    expect(await admin(`clients/${clientId}`, 'DELETE')).toEqual({
      status: 200,
      body: { kicked: true },
    });
  }
  expect((await admin('clients/nobody')).status).toBe(404);
  const banned = { kind: 'user', value: '', why: 'all' };
  expect((await admin('bans', 'POST', banned)).status).toBe(400);
  for (const clientId of wanted.slice(10, 20)) {
    const body = { kind: 'client', value: clientId, why: 'test' };
    expect((await admin('bans', 'POST', body)).status).toBe(201);
  }
  await eventually('kicked', async () => (await status(0)).clients === COUNT - 20, PATIENCE);
  console.log(`${COUNT} clients on ${spread.join(' + ')} workers, listed in ${pages} pages of 7`);
});
