import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { builtVirtualPi } from '../image/built.ts';
import { bramble, CHECKOUT } from '../support/dev.ts';
import { type End, ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';

/** Virtual Pis to boot; minutes each, so only where somebody asks for it: make test-provision. */
const COUNT = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0);
/** A whole run of the playbooks on a machine that has other work, milliseconds. */
const PATIENCE = 600_000;
const RUN_PREPARED = 'bramble : Run what was prepared';

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = COUNT > 0 && tar !== undefined && canProvision();

let home: ProvisionedCluster;

beforeAll(async () => {
  if (!permitted) return;
  const names = Array.from({ length: COUNT }, (_, i) => `pi${i + 1}`);
  home = await ProvisionedCluster.open({ tar: tar!, names, stock: true });
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

const nowhere = () => home.lab.nodes.map(() => undefined);
const everywhere = (release: string) => home.lab.nodes.map(() => path.basename(release));
const secret = async () => parseCluster(await readFile(home.file, 'utf8')).cluster.secret;
const pids = () =>
  Promise.all(
    home.lab.nodes.map(({ pi }) =>
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

describe.runIf(permitted)(`playbooks on ${COUNT} of a Debian as anybody has it`, () => {
  test(
    'a plan for a bare node says what would come, and touches nothing',
    async () => {
      const { code, out } = await bramble(['plan', '--release', home.release, ...home.access]);
      expect(code, out).toBe(0);
      expect(out).toContain(`release ${path.basename(home.release)}`);
      expect(out).not.toContain(await secret());
      expect(home.current()).toEqual(nowhere());
    },
    PATIENCE,
  );

  test(
    'without a release it says what is missing, before anything is touched',
    async () => {
      const { code, out } = await home.play('apply');
      expect(code).toBe(1);
      expect(out).toContain('has no release of Bramble yet');
      expect(home.current()).toEqual(nowhere());
    },
    PATIENCE,
  );

  test(
    'apply makes it a node that serves; a second one and a check change nothing',
    async () => {
      const first = await home.must('apply', '--release', home.release);
      expect(home.current()).toEqual(everywhere(home.release));
      await home.serves();
      const second = await home.must('apply', '--release', home.release);
      const changed = ({ hosts }: typeof second) => Object.values(hosts).map((one) => one.changed);
      expect(changed(second)).toEqual(home.lab.nodes.map(() => 0));
      expect(second.out).not.toContain(await secret());
      const plan = await bramble(['plan', '--json', ...home.access]);
      const plans = plan.out.trim().split('\n');
      expect(plans.map((line) => JSON.parse(line).changes)).toEqual(
        home.lab.nodes.map(() => false),
      );
      const byHand = spawnSync(
        'ansible-playbook',
        [
          ...['-i', path.join(home.lab.work, '.bramble/cluster-lab/inventory.yaml')],
          ...['playbooks/site.yml', '-e', `bramble_release_dir=${home.release}`],
          ...['--check', '--diff'],
        ],
        { cwd: path.join(CHECKOUT, 'ansible'), encoding: 'utf8' },
      );
      expect(byHand.stdout.match(/changed=0 /g), byHand.stdout).toHaveLength(COUNT);
      expect(byHand.status).toBe(0);
      console.log(
        `${COUNT}: first apply ${first.took.toFixed(0)} s, changed ${changed(first)} tasks; second ${second.took.toFixed(0)} s, changed ${changed(second)}`,
      );
    },
    PATIENCE * 2,
  );

  test(
    'a user more: a reload, no restart; the plan said so',
    async () => {
      const text = await readFile(home.file, 'utf8');
      await writeFile(
        home.file,
        text.replace(
          '      admin: true\n',
          '      admin: true\n    - { name: porch, password: a-porch-of-mine }\n',
        ),
      );
      const before = await pids();
      const plan = await bramble(['plan', ...home.access]);
      expect(plan.out).toContain('reload: broker, stats');
      expect(plan.out).not.toContain('a-porch-of-mine');
      expect((await home.play('apply')).code).toBe(0);
      expect(await pids()).toEqual(before);
      const client = await mqtt.connectAsync(`mqtt://${home.lab.nodes[0]!.address}:1883`, {
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
      const broken = await home.variant(
        'bramble-9.0.0-broken',
        'services/broker/main.js',
        'process.exit(1);\n',
      );
      const { code, events, out } = await home.play('upgrade', broken, '--patience', '15');
      expect(code).toBe(1);
      expect(out).toContain('The node runs what it ran before.');
      expect(
        events.filter(({ task, status }) => task === RUN_PREPARED && status === 'changed'),
      ).toHaveLength(1);
      expect(home.current()).toEqual(everywhere(home.release));
      await home.serves();
      const log = await readFile(
        path.join(home.lab.work, '.bramble/cluster-lab/logs/pi1.log'),
        'utf8',
      );
      expect(log).toContain('Wait until it serves');
      expect(log).toContain('bramble-broker.service');
    },
    PATIENCE,
  );

  test(
    'an upgrade whose power goes in the middle is mended by the next; then rollback',
    async () => {
      const newer = await home.variant('bramble-9.0.1-newer', 'LICENSE', 'another\n');
      const child = spawn(
        path.join(CHECKOUT, 'bin/bramble'),
        ['upgrade', newer, '--json', ...home.access],
        { detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
      );
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
        if (told.includes(`"name":"${RUN_PREPARED}"`)) {
          process.kill(-child.pid!, 'SIGKILL');
        }
      });
      const [, signal] = await once(child, 'exit');
      expect(signal).toBe('SIGKILL');
      const upgrade = await home.must('upgrade', newer);
      expect(home.current()).toEqual(everywhere(newer));
      await home.serves();
      expect(await bramble(['doctor', ...home.access])).toMatchObject({ code: 0 });
      const rollback = await home.must('rollback');
      console.log(
        `${COUNT}: upgrade ${upgrade.took.toFixed(0)} s, rollback ${rollback.took.toFixed(0)} s`,
      );
      expect(home.current()).toEqual(everywhere(home.release));
      await home.serves();
    },
    PATIENCE * 2,
  );

  test.runIf(COUNT > 1)(
    'a node that cannot run a release: it gets back what it had, the ones before it keep the new one, and the next run goes on there',
    async () => {
      const newer = await home.variant('bramble-9.0.2-newer', 'LICENSE', 'a third\n');
      const { pi } = home.lab.node('pi2');
      const fault = path.join(pi.root, 'etc/systemd/system/bramble-broker.service.d/fault.conf');
      await mkdir(path.dirname(fault), { recursive: true });
      await writeFile(
        fault,
        '[Service]\nExecStartPre=/bin/grep -qv 9.0.2 /opt/bramble/current/RELEASE\n',
      );
      await pi.run('systemctl', ['daemon-reload']);
      const changed = ({ events }: End) =>
        events
          .filter(({ task, status }) => task === RUN_PREPARED && status === 'changed')
          .map(({ host }) => host);
      const stopped = await home.play('upgrade', newer, '--patience', '20');
      expect(stopped.code).toBe(1);
      expect(changed(stopped)).toEqual(['pi1', 'pi2']);
      const [first, ...others] = everywhere(home.release);
      expect(home.current()).toEqual([path.basename(newer), first, ...others.slice(1)]);
      const log = path.join(home.lab.work, '.bramble/cluster-lab/logs/pi2.log');
      expect(await readFile(log, 'utf8')).toContain('bramble-broker.service');
      await home.serves();
      await rm(fault);
      await pi.run('systemctl', ['daemon-reload']);
      const resumed = await home.must('upgrade', newer);
      expect(changed(resumed)).toEqual(home.lab.nodes.slice(1).map(({ name }) => name));
      expect(home.current()).toEqual(everywhere(newer));
      await home.serves();
      console.log(
        `${COUNT}: upgrade that pi2 refuses ended after ${stopped.took.toFixed(0)} s with ${changed(stopped).length} nodes touched; resumed in ${resumed.took.toFixed(0)} s on ${changed(resumed).join(', ')}`,
      );
    },
    PATIENCE * 2,
  );

  test(
    'the doctor finds nothing, then a drain, then a node without sshd, which nothing is done to',
    async () => {
      const doctor = () => bramble(['doctor', ...home.access]);
      expect(await doctor()).toMatchObject({ code: 0 });
      expect((await home.play('drain', 'pi1')).code).toBe(0);
      expect((await doctor()).out).toContain('bramble undrain pi1');
      expect((await home.play('undrain', 'pi1')).code).toBe(0);
      await home.lab.nodes[0]!.pi.run('systemctl', ['stop', 'ssh.service']);
      const { code, out } = await doctor();
      expect(code).toBe(1);
      expect(out).toContain('nothing answers on the port of ssh');
      // Connections that were kept open would still go through.
      process.env.ANSIBLE_SSH_ARGS = '-o ControlPath=none -o StrictHostKeyChecking=accept-new';
      const refused = await home.play('apply');
      delete process.env.ANSIBLE_SSH_ARGS;
      expect(refused.code).toBe(1);
      expect(refused.events.find(({ event }) => event === 'fault')?.what).toContain('pi1');
      await home.lab.nodes[0]!.pi.run('systemctl', ['start', 'ssh.service']);
    },
    PATIENCE,
  );
});
