import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseCluster } from '#core/config/cluster.ts';
import { commandLine, shellLine } from '../../../../provisioning/ansible/run.ts';
import { renderInventory } from '../../../../provisioning/inventory/inventory.ts';
import { releaseVars } from '../../../../provisioning/inventory/release.ts';
import {
  chosenNodes,
  lockWorkspace,
  openWorkspace,
} from '../../../../provisioning/inventory/workspace.ts';
import { KAFKA_VERSION } from '../../../../provisioning/kafka/version.ts';

const TEXT = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes:
  - { name: pi1, address: 10.0.0.1 }
  - { name: pi2, address: 'fd00::2', roles: [broker, bridge] }
  - { name: pi3, address: 10.0.0.3, roles: [kafka] }
vip: 10.0.0.9
mqtt: { users: [{ name: a, password: a-password-of-mine }] }
`;
const inventory = (text: string, access = {}) =>
  renderInventory({
    cluster: parseCluster(text),
    clusterFile: '/home/me/cluster.yaml',
    access: { user: 'admin', ...access },
  });

interface Read {
  all: {
    vars: Record<string, unknown>;
    children: Record<string, { hosts: Record<string, unknown>; vars?: Record<string, unknown> }>;
  };
}
const read = (text: string): Read => parse(text) as Read;

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-inventory-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('every node is in it once, and in the group of each of its roles', () => {
  const { children } = read(inventory(TEXT.replace('vip: 10.0.0.9\n', ''))).all;
  expect(children.bramble?.hosts).toEqual({
    pi1: { ansible_host: '10.0.0.1' },
    pi2: { ansible_host: 'fd00::2' },
    pi3: { ansible_host: '10.0.0.3' },
  });
  const groups = Object.fromEntries(
    Object.entries(children).map(([name, { hosts }]) => [name, Object.keys(hosts)]),
  );
  expect(groups).toMatchObject({
    brokers: ['pi1', 'pi2'],
    balancers: ['pi1'],
    bridges: ['pi2'],
    kafka: ['pi3'],
  });
});

test('what leaves is in a group of its own, and in no other', () => {
  const leaving = [{ name: 'pi9', address: '10.0.0.99', roles: ['broker'] }];
  const access = { user: 'admin' };
  const cluster = parseCluster(TEXT);
  const text = renderInventory({ cluster, clusterFile: '/c.yaml', access, leaving });
  const { children } = read(text).all;
  expect(children.leaving?.hosts).toEqual({
    pi9: { ansible_host: '10.0.0.99', bramble_left_roles: ['broker'] },
  });
  expect(children.bramble?.hosts).not.toHaveProperty('pi9');
  expect(inventory(TEXT)).not.toContain('leaving');
});

test('it holds no secret, and says where it comes from', () => {
  const text = inventory(TEXT.replace("'fd00::2'", '10.0.0.2'));
  expect(text).not.toMatch(/0123456789abcdef|a-password-of-mine/);
  expect(text).toContain('# Written by bramble from /home/me/cluster.yaml');
});

test('ports are those that cluster.yaml needs', () => {
  const alone =
    'cluster: { name: a, secret: 0123456789abcdef }\nnodes: [{ name: pi1, address: 10.0.0.1 }]\n';
  expect(read(inventory(alone)).all.vars).toMatchObject({
    bramble_open_tcp: [1883, 1884, 8083, 80],
    bramble_open_udp: [],
  });
  const { vars } = read(inventory(TEXT.replace("'fd00::2'", '10.0.0.2'))).all;
  expect(vars.bramble_open_tcp).toEqual(expect.arrayContaining([11_883, 6222]));
  expect(vars.bramble_open_tcp).not.toContain(9092);
  expect(vars.bramble_open_tcp).not.toContain(8081);
  expect(vars.bramble_open_tcp).not.toContain(4222);
  expect(vars.bramble_open_udp).toEqual([21_895]);
});

test("Kafka's ports are open where it runs alone: those between its nodes where there are several", () => {
  const kafka = (text: string) => read(inventory(text)).all.children.kafka?.vars;
  const alone = TEXT.replace("'fd00::2'", '10.0.0.2');
  expect(kafka(alone)).toEqual({ kafka_version: KAFKA_VERSION, kafka_open_tcp: [9092] });
  const three = alone.replace('[broker, bridge]', '[broker, kafka]');
  expect(kafka(three)).toMatchObject({ kafka_open_tcp: [9092, 9093, 9094] });
  expect(kafka(alone.replace('[kafka]', '[broker]'))).toBeUndefined();
});

test('how the nodes are reached', () => {
  expect(
    read(inventory(TEXT.replace("'fd00::2'", '10.0.0.2'), { user: 'pi', key: '/k', port: 2222 }))
      .all.vars,
  ).toMatchObject({
    ansible_user: 'pi',
    ansible_ssh_private_key_file: '/k',
    ansible_port: 2222,
  });
});

test('the workspace is beside cluster.yaml and private; one at a time works in it', () => {
  const file = path.join(dir, 'cluster.yaml');
  writeFileSync(file, TEXT.replace("'fd00::2'", '10.0.0.2'));
  const workspace = openWorkspace({ cluster: file, user: 'pi' });
  expect(workspace.directory).toBe(path.join(dir, '.bramble/cluster-home'));
  expect(statSync(workspace.directory).mode & 0o777).toBe(0o700);
  expect(readFileSync(workspace.inventory, 'utf8')).toContain('ansible_user: pi');
  expect(chosenNodes(workspace, 'pi1, pi3')).toEqual(['pi1', 'pi3']);
  expect(chosenNodes(workspace, undefined)).toBeUndefined();
  expect(() => chosenNodes(workspace, 'pi9')).toThrow('no node "pi9"');
  const unlock = lockWorkspace(workspace);
  unlock();
  lockWorkspace(workspace)();
});

test('a release is a directory that make release built', () => {
  expect(releaseVars({})).toEqual({});
  expect(() => releaseVars({ release: dir })).toThrow('is no release');
  const release = path.join(dir, 'bramble-0.1.0-abc');
  mkdirSync(release);
  writeFileSync(path.join(release, 'RELEASE'), 'x');
  expect(releaseVars({ release: `${release}/` })).toEqual({ bramble_release_dir: release });
});

test('the line that is printed is the line that is run', () => {
  const asked = {
    playbook: 'site',
    inventory: '/a b/inventory.yaml',
    vars: { one: 'x', two: "yes, it's" },
    limit: ['pi1', 'pi2'],
    check: true,
  };
  const words = commandLine(asked);
  expect(words.slice(0, 3)).toEqual(['ansible-playbook', '-i', '/a b/inventory.yaml']);
  expect(words).toContain('one=x');
  expect(words).toContain('{"two":"yes, it\'s"}');
  expect(words.slice(-4)).toEqual(['--limit', 'pi1,pi2', '--check', '--diff']);
  expect(shellLine(['a', 'b c', "d'e"])).toMatch(/^ANSIBLE_CONFIG=\S+ a 'b c' 'd'\\''e'$/);
});
