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
import { AdminApi } from '../../services/broker/admin/admin-api.ts';
import { ADMIN_TOKEN, ADMIN_USERS, Logins } from '../support/admin-logins.ts';
import { eventually } from '../support/broker.ts';
import type { Peer } from '../support/broker-peer.ts';
import { type GuardedBroker, startGuarded } from '../support/guarded-broker.ts';
import { freePort } from '../support/ports.ts';

let health: number;
let server: GuardedBroker;
const logins = new Logins();

beforeAll(async () => {
  health = await freePort();
  server = await startGuarded(ADMIN_USERS, { admin: { token: ADMIN_TOKEN }, health });
});
afterAll(async () => {
  logins.close();
  await server?.stop();
});

async function admin(
  where: string,
  {
    method = 'GET',
    body,
    token = ADMIN_TOKEN,
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

const login = (clientId: string, extra = {}): Promise<Peer> =>
  logins.open(server.broker.ports.mqtt, clientId, extra);

describe('the API', () => {
  test('without the token nobody learns anything, and the attempt is in the audit trail', async () => {
    for (const token of ['', 'wrong', `${ADMIN_TOKEN}x`]) {
      expect(await admin('clients', { token })).toEqual({
        status: 401,
        body: { error: 'a bearer token is needed' },
      });
    }
    expect((await fetch(`http://127.0.0.1:${health}/admin/clients`)).status).toBe(401);
    expect(server.audit('admin')[0]).toMatchObject({ outcome: 'refused', address: '127.0.0.1' });
    const closed = await startGuarded(ADMIN_USERS, { health: await freePort() });
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
