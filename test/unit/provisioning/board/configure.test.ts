import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { verifyPassword } from '#core/passwords.ts';
import type { Board } from '../../../../provisioning/board/board.ts';
import { configure } from '../../../../provisioning/board/configure.ts';
import type { Ground } from '../../../../provisioning/board/ground.ts';
import { identify } from '../../../../provisioning/board/identity.ts';

/** Each file is flushed to the disk, and a busy disk takes seconds for it. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const BOARD: Board = {
  serial: '100000001a2b3c4d',
  macs: ['dc:a6:32:01:02:03'],
  addresses: ['192.168.1.12'],
};
const CLUSTER = 'cluster: { name: home, secret: 0123456789abcdef0123 }\n';

let root = '';
let ran: string[][] = [];
let rendered: string[] = [];

beforeEach(() => {
  root = mkdtempSync(path.join(MEMORY, 'bramble-configure-'));
  for (const directory of ['boot/firmware', 'etc', 'usr/share/zoneinfo/Europe'])
    mkdirSync(path.join(root, directory), { recursive: true });
  writeFileSync(path.join(root, 'usr/share/zoneinfo/Europe/Berlin'), '');
  writeFileSync(path.join(root, 'etc/hostname'), 'bramble\n');
  writeFileSync(path.join(root, 'etc/hosts'), '127.0.0.1 localhost\n127.0.1.1 bramble\n');
  ran = [];
  rendered = [];
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (file: string) => path.join(root, file);
const read = (file: string) => readFileSync(at(file), 'utf8');
const onCard = (name: string, text: string) => writeFileSync(at(`boot/firmware/${name}`), text);

function start(board = BOARD): Promise<boolean> {
  const ground: Ground = {
    root,
    firmware: at('boot/firmware'),
    hostname: read('etc/hostname').trim(),
    run: (program, args, input) => {
      ran.push([program, ...args, ...(input === undefined ? [] : [input])]);
      return true;
    },
  };
  const render = async (_: string, node: string) => {
    rendered.push(node);
  };
  return configure({ ground, board, render });
}

describe('which node a board is', () => {
  const { nodes } = parseCluster(`${CLUSTER}nodes:
  - { name: one, address: 192.168.1.11, serial: "1A2B3C4D" }
  - { name: two, address: 192.168.1.12 }
  - { name: three, address: 192.168.1.13, mac: "DC:A6:32:01:02:03" }
`);
  const other: Board = { serial: '10000000ffffffff', macs: [], addresses: [] };
  test.each([
    ['its serial number, whichever zeros are before it', BOARD, 'two', 'one', 'serial'],
    ['a network card', { ...BOARD, serial: undefined }, 'two', 'three', 'mac'],
    ['its name', other, 'two', 'two', 'name'],
    ['its address', { ...other, addresses: ['192.168.1.12'] }, 'x', 'two', 'address'],
  ] as const)('%s', (_, board, hostname, node, by) => {
    const found = identify({ nodes }, board, hostname);
    expect([found?.node.name, found?.by]).toEqual([node, by]);
  });

  test('a node with a serial number is no other board, whatever its name is', () => {
    expect(identify({ nodes }, other, 'one')).toBeUndefined();
    expect(identify({ nodes: [nodes[0]!] }, other, 'one')).toBeUndefined();
    expect(identify({ nodes: [nodes[1]!] }, other, 'one')?.by).toBe('only');
  });
});

test('with nothing on the card it is a cluster of one, and STATUS.txt tells the login', async () => {
  expect(await start()).toBe(true);
  const status = read('boot/firmware/STATUS.txt');
  expect(status).toMatch(/^Bramble on bramble, \d{4}-\d\d-\d\d \d\d:\d\d UTC, no release\r\n/);
  expect(status).toContain('this is a cluster of one');
  expect(status).toContain('Addresses: 192.168.1.12\r\n');
  expect(status).toContain('Serial: 100000001a2b3c4d\r\n');
  const password = /^Password: +(\S{16})\r$/m.exec(status)?.[1] ?? '';
  const { mqtt, nodes } = parseCluster(read('etc/bramble/cluster.yaml'));
  expect(await verifyPassword(mqtt.users[0]?.password ?? '', Buffer.from(password))).toBe(true);
  expect(nodes[0]?.name).toBe('bramble');
  expect(rendered).toEqual(['bramble']);
  // The second start changes nothing, and writes nothing to the card.
  const before = read('etc/bramble/cluster.yaml');
  writeFileSync(at('boot/firmware/STATUS.txt'), status.replace(/^.*/, 'first line'));
  expect(await start()).toBe(true);
  expect(read('etc/bramble/cluster.yaml')).toBe(before);
  expect(read('boot/firmware/STATUS.txt')).toMatch(/^first line/);
  // An address that comes late.
  expect(await start({ ...BOARD, addresses: ['10.0.0.7'] })).toBe(true);
  expect(read('boot/firmware/STATUS.txt')).toContain('Addresses: 10.0.0.7\r\n');
});

test('what Raspberry Pi Imager wrote is done, and then gone from the card', async () => {
  onCard(
    'user-data',
    'hostname: attic\ntimezone: Europe/Berlin\nusers:\n- { name: jane, passwd: $6$a$bcd, ssh_authorized_keys: [ssh-ed25519 AAAA jane] }\n',
  );
  onCard(
    'network-config',
    'wifis: { wlan0: { access-points: { home: { password: "12345678" } } } }',
  );
  expect(await start()).toBe(true);
  expect(read('etc/hostname')).toBe('attic\n');
  expect(read('etc/hosts')).toContain('127.0.1.1 attic\n');
  expect(read('etc/timezone')).toBe('Europe/Berlin\n');
  expect(read('etc/ssh/authorized_keys.d/jane')).toBe('ssh-ed25519 AAAA jane\n');
  expect(read('etc/sudoers.d/bramble-jane')).toContain('jane ALL=');
  expect(ran).toContainEqual([
    'useradd',
    '-m',
    '-s',
    '/bin/bash',
    '-G',
    'sudo,systemd-journal',
    'jane',
  ]);
  expect(ran).toContainEqual(['chpasswd', '-e', 'jane:$6$a$bcd\n']);
  expect(read('etc/wpa_supplicant/wpa_supplicant-wlan0.conf')).toContain('ssid=686f6d65');
  expect(read('boot/firmware/user-data')).not.toContain('bcd');
  expect(read('boot/firmware/network-config')).not.toContain('12345678');
  expect(read('boot/firmware/STATUS.txt')).toContain('jane can log in by SSH with a key');
  expect(rendered).toEqual(['attic']);
});

test('cluster.yaml makes the board its node, with name and address, and leaves the card', async () => {
  onCard(
    'cluster.yaml',
    `${CLUSTER}nodes: [{ name: pi1, address: 192.168.1.11, serial: 1a2b3c4d }]\n`,
  );
  expect(await start()).toBe(true);
  expect(rendered).toEqual(['pi1']);
  expect(read('etc/hostname')).toBe('pi1\n');
  expect(ran).toContainEqual(['hostname', 'pi1']);
  expect(read('etc/systemd/network/20-wired.network.d/bramble-address.conf')).toContain(
    'Address=192.168.1.11/24\n',
  );
  expect(existsSync(at('boot/firmware/cluster.yaml'))).toBe(false);
  expect(read('boot/firmware/cluster.yaml.taken')).not.toContain('0123456789');
  // The power went while it was written over.
  onCard('cluster.yaml.taken', 'secret: 0123456789');
  expect(await start()).toBe(true);
  expect(read('boot/firmware/cluster.yaml.taken')).toMatch(/^Taken\./);
});

test('errors in cluster.yaml are told with line and column, and the one from before holds', async () => {
  await start();
  const before = read('etc/bramble/cluster.yaml');
  onCard('cluster.yaml', 'cluster:\n  name: home\n  secrt: x\nnodes: []\n');
  expect(await start()).toBe(true);
  expect(read('boot/firmware/STATUS.txt')).toMatch(/^ {2}cluster\.yaml:3:3: unknown key.*\r$/m);
  expect(read('etc/bramble/cluster.yaml')).toBe(before);
  expect(existsSync(at('boot/firmware/cluster.yaml'))).toBe(true);
});

test('a board that is no node says what it goes by', async () => {
  const nodes = 'nodes: [{ name: pi1, address: 10.0.0.1 }, { name: pi2, address: 10.0.0.2 }]\n';
  onCard('cluster.yaml', CLUSTER + nodes);
  expect(await start()).toBe(false);
  const status = read('boot/firmware/STATUS.txt');
  expect(status).toContain('none of the nodes');
  expect(status).toContain('serial: "100000001a2b3c4d"');
  expect(status).toContain('mac: "dc:a6:32:01:02:03"');
  expect(rendered).toEqual([]);
  // Its address came, or was given to it.
  expect(await start({ ...BOARD, addresses: ['10.0.0.2'] })).toBe(true);
  expect(rendered).toEqual(['pi2']);
});

test('what the start of the system has noticed is told', async () => {
  mkdirSync(at('run/bramble-boot'), { recursive: true });
  mkdirSync(at('boot/firmware/b'));
  for (const [name, text] of [
    ['no-data', ''],
    ['fsck-code', '4\n'],
    ['read-only', 'var\n'],
    ['slot', 'a\n'],
  ])
    writeFileSync(at(`run/bramble-boot/${name}`), text!);
  onCard('b/state', 'bad \n');
  await start();
  const status = read('boot/firmware/STATUS.txt');
  expect(status).toContain('nothing is kept over a restart');
  expect(status).toContain('/var cannot be changed');
  expect(status).toContain('System b: the update did not come up and was given up.');
});

test('a card that is worn out, and no network at all, are told', async () => {
  mkdirSync(at('run/bramble-boot'), { recursive: true });
  mkdirSync(at('data'));
  writeFileSync(at('run/bramble-boot/card-read-only'), '');
  expect(await start({ ...BOARD, addresses: [] })).toBe(true);
  const status = read('boot/firmware/STATUS.txt');
  expect(status).toContain('The card is read-only: it may be worn out.');
  expect(status).toContain('Addresses: none yet. Is the network cable in, or the Wi-Fi in reach?');
  expect(rendered).toEqual(['bramble']);
});

test('a card that cannot be written does not keep the services from their configuration', async () => {
  rmSync(at('boot/firmware'), { recursive: true });
  expect(await start()).toBe(true);
  expect(rendered).toEqual(['bramble']);
});
