import { spawnSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { builtVirtualPi } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { CHECKOUT } from '../support/dev.ts';
import { LabPackages } from '../support/lab-packages.ts';
import { ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';

/** A node of the cluster, and a machine beside it; minutes, so only where somebody asks for it. */
const asked = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0) > 0;
const PATIENCE = 900_000;
const MOMENT = 60_000;
const TOKEN = 'a-token-of-16-characters';
const PORT = 9090;

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = asked && tar !== undefined && canProvision();

let home: ProvisionedCluster;
let packages: LabPackages;
/** Not in cluster.yaml. */
let box = '';

beforeAll(async () => {
  if (!permitted) return;
  packages = await LabPackages.fetch(tar!, ['prometheus']);
  const furnish = async (root: string) => {
    await packages.furnish(root);
    // As Debian has it.
    await writeFile(path.join(root, 'etc/nftables.conf'), '#!/usr/sbin/nft -f\nflush ruleset\n');
  };
  home = await ProvisionedCluster.open({ tar: tar!, names: ['pi1'], stock: true, furnish });
  await home.lab.boot('box9');
  box = home.lab.node('box9').address;
  const from = `[${box}, ${home.lab.address(254)}]`;
  const text = await readFile(home.file, 'utf8');
  await writeFile(home.file, `${text}\nmonitoring: { token: ${TOKEN}, from: ${from} }\n`);
  await home.must('apply', '--release', home.release);
  const machine = `ansible_host: ${box}, ansible_user: root, ansible_ssh_private_key_file: ${home.lab.key}`;
  await writeFile(
    path.join(home.lab.work, 'monitoring.yaml'),
    `monitoring: { hosts: { box9: { ${machine} } } }\n`,
  );
}, PATIENCE);
afterAll(async () => {
  await home?.[Symbol.asyncDispose]();
  await packages?.[Symbol.asyncDispose]();
}, PATIENCE);

/** As a person runs it. */
function play(...more: string[]): { code: number | null; out: string; changed: number } {
  const { work } = home.lab;
  const { status, stdout, stderr } = spawnSync(
    'ansible-playbook',
    [
      ...['-i', path.join(work, '.bramble/cluster-lab/inventory.yaml')],
      ...['-i', path.join(work, 'monitoring.yaml'), 'playbooks/monitoring.yml'],
      ...['-e', 'monitoring_scrape_interval=2s', ...more],
    ],
    {
      cwd: path.join(CHECKOUT, 'ansible'),
      encoding: 'utf8',
      env: { ...process.env, ANSIBLE_NOCOLOR: '1' },
    },
  );
  const recap = /^(?:box9|pi1)\s+: ok=\d+\s+changed=(\d+)/m.exec(stdout);
  return { code: status, out: stdout + stderr, changed: Number(recap?.[1] ?? -1) };
}

function must(...more: string[]): ReturnType<typeof play> {
  const end = play(...more);
  if (end.code !== 0) console.error(end.out.slice(-6_000));
  expect(end.code).toBe(0);
  return end;
}

async function ask<T>(address: string, what: string): Promise<T> {
  const answer = await fetch(`http://${address}:${PORT}/api/v1/${what}`);
  return ((await answer.json()) as { data: T }).data;
}

interface Result {
  result: { metric: Record<string, string>; value: [number, string] }[];
}
const query = async (address: string, expression: string) =>
  (await ask<Result>(address, `query?query=${encodeURIComponent(expression)}`)).result;

/** Whether a machine of the lab reaches another one's Prometheus. */
async function reaches(from: string, address: string): Promise<boolean> {
  const script = `fetch('http://${address}:${PORT}/-/ready', { signal: AbortSignal.timeout(3000) }).then(() => console.log('yes'), () => console.log('no'))`;
  const { pi } = home.lab.node(from);
  return (await pi.run(process.execPath, ['-e', script], 'net')).trim() === 'yes';
}

describe.runIf(permitted)('Prometheus on a machine beside the cluster', () => {
  test(
    'says what it cannot do before anything is touched',
    async () => {
      const { pi } = home.lab.node('box9');
      const nowhere = play('-e', 'monitoring_hosts=elsewhere');
      expect(nowhere.code).not.toBe(0);
      expect(nowhere.out).toContain('no machine is named elsewhere');
      const bare = path.join(home.lab.work, 'bare.yaml');
      const text = await readFile(home.file, 'utf8');
      await writeFile(bare, text.replace(/^monitoring:.*\n/m, ''));
      const unasked = play('-e', `bramble_cluster_file=${bare}`);
      expect(unasked.code).not.toBe(0);
      expect(unasked.out).toMatch(/has no part\s+\\?"monitoring\\?"/);
      const image = path.join(pi.root, 'usr/lib/systemd/system/bramble-configure.service');
      await writeFile(image, '');
      const readOnly = play();
      await rm(image);
      expect(readOnly.code).not.toBe(0);
      expect(readOnly.out).toContain('whose system is read-only and takes no packages');
      for (const { out } of [nowhere, unasked, readOnly]) expect(out).not.toContain(TOKEN);
      expect(await pi.run('sh', ['-c', 'ls -d /etc/prometheus 2>&1 || true'])).toContain(
        'No such file',
      );
    },
    PATIENCE,
  );

  test(
    'tells what it would do, does it, and a second time nothing',
    async () => {
      const { pi } = home.lab.node('box9');
      const foreseen = must('--check', '--diff');
      expect(foreseen.changed).toBeGreaterThan(0);
      expect(await pi.run('sh', ['-c', 'ls -d /etc/prometheus 2>&1 || true'])).toContain(
        'No such file',
      );
      const first = must('--diff');
      const second = must();
      const check = must('--check', '--diff');
      expect([second.changed, check.changed]).toEqual([0, 0]);
      for (const { out } of [foreseen, first, second, check]) expect(out).not.toContain(TOKEN);
      const token = await pi.run('stat', [
        ...['-c', '%U %a', '/etc/prometheus/bramble/bramble-lab.token'],
      ]);
      expect(token.trim()).toBe('prometheus 600');
      console.log(`changed ${first.changed}, then ${second.changed}; --check ${check.changed}`);
    },
    PATIENCE,
  );

  test(
    'has the nodes up, and every alert something to look at',
    async () => {
      const up = async () => (await query(box, 'up == 1')).map(({ metric }) => metric.instance);
      await eventually('pi1 is up', async () => (await up()).join() === 'pi1', MOMENT);
      const rules = await readFile(
        path.join(home.lab.node('box9').pi.root, 'etc/prometheus/bramble/bramble-lab.rules.yml'),
        'utf8',
      );
      const exprs = (parse(rules) as { groups: { rules: { expr: string }[] }[] }).groups.flatMap(
        (group) => group.rules.map(({ expr }) => expr),
      );
      const names = new Set(
        exprs.flatMap((expr) => [...expr.matchAll(/\b([a-z_]+)\{/g)].map(([, name]) => name!)),
      );
      // A virtual Pi has no sensor for heat, and no firmware that holds it back.
      const blind = ['bramble_node_temperature_celsius', 'bramble_node_throttled'];
      const missing: string[] = [];
      for (const name of names) {
        if (!blind.includes(name) && (await query(box, `count(${name})`)).length === 0)
          missing.push(name);
      }
      expect(missing).toEqual([]);
      const { groups } = await ask<{ groups: { rules: { health: string; state: string }[] }[] }>(
        box,
        'rules',
      );
      const states = groups.flatMap((group) => group.rules);
      expect(states.filter(({ health }) => health === 'err')).toEqual([]);
      expect(states.length).toBe(exprs.length);
      console.log(`${names.size} metrics, ${states.length} alerts: ${names.size - 2} have samples`);
    },
    PATIENCE,
  );

  test(
    'is looked at by those alone that cluster.yaml names',
    async () => {
      expect((await fetch(`http://${box}:${PORT}/-/ready`)).status).toBe(200);
      expect(await reaches('pi1', box)).toBe(false);
      const { pi } = home.lab.node('box9');
      const rules = () => pi.run('nft', ['list', 'ruleset']);
      for (const act of ['reload', 'restart']) {
        await pi.run('systemctl', [act, 'nftables.service']);
        const there = async () => (await rules()).includes(home.lab.address(254));
        await eventually(`the rules are there after a ${act} of all`, there, MOMENT);
      }
      expect(await reaches('pi1', box)).toBe(false);
    },
    PATIENCE,
  );

  test(
    'leaves one alone that somebody else has set up',
    async () => {
      const { pi } = home.lab.node('box9');
      await pi.run('mv', ['/etc/prometheus/bramble', '/etc/prometheus/aside']);
      const { code, out } = play();
      await pi.run('mv', ['/etc/prometheus/aside', '/etc/prometheus/bramble']);
      expect(code).not.toBe(0);
      expect(out).toContain('has a Prometheus already');
      expect(must().changed).toBe(0);
    },
    PATIENCE,
  );

  test(
    'works on a node, too, and apply leaves it alone',
    async () => {
      const node = home.lab.node('pi1');
      const refused = play('-e', 'monitoring_hosts=pi1', '-e', 'monitoring_wait=30');
      // Its own address is not among those that may ask.
      expect(refused.code).not.toBe(0);
      expect(refused.out).toContain('is its address in monitoring.from');
      const text = await readFile(home.file, 'utf8');
      await writeFile(home.file, text.replace('from: [', `from: [${node.address}, `));
      await home.must('apply');
      must('-e', 'monitoring_hosts=pi1');
      expect((await fetch(`http://${node.address}:${PORT}/-/ready`)).status).toBe(200);
      const again = await home.must('apply');
      expect(again.hosts.pi1?.changed).toBe(0);
      expect(must('-e', 'monitoring_hosts=pi1').changed).toBe(0);
      expect((await query(node.address, 'up == 1')).length).toBe(1);
      await node.pi.run('systemctl', ['restart', 'nftables.service']);
      const ready = () =>
        fetch(`http://${node.address}:${PORT}/-/ready`).then(
          ({ status }) => status === 200,
          () => false,
        );
      await eventually('it is ready after a restart of the firewall', ready, MOMENT);
    },
    PATIENCE,
  );

  test(
    'says that a node is gone',
    async () => {
      must();
      await home.lab.destroy('pi1');
      const pending = 'ALERTS{alertname="BrambleNodeDown",instance="pi1"}';
      await eventually('it is said', async () => (await query(box, pending)).length === 1, MOMENT);
      // One that is dead is no reason to fail.
      const end = must('-e', 'monitoring_wait=15');
      expect(end.out).toContain('pi1 does not answer');
      expect(end.changed).toBe(0);
    },
    PATIENCE,
  );
});
