import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyPassword } from '#core/passwords.ts';
import { ADMIN_TOKEN, ADMIN_USERS, Logins } from '../support/admin-logins.ts';
import { eventually } from '../support/broker.ts';
import { type GuardedBroker, startGuarded } from '../support/guarded-broker.ts';
import { startNats } from '../support/nats.ts';
import { freePort } from '../support/ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

describe('two nodes and the command', () => {
  const logins = new Logins();
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
        const broker = await startGuarded(ADMIN_USERS, {
          admin: { token: ADMIN_TOKEN },
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
          admin: { token: ADMIN_TOKEN },
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
    logins.close();
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
    await logins.open(nodes[0]!.broker.ports.mqtt, 'left');
    const right = await logins.open(nodes[1]!.broker.ports.mqtt, 'right');
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
    const [left, right] = nodes.map(({ broker }) => broker.ports.mqtt) as [number, number];
    const away = await logins.open(left, 'away', { properties: { sessionExpiryInterval: 600 } });
    await away.subscribe('a/#', 1);
    away.socket.destroy();
    const writer = await logins.open(right, 'writer');
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
        admin: { token: ADMIN_TOKEN },
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
