import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bansSchema,
  clientDetailSchema,
  clientsSchema,
  membersSchema,
  retainedSchema,
  sessionsSchema,
  shardsSchema,
  topicsSchema,
} from '#core/contracts/admin.ts';
import { verifyPassword } from '#core/passwords.ts';
import { AdminApi } from '../../services/broker/admin/admin-api.ts';
import { eventually } from '../support/broker.ts';
import { Peer } from '../support/broker-peer.ts';
import { type GuardedBroker, startGuarded } from '../support/guarded-broker.ts';
import { startNats } from '../support/nats.ts';
import { freePort } from '../support/ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const TOKEN = '0123456789abcdef0123456789abcdef';
const USERS = `{ users: [ { name: root, password: toor, admin: true },
  { name: lamp, password: dark } ] }`;

let health: number;
let server: GuardedBroker;
const peers: Peer[] = [];

beforeAll(async () => {
  health = await freePort();
  server = await startGuarded(USERS, { admin: { token: TOKEN }, health });
});
afterAll(async () => {
  for (const peer of peers) peer.socket.destroy();
  await server?.stop();
});

async function admin(
  where: string,
  {
    method = 'GET',
    body,
    token = TOKEN,
    port = health,
  }: {
    method?: string;
    body?: unknown;
    token?: string;
    port?: number;
  } = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}/admin/${where}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function login(clientId: string, extra = {}, port?: number): Promise<Peer> {
  const peer = await Peer.open(port ?? server.broker.ports.mqtt);
  peers.push(peer);
  const answer = await peer.connect({
    version: 5,
    clientId,
    username: 'lamp',
    password: 'dark',
    ...extra,
  });
  expect(answer.reasonCode).toBe(0);
  return peer;
}

describe('the API', () => {
  test('without the token nobody learns anything, and the attempt is in the audit trail', async () => {
    for (const token of ['', 'wrong', `${TOKEN}x`]) {
      expect(await admin('clients', { token })).toEqual({
        status: 401,
        body: { error: 'a bearer token is needed' },
      });
    }
    expect((await fetch(`http://127.0.0.1:${health}/admin/clients`)).status).toBe(401);
    expect(server.audit('admin')[0]).toMatchObject({ outcome: 'refused', address: '127.0.0.1' });
    const closed = await startGuarded(USERS, { health: await freePort() });
    await closed.stop();
  });

  test('clients: who, from where, how busy; pages; one with its subscriptions and will', async () => {
    const lamp = await login('lamp-1', {
      keepalive: 30,
      properties: { sessionExpiryInterval: 60 },
      will: { topic: 'lamp/gone', payload: Buffer.from('x'), qos: 1, retain: true },
    });
    await lamp.subscribe('lamp/+/set', 1);
    for (let i = 0; i < 5; i++) await lamp.publish('lamp/1', 'on', { qos: 1 });
    for (let i = 0; i < 7; i++) await login(`other-${i}`);
    const { body } = await admin('clients?limit=3');
    const page = clientsSchema.parse(body);
    expect(page).toMatchObject({ node: 'pi1', total: 8, next: 3 });
    expect(page.rows).toHaveLength(3);
    expect(page.rows[0]).toMatchObject({
      clientId: 'lamp-1',
      user: 'lamp',
      address: '127.0.0.1',
      listener: 'mqtt',
      version: 5,
      keepAlive: 30,
      subscriptions: 1,
      messagesIn: 5,
    });
    expect(page.rows[0]!.bytesIn).toBeGreaterThan(50);
    expect(page.rows[0]!.bytesOut).toBeGreaterThan(20);
    expect(Math.abs(page.rows[0]!.connectedAt - Date.now())).toBeLessThan(60_000);
    const all = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      const next = clientsSchema.parse((await admin(`clients?limit=3&from=${from}`)).body);
      all.push(...next.rows.map(({ clientId }) => clientId));
      from = next.next;
    }
    expect(new Set(all).size).toBe(8);
    const detail = clientDetailSchema.parse((await admin('clients/lamp-1')).body);
    expect(detail).toMatchObject({
      node: 'pi1',
      sessionExpiry: 60,
      will: { topic: 'lamp/gone', qos: 1, retain: true },
      filters: [{ filter: 'lamp/+/set', qos: 1 }],
    });
    expect((await admin('clients/nobody')).status).toBe(404);
  });

  test('kick: MQTT 5 is told 0x98, the action has its audit line', async () => {
    const peer = await login('kick me/now');
    const where = `clients/${encodeURIComponent('kick me/now')}`;
    expect(await admin(where, { method: 'DELETE' })).toEqual({
      status: 200,
      body: { kicked: true },
    });
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x98);
    await peer.expectClose();
    expect((await admin(where, { method: 'DELETE' })).status).toBe(404);
    const done = server.audit('admin').filter(({ outcome }) => outcome === 'done');
    expect(done).toMatchObject([{ clientId: 'kick me/now', address: '127.0.0.1' }]);
  });

  test('bans: set, listed, effective at once and for new connections, lifted', async () => {
    const peer = await login('badly');
    const ban = { kind: 'client', value: 'badly', for: 60_000, why: 'floods' };
    const set = await admin('bans', { method: 'POST', body: ban });
    expect(set).toMatchObject({ status: 201, body: { kicked: 1, by: 'admin' } });
    await peer.expectClose();
    expect(bansSchema.parse((await admin('bans')).body).rows).toMatchObject([
      { kind: 'client', value: 'badly', why: 'floods' },
    ]);
    const again = await server.peer();
    const answer = await again.connect({
      version: 5,
      clientId: 'badly',
      username: 'lamp',
      password: 'dark',
    });
    expect(answer.reasonCode).toBe(0x8a);
    expect((await admin('bans/client/badly', { method: 'DELETE' })).status).toBe(200);
    await login('badly');
    const wrong = [
      {},
      { kind: 'planet', value: 'x' },
      { kind: 'address', value: 'not one' },
      { kind: 'client', value: '' },
      { kind: 'client', value: 'x', for: -1 },
      { kind: 'client', value: 'x', why: 'y'.repeat(1_000) },
      '{',
      'x'.repeat(20_000),
    ];
    for (const body of wrong)
      expect((await admin('bans', { method: 'POST', body })).status).toBe(400);
    expect((await admin('bans/client/badly', { method: 'DELETE' })).status).toBe(404);
  });

  test('retained: by filter, in pages, with a preview', async () => {
    const peer = await login('retainer');
    for (let i = 0; i < 25; i++)
      await peer.publish(`r/${i}`, `value ${i}`, { qos: 1, retain: true });
    await peer.publish('r/long', 'ä'.repeat(5_000), { qos: 1, retain: true });
    await peer.publish('r/binary', Buffer.from([0xff, 0x00]), { qos: 1, retain: true });
    const topics: string[] = [];
    let pages = 0;
    for (let from: number | undefined = 0; from !== undefined; pages++) {
      const { body } = await admin(
        `retained?filter=${encodeURIComponent('r/#')}&limit=10&from=${from}`,
      );
      const page = retainedSchema.parse(body);
      topics.push(...page.rows.map(({ topic }) => topic));
      from = page.next;
    }
    expect([topics.length, new Set(topics).size, pages]).toEqual([27, 27, 3]);
    const one = async (topic: string) =>
      retainedSchema.parse((await admin(`retained?filter=${topic}`)).body).rows[0];
    expect(await one('r/3')).toMatchObject({
      preview: 'value 3',
      encoding: 'utf8',
      truncated: false,
    });
    expect(await one('r/long')).toMatchObject({
      size: 10_000,
      truncated: true,
      preview: 'ä'.repeat(60),
    });
    expect(await one('r/binary')).toMatchObject({ encoding: 'base64', preview: '/wA=' });
    expect((await admin('retained?filter=a%23')).status).toBe(400);
  });

  test('topics: the busiest first', async () => {
    const peer = await login('busy');
    for (let i = 0; i < 40; i++) await peer.publish('busy/topic', 'x', { qos: 1 });
    const { rows } = topicsSchema.parse((await admin('topics')).body);
    expect(rows[0]?.topic).toBe('busy/topic');
  });

  test('sessions, shards and members of a broker that is alone', async () => {
    const away = await login('sleeper', { properties: { sessionExpiryInterval: 300 } });
    await away.subscribe('x', 1);
    away.socket.destroy();
    await eventually('it is away', async () => {
      const { rows } = sessionsSchema.parse((await admin('sessions?search=sleeper')).body);
      return rows[0]?.connected === false;
    });
    const { rows } = sessionsSchema.parse((await admin('sessions?search=sleeper')).body);
    expect(rows).toMatchObject([{ user: 'lamp', subscriptions: 1, expiry: 300, node: 'pi1' }]);
    expect(shardsSchema.parse((await admin('shards')).body).rows).toEqual([]);
    expect(membersSchema.parse((await admin('members')).body)).toMatchObject({
      ready: true,
      peers: [],
    });
  });

  test('whatever is asked, the answer is JSON and no failure of ours', async () => {
    const api = new AdminApi(server.broker);
    const word = fc.oneof(
      fc.constantFrom('clients', 'sessions', 'retained', 'topics', 'bans', 'shards', 'members'),
      fc.constantFrom('client', 'user', 'address', 'constructor', '__proto__'),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'DELETE', 'PUT'),
        fc.array(word, { maxLength: 4 }),
        fc.dictionary(fc.constantFrom('limit', 'from', 'filter', 'search', 'preview'), fc.string()),
        fc.jsonValue(),
        async (method, where, query, body) => {
          const answer = await api.answer({
            method,
            path: where,
            query: new URLSearchParams(query),
            body,
            address: '127.0.0.1',
          });
          expect([200, 201, 400, 404, 405]).toContain(answer.status);
          JSON.stringify(answer.body);
        },
      ),
      { numRuns: 500 },
    );
    for (const { kind, value } of [...server.broker.gate.bans.all()]) {
      server.broker.gate.bans.lift(kind, value);
    }
  });

  test('nonsense is answered, not thrown', async () => {
    expect((await admin('')).status).toBe(404);
    expect((await admin('nowhere')).status).toBe(404);
    expect((await admin('clients/%E0%A4%A')).status).toBe(400);
    expect((await admin('clients', { method: 'PUT' })).status).toBe(405);
    expect((await admin('clients?limit=x&from=-4&limit=1e9')).status).toBe(200);
  });
});

test('$SYS: Mosquitto’s names, for admins only', async () => {
  const root = await login('root', { username: 'root', password: 'toor' });
  await root.subscribe('$SYS/#');
  const topics = new Map<string, string>();
  await eventually('all of them', async () => {
    await root.expectNothing().catch(() => {});
    for (const packet of root.received) {
      if (packet.cmd === 'publish') topics.set(packet.topic, String(packet.payload));
    }
    return topics.size >= 50;
  });
  const loads = ['connections', 'sockets', 'bytes/received', 'bytes/sent', 'messages/received'];
  loads.push('messages/sent', 'publish/received', 'publish/sent', 'publish/dropped');
  const wanted = [
    ...['version', 'uptime', 'heap/current', 'heap/maximum'],
    ...['connected', 'disconnected', 'maximum', 'total', 'active', 'inactive'].map(
      (n) => `clients/${n}`,
    ),
    ...['received', 'sent', 'inflight', 'stored'].map((n) => `messages/${n}`),
    ...['received', 'sent', 'dropped'].map((n) => `publish/messages/${n}`),
    ...['publish/bytes/received', 'publish/bytes/sent', 'bytes/received', 'bytes/sent'],
    ...['subscriptions/count', 'shared_subscriptions/count', 'retained messages/count'],
    ...['store/messages/count', 'store/messages/bytes'],
    ...loads.flatMap((name) => [1, 5, 15].map((minutes) => `load/${name}/${minutes}min`)),
  ];
  const absent = wanted.filter((name) => !topics.has(`$SYS/broker/${name}`));
  expect(absent).toEqual([]);
  expect(topics.get('$SYS/bramble/node')).toBe('pi1');
  console.log(`$SYS: ${topics.size} topics`);
  const lamp = await login('curious');
  expect((await lamp.subscribe('$SYS/broker/uptime')).granted).toEqual([0x87]);
  expect(server.audit('subscribe')[0]).toMatchObject({ user: 'lamp', topic: '$SYS/broker/uptime' });
});

test('Prometheus: limits, bans, refusals, traffic', async () => {
  const text = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text();
  for (const name of [
    'bramble_broker_packets_in_total',
    'bramble_broker_wire_bytes_out_total',
    'bramble_broker_half_open',
    'bramble_broker_bans',
    'bramble_broker_publish_pauses_total',
    'bramble_broker_limited_total{limit="banned"',
    'bramble_broker_audited_refusals_total{action="connect"',
    'bramble_broker_inflight',
  ]) {
    expect(text).toContain(name);
  }
  expect(Number(/bramble_broker_limited_total\{limit="banned"[^}]*\} (\d+)/.exec(text)?.[1])).toBe(
    1,
  );
});

describe('two nodes and the command', () => {
  let nodes: GuardedBroker[] = [];
  let engine: Awaited<ReturnType<typeof startNats>> | undefined;
  let data: string;
  const run = promisify(execFile);

  beforeAll(async () => {
    engine = await startNats(2);
    data = await mkdtemp(path.join(tmpdir(), 'bramble-admin-'));
    await mkdir(path.join(data, 'rendered'));
    nodes = await Promise.all(
      engine.servers.map(async ({ url, user, password }, i) => {
        const port = await freePort();
        const broker = await startGuarded(USERS, {
          admin: { token: TOKEN },
          health: port,
          node: `pi${i + 1}`,
          nodes: 2,
          nats: { url, user, password },
        });
        const host = '127.0.0.1';
        const config = {
          node: `pi${i + 1}`,
          cluster: broker.clusterFile,
          listen: { mqtt: { host, port: 1 }, health: { host, port } },
          admin: { token: TOKEN },
        };
        await writeFile(
          path.join(data, 'rendered', `broker-${i + 1}.yaml`),
          JSON.stringify(config),
        );
        return broker;
      }),
    );
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await engine?.stop();
    await rm(data, { recursive: true, force: true });
  });

  const bramble = async (
    ...args: string[]
  ): Promise<{ code: number; out: string; err: string }> => {
    try {
      const { stdout, stderr } = await run(path.join(ROOT, 'bin/bramble'), [
        ...args,
        '--data',
        data,
      ]);
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, out: stdout, err: stderr };
    }
  };

  test('clients of both nodes in one table, kicked by id; control characters stay harmless', async () => {
    await login('left', {}, nodes[0]!.broker.ports.mqtt);
    const right = await login('right', {}, nodes[1]!.broker.ports.mqtt);
    const { out } = await bramble('clients');
    expect(out).toMatch(/^CLIENT +USER +NODE +ADDRESS/);
    expect(out).toMatch(/^left +lamp +pi1 +127\.0\.0\.1:\d+ +5 mqtt/m);
    expect(out).toMatch(/^right +lamp +pi2 /m);
    const json = JSON.parse(
      (await bramble('clients', '--json', '--search', 'righ')).out,
    ) as unknown[];
    expect(json).toMatchObject([{ clientId: 'right', node: 'pi2' }]);
    for (let i = 0; i < 50; i++) await right.publish('r', 'x', { qos: 1 });
    await eventually('the rates of the last five seconds are taken', async () => {
      const { out: busy } = await bramble('clients', '--busiest', '--limit', '1');
      return busy.includes('right') && busy.includes('more with --limit');
    });
    expect((await bramble('clients', 'show', 'right')).out).toMatch(/^node +pi2$/m);
    expect(await bramble('clients', 'kick', 'right')).toMatchObject({
      code: 0,
      out: 'disconnected from pi2\n',
    });
    expect((await right.expect('disconnect')).reasonCode).toBe(0x98);
    expect(await bramble('clients', 'kick', 'nobody')).toMatchObject({ code: 1, out: '' });
    expect((await bramble('clients', 'kik')).code).toBe(2);
  });

  test('a ban set on one node holds on the other; lifted by the command, on both', async () => {
    expect((await bramble('bans', 'add', 'client', 'pest', '--why', 'test')).code).toBe(0);
    const other = nodes[1]!;
    await eventually(
      'it is told',
      () => other.broker.gate.bans.find('client', 'pest') !== undefined,
    );
    const peer = await other.peer();
    const login5 = { version: 5 as const, clientId: 'pest', username: 'lamp', password: 'dark' };
    expect((await peer.connect(login5)).reasonCode).toBe(0x8a);
    expect((await bramble('bans')).out).toMatch(/^client +pest +admin +in \d+ (s|min) +test$/m);
    expect((await bramble('bans', 'lift', 'client', 'pest')).out).toBe('lifted\n');
    expect(nodes.map(({ broker }) => broker.gate.bans.find('client', 'pest'))).toEqual([
      undefined,
      undefined,
    ]);
    expect((await bramble('bans', 'lift', 'client', 'pest')).code).toBe(1);
  });

  test('sessions, retained, topics and brokers of the cluster', async () => {
    const [left, right] = nodes.map(({ broker }) => broker.ports.mqtt);
    const away = await login('away', { properties: { sessionExpiryInterval: 600 } }, left);
    await away.subscribe('a/#', 1);
    away.socket.destroy();
    const writer = await login('writer', {}, right);
    await writer.publish('a/retained', 'evil\u001b[2J', { qos: 1, retain: true });
    await eventually('the session is stored', async () =>
      /^away +lamp +pi1 +away +1 +in /m.test((await bramble('sessions')).out),
    );
    const retained = (await bramble('retained', 'a/#')).out;
    expect(retained).toMatch(/^a\/retained +1 +8 B +evil\\u001b\[2J$/m);
    expect(retained).toContain('1 of 1 retained messages');
    await eventually('the busy topic shows', async () => {
      for (let i = 0; i < 30; i++) await writer.publish('a/hot', 'x', { qos: 1 });
      return /^a\/hot +/m.test((await bramble('topics')).out);
    });
    const { out } = await bramble('brokers');
    expect(out).toMatch(/^pi1 +ready +\d+ s +pi2$/m);
    expect(out).toMatch(/^ +0 +n[12] /m);
    console.log(out);
  });

  test('nobody there, or no cluster at all: said so, with what to do', async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), 'bramble-admin-'));
    try {
      const at = (folder: string) =>
        run(path.join(ROOT, 'bin/bramble'), ['clients', '--data', folder]).then(
          () => ({ code: 0, stderr: '' }),
          (error: { code: number; stderr: string }) => error,
        );
      const none = await at(path.join(elsewhere, 'nothing'));
      expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('start one with')]);
      await mkdir(path.join(elsewhere, 'rendered'));
      const host = '127.0.0.1';
      const config = {
        node: 'pi1',
        cluster: nodes[0]!.clusterFile,
        listen: { mqtt: { host, port: 1 }, health: { host, port: await freePort() } },
        admin: { token: TOKEN },
      };
      await writeFile(path.join(elsewhere, 'rendered/broker-1.yaml'), JSON.stringify(config));
      const silent = await at(elsewhere);
      expect([silent.code, silent.stderr]).toEqual([1, expect.stringContaining('no broker of')]);
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });
});

test('bramble password: a hash that cluster.yaml takes, from standard input', async () => {
  const child = execFile(path.join(ROOT, 'bin/bramble'), ['password']);
  let out = '';
  child.stdout!.on('data', (chunk: string) => {
    out += chunk;
  });
  child.stdin!.end('höhle\n');
  await once(child, 'exit');
  expect(out).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\n$/);
  expect(await verifyPassword(out.trim(), Buffer.from('höhle'))).toBe(true);
});
