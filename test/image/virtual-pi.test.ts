import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { builtVirtualPi } from './built.ts';
import { bootVirtualPi, succeeds, type VirtualPi } from './virtual-pi.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const FIRMWARE = 'boot/firmware';
const SERVICES = ['nats', 'broker', 'balancer', 'stats'].map((name) => `bramble-${name}.service`);
const WAIT = 120_000;

let pi: VirtualPi;
let login: { user: string; password: string };

beforeAll(async () => {
  pi = await bootVirtualPi(await builtVirtualPi(), async (root) => {
    // What Raspberry Pi Imager leaves.
    await mkdir(path.join(root, FIRMWARE), { recursive: true });
    await writeFile(path.join(root, FIRMWARE, 'user-data'), '#cloud-config\nhostname: attic\n');
  });
});
afterAll(() => pi?.[Symbol.asyncDispose]());

const status = () => readFile(path.join(pi.root, FIRMWARE, 'STATUS.txt'), 'utf8');

/** Publishes and receives a message through the balancer; resolves with what came. */
function roundTrip(): Promise<string> {
  const script = `
    const { connectAsync } = await import('mqtt');
    const options = { username: process.argv[1], password: process.argv[2], reconnectPeriod: 0 };
    const client = await connectAsync('mqtt://127.0.0.1:1883', { ...options, protocolVersion: 5 });
    client.on('message', (topic, text) => { console.log(topic, String(text)); client.end(); });
    await client.subscribeAsync('attic/door', { qos: 1 });
    await client.publishAsync('attic/door', 'open', { qos: 1 });`;
  const args = ['--input-type=module', '-e', script, login.user, login.password];
  return pi.run(path.join(CHECKOUT, 'bin/node'), args, 'net');
}

test('with no cluster.yaml it comes up as a cluster of one, and says how to log in', async () => {
  const text = await status();
  expect(text).toContain('Bramble on attic, ');
  expect(text).toContain('this is a cluster of one');
  const user = /^MQTT user: (\S+)\r$/m.exec(text)?.[1];
  const password = /^Password: +(\S{16})\r$/m.exec(text)?.[1];
  login = { user: user ?? '', password: password ?? '' };
  await eventually(
    'all services run',
    () => succeeds(() => pi.run('systemctl', ['is-active', ...SERVICES])),
    WAIT,
  );
  let came = '';
  await eventually(
    'a message goes round',
    () =>
      succeeds(async () => {
        came = await roundTrip();
      }),
    WAIT,
  );
  expect(came).toBe('attic/door open\n');
  const page = await pi.run('curl', ['-sf', 'http://127.0.0.1/'], 'net');
  expect(page).toContain('attic');
  const failed = await pi.run('systemctl', ['list-units', '--failed', '--no-legend', '--plain']);
  expect(failed).toBe('');
});

test('nobody can log in over SSH until a key is there, and then by key only', async () => {
  expect(await succeeds(() => pi.run('systemctl', ['is-active', 'ssh.service']))).toBe(false);
  const settings = await pi.run('/usr/sbin/sshd', ['-T']);
  expect(settings).toContain('passwordauthentication no');
  expect(settings).toContain('kbdinteractiveauthentication no');
  const keys = path.join(pi.root, 'etc/ssh/authorized_keys.d');
  await writeFile(path.join(keys, 'admin'), 'ssh-ed25519 AAAA nobody\n');
  await pi.run('systemctl', ['start', 'ssh.service']);
  expect((await pi.run('systemctl', ['is-active', 'ssh.service'])).trim()).toBe('active');
});

test('what reaches it is what it serves', async () => {
  const rules = await pi.run('nft', ['list', 'table', 'inet', 'bramble_host']);
  expect(rules).toContain('policy drop');
  expect(rules).not.toContain('4222');
});

test('a cluster.yaml with errors is not taken, and STATUS.txt says line and column', async () => {
  const file = path.join(pi.root, FIRMWARE, 'cluster.yaml');
  await writeFile(file, 'cluster:\n  name: home\n  secrt: x\nnodes: []\n');
  await pi.run('systemctl', ['restart', 'bramble-configure.service']);
  const text = await status();
  expect(text).toContain('has errors and was not taken');
  expect(text).toMatch(/cluster\.yaml:3:\d+/);
  expect(text).toContain('This node is attic.');
  await access(file);
});

test('a cluster.yaml that names another node leaves this one without a configuration', async () => {
  await putCluster('cellar', 'kitchen');
  await pi.run('systemctl', ['restart', 'bramble-configure.service']);
  const text = await status();
  expect(text).toContain('This board is none of the nodes');
  expect(text).toContain('name: attic');
});

test('a cluster.yaml is taken once, and its secrets leave the card', async () => {
  await putCluster('attic');
  await pi.run('systemctl', ['restart', 'bramble-configure.service']);
  const text = await status();
  expect(text).toContain('cluster.yaml was taken');
  expect(text).not.toContain('Password:');
  expect(await readdir(path.join(pi.root, FIRMWARE))).not.toContain('cluster.yaml');
  const taken = await readFile(path.join(pi.root, FIRMWARE, 'cluster.yaml.taken'), 'utf8');
  expect(taken).not.toContain('0123456789');
  expect(await readFile(path.join(pi.root, 'etc/bramble/nats.conf'), 'utf8')).toContain('attic');
  expect(await pi.run('stat', ['-c', '%a %G', '/etc/bramble/cluster.yaml'])).toBe('640 bramble\n');
});

function putCluster(...names: string[]): Promise<void> {
  const nodes = names.map((name, at) => `{ name: ${name}, address: 10.9.8.${at + 1} }`);
  return writeFile(
    path.join(pi.root, FIRMWARE, 'cluster.yaml'),
    `cluster: { name: home, secret: 0123456789abcdef0123 }\nnodes: [${nodes.join()}]\n`,
  );
}
