import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { durabilityNote, findNats } from '../../../../provisioning/dev/nats-program.ts';
import { natsLogin, renderNats } from '../../../../provisioning/render/nats.ts';
import { planOf } from '../plan.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'bramble-nats-'));
afterAll(() => rmSync(dir, { recursive: true }));
const nats = await findNats();

/** What `nats-server -t` says. */
function check(text: string): string {
  const file = path.join(dir, 'nats.conf');
  writeFileSync(file, text);
  const { stdout, stderr } = spawnSync(nats.command, ['-t', '-c', file], { encoding: 'utf8' });
  return `${stdout}${stderr}`;
}

const SECRETS = [
  'plain-and-long-enough',
  `quote " ' \\ $HOME # } @:/% ü 🙂`,
  '$2a$11$looks.like.bcrypt',
];

test.each([1, 2, 3, 5])('nats-server accepts the files of %i nodes', (count) => {
  for (const secret of SECRETS) {
    const plan = planOf(count, { secret, syncInterval: nats.syncInterval, root: '/tmp/a "b" \\c' });
    for (const node of plan.nodes) expect(check(renderNats(plan, node))).toContain('is valid');
  }
});

test('the secret itself is in no file, and each use has a login of its own', () => {
  const secret = 'a-secret-that-is-long';
  const text = renderNats(planOf(3, { secret }), planOf(3).nodes[0]!);
  expect(text).not.toContain(secret);
  const [client, route] = [natsLogin(secret, 'client'), natsLogin(secret, 'route')];
  const system = natsLogin(secret, 'system');
  expect(new Set([client.password, route.password, system.password]).size).toBe(3);
  expect(text).toContain(client.password);
  expect(natsLogin(`${secret}!`, 'client').password).not.toBe(client.password);
});

test('a node that is alone has no peers; others name every other one, never themselves', () => {
  const alone = planOf(1);
  expect(renderNats(alone, alone.nodes[0]!)).not.toContain('cluster {');
  const three = planOf(3);
  const text = renderNats(three, three.nodes[1]!);
  const peers = [...text.matchAll(/nats-route:\/\/route:\w+@127\.0\.0\.1:(\d+)/g)].map((m) =>
    Number(m[1]),
  );
  expect(peers).toEqual([three.nodes[0]!.ports.natsRoute, three.nodes[2]!.ports.natsRoute]);
});

test('everything is on loopback', () => {
  const plan = planOf(3);
  const addresses = renderNats(plan, plan.nodes[0]!).matchAll(/(?:listen|http): "([^:]+):/g);
  expect([...addresses].map(([, host]) => host)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
});

test('the largest MQTT packet fits into a message', () => {
  const plan = planOf(1);
  plan.cluster.mqtt.limits.packet = 5 << 20;
  const payload = Number(/max_payload: (\d+)/.exec(renderNats(plan, plan.nodes[0]!))?.[1]);
  expect(payload).toBeGreaterThan(5 << 20);
});

test('mqtt.durability is what nats-server is told, where it knows how', () => {
  const modern = planOf(1, { syncInterval: true });
  expect(renderNats(modern, modern.nodes[0]!)).toContain('sync_interval: "1000ms"');
  modern.cluster.mqtt.durability.flush = 250;
  expect(renderNats(modern, modern.nodes[0]!)).toContain('sync_interval: "250ms"');
  modern.cluster.mqtt.durability.flush = 'always';
  expect(renderNats(modern, modern.nodes[0]!)).toContain('sync_interval: always');
  const old = planOf(1, { syncInterval: false });
  old.cluster.mqtt.durability.flush = 'always';
  const text = renderNats(old, old.nodes[0]!);
  expect(text).not.toMatch(/^\s*sync_interval/m);
  expect(text).toContain('may lose');
  const note = durabilityNote(
    { command: 'nats-server', version: 'v2.9.10', syncInterval: false },
    old.cluster.mqtt.durability,
  );
  expect(note).toContain('v2.9.10');
  expect(note).toContain('power-loss');
});

test('cluster.yaml says power-loss, or how often, and what the log keeps', () => {
  const mqtt = (part: string) =>
    parseCluster(
      `cluster: { name: a, secret: 0123456789abcdef }\nnodes: [{ name: a, address: 127.0.0.1 }]\nmqtt: ${part}\n`,
    ).mqtt;
  expect(mqtt('{}').durability.flush).toBe(1_000);
  expect(mqtt('{ durability: power-loss }').durability.flush).toBe('always');
  expect(mqtt('{ durability: { flush: 5 s } }').durability.flush).toBe(5_000);
  expect(() => mqtt('{ durability: never }')).toThrow(/durability/);
  expect(() => mqtt('{ durability: { flush: 0 s } }')).toThrow(/flush/);
  expect(mqtt('{ log: { bytes: 2 GiB, age: 1 d } }').log).toEqual({
    bytes: 2 * 2 ** 30,
    age: 86_400_000,
  });
});

test('the store has room for the log', () => {
  const plan = planOf(1);
  const room = (): number =>
    Number(/max_file_store: (\d+)/.exec(renderNats(plan, plan.nodes[0]!))?.[1]);
  const before = room();
  plan.cluster.mqtt.log.bytes *= 3;
  expect(room()).toBeGreaterThan(plan.cluster.mqtt.log.bytes);
  expect(room()).toBeGreaterThan(before);
});
