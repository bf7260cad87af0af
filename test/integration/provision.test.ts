import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { newCluster } from '../../provisioning/init/cluster-text.ts';
import { builtVirtualPi } from '../image/built.ts';
import { bramble, CHECKOUT } from '../support/dev.ts';
import { bootLab, canProvision, type ProvisionLab } from '../support/provision-lab.ts';

const run = promisify(execFile);
/** Virtual Pis to boot; minutes each, so only where somebody asks for it: make test-provision. */
const COUNT = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0);
/** A whole run of the playbooks on a machine that has other work, milliseconds. */
const PATIENCE = 600_000;

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = COUNT > 0 && tar !== undefined && canProvision();

let lab: ProvisionLab;
let cluster = '';
let release = '';
const common: string[] = [];

interface End {
  code: number | null;
  hosts: Record<string, { changed: number; failures: number }>;
  events: {
    event: string;
    host?: string;
    task?: string;
    status?: string;
    msg?: unknown;
    what?: string;
  }[];
  out: string;
}

async function play(...args: string[]): Promise<End> {
  const { code, out, err } = await bramble([...args, ...common, '--json']);
  const events = out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as End['events'][number] & { hosts?: End['hosts'] });
  const hosts = events.find(({ event }) => event === 'end')?.hosts ?? {};
  return { code, hosts, events, out: out + err };
}

beforeAll(async () => {
  if (!permitted) return;
  lab = await bootLab({
    tar: tar!,
    names: Array.from({ length: COUNT }, (_, i) => `pi${i + 1}`),
    release: undefined,
    stock: true,
  });
  cluster = path.join(lab.work, 'cluster.yaml');
  const nodes = lab.nodes.map(({ name, address }) => ({ name, address }));
  await writeFile(cluster, newCluster({ name: 'lab', nodes, vip: undefined, user: 'owner' }), {
    mode: 0o600,
  });
  common.push('--cluster', cluster, '--user', 'root', '--key', path.join(lab.work, 'key'));
  const { stdout } = await run(
    process.execPath,
    [
      path.join(CHECKOUT, 'image/release/main.ts'),
      '--arch',
      'x64',
      '--out',
      path.join(lab.work, 'built'),
    ],
    { cwd: CHECKOUT },
  );
  release = stdout.trim().split('\n').at(-1) ?? '';
}, PATIENCE);
afterAll(() => lab?.[Symbol.asyncDispose](), PATIENCE);

/** The same release under another name, with one file of it changed. */
async function variant(name: string, file: string, text: string): Promise<string> {
  const directory = path.join(lab.work, 'built', name);
  await cp(release, directory, { recursive: true });
  await writeFile(path.join(directory, file), text);
  await writeFile(path.join(directory, 'RELEASE'), `${name.replace('bramble-', '')} x64\n`);
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
  const sums = files
    .filter((one) => one !== 'SHA256SUMS' && one !== 'RELEASE')
    .sort()
    .map(
      (one) =>
        `${createHash('sha256')
          .update(readFileSync(path.join(directory, one)))
          .digest('hex')}  ${one}\n`,
    );
  await writeFile(path.join(directory, 'SHA256SUMS'), sums.join(''));
  return directory;
}

const current = () =>
  lab.nodes.map(({ pi }) => {
    try {
      return path.basename(readlinkSync(path.join(pi.root, 'opt/bramble/current')));
    } catch {
      return undefined;
    }
  });
const everywhere = (name: string) => lab.nodes.map(() => name);
const pids = () =>
  Promise.all(
    lab.nodes.map(({ pi }) =>
      pi.run('systemctl', [
        'show',
        '--value',
        '-p',
        'MainPID',
        'bramble-broker',
        'bramble-balancer',
        'bramble-nats',
      ]),
    ),
  );

/** Publishes and receives a message through the balancer of each node. */
async function serves(): Promise<void> {
  const {
    mqtt: { users },
  } = parseCluster(await readFile(cluster, 'utf8'));
  const { name: username, password } = users[0]!;
  for (const { address } of lab.nodes) {
    const client = await mqtt.connectAsync(`mqtt://${address}:1883`, {
      username,
      password: password!,
      connectTimeout: 60_000,
    });
    const heard = new Promise((resolve) =>
      client.once('message', (_topic, text) => resolve(String(text))),
    );
    await client.subscribeAsync('lab/#', { qos: 1 });
    await client.publishAsync('lab/a', 'x', { qos: 1 });
    expect(await heard).toBe('x');
    await client.endAsync();
  }
}

describe.runIf(permitted)(`playbooks on ${COUNT} of a Debian as anybody has it`, () => {
  test(
    'a plan for a bare node says what would come, and touches nothing',
    async () => {
      const { code, out } = await bramble(['plan', '--release', release, ...common]);
      expect(code, out).toBe(0);
      expect(out).toContain(`release ${path.basename(release)}`);
      expect(out).not.toContain(parseCluster(await readFile(cluster, 'utf8')).cluster.secret);
      expect(current()).toEqual(lab.nodes.map(() => undefined));
    },
    PATIENCE,
  );

  test(
    'without a release it says what is missing, before anything is touched',
    async () => {
      const { code, out } = await play('apply');
      expect(code).toBe(1);
      expect(out).toContain('has no release of Bramble yet');
      expect(current()).toEqual(lab.nodes.map(() => undefined));
    },
    PATIENCE,
  );

  test(
    'apply makes it a node that serves; a second one changes nothing',
    async () => {
      const first = await play('apply', '--release', release);
      expect(first.code, first.out.slice(-4000)).toBe(0);
      expect(current()).toEqual(everywhere(path.basename(release)));
      await serves();
      const second = await play('apply', '--release', release);
      expect(second.code).toBe(0);
      expect(Object.values(second.hosts).map(({ changed }) => changed)).toEqual(
        lab.nodes.map(() => 0),
      );
      expect(second.out).not.toContain(
        parseCluster(await readFile(cluster, 'utf8')).cluster.secret,
      );
      console.log(
        `first apply changed ${Object.values(first.hosts)[0]?.changed} tasks a node, the second 0`,
      );
    },
    PATIENCE * 2,
  );

  test(
    'a user more: a reload, no restart; the plan said so',
    async () => {
      const text = await readFile(cluster, 'utf8');
      await writeFile(
        cluster,
        text.replace(
          '      admin: true\n',
          '      admin: true\n    - { name: porch, password: a-porch-of-mine }\n',
        ),
      );
      const before = await pids();
      const plan = await bramble(['plan', ...common]);
      expect(plan.out).toContain('reload: broker, stats');
      expect(plan.out).not.toContain('a-porch-of-mine');
      expect((await play('apply')).code).toBe(0);
      expect(await pids()).toEqual(before);
      const client = await mqtt.connectAsync(`mqtt://${lab.nodes[0]!.address}:1883`, {
        username: 'porch',
        password: 'a-porch-of-mine',
      });
      await client.endAsync();
    },
    PATIENCE,
  );

  test(
    'a release that does not serve: the first node gets back what it had, no other is touched',
    async () => {
      const broken = await variant(
        'bramble-9.0.0-broken',
        'services/broker/main.js',
        'process.exit(1);\n',
      );
      const { code, events, out } = await play('upgrade', broken, '--patience', '15');
      expect(code).toBe(1);
      expect(out).toContain('The node runs what it ran before.');
      expect(
        events.filter(
          ({ task, status }) => task === 'bramble : Run what was prepared' && status === 'changed',
        ),
      ).toHaveLength(1);
      expect(current()).toEqual(everywhere(path.basename(release)));
      await serves();
      const log = await readFile(path.join(lab.work, '.bramble/cluster-lab/logs/pi1.log'), 'utf8');
      expect(log).toContain('Wait until it serves');
      expect(log).toContain('bramble-broker.service');
    },
    PATIENCE,
  );

  test(
    'upgrade, and rollback',
    async () => {
      const newer = await variant('bramble-9.0.1-newer', 'LICENSE', 'another\n');
      expect((await play('upgrade', newer)).code).toBe(0);
      expect(current()).toEqual(everywhere('bramble-9.0.1-newer'));
      await serves();
      const from = performance.now();
      expect((await play('rollback')).code).toBe(0);
      console.log(`rollback of ${COUNT}: ${((performance.now() - from) / 1000).toFixed(0)} s`);
      expect(current()).toEqual(everywhere(path.basename(release)));
      await serves();
    },
    PATIENCE * 2,
  );

  test(
    'the doctor finds nothing, then a drain, then a node that shows another key',
    async () => {
      const doctor = () => bramble(['doctor', ...common]);
      expect(await doctor()).toMatchObject({ code: 0 });
      expect((await play('drain', 'pi1')).code).toBe(0);
      expect((await doctor()).out).toContain('bramble undrain pi1');
      expect((await play('undrain', 'pi1')).code).toBe(0);
      await lab.nodes[0]!.pi.run('systemctl', ['stop', 'ssh.service']);
      const { code, out } = await doctor();
      expect(code).toBe(1);
      expect(out).toContain('nothing answers on the port of ssh');
      const refused = await play('apply');
      expect(refused.code).toBe(1);
      expect(refused.events.find(({ event }) => event === 'fault')?.what).toContain('pi1');
      await lab.nodes[0]!.pi.run('systemctl', ['start', 'ssh.service']);
    },
    PATIENCE,
  );
});
