import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NODE_PROBLEMS, nodeProblemsSchema } from '#core/contracts/node-problems.ts';
import { configure } from '../../../../provisioning/board/configure.ts';
import type { Ground } from '../../../../provisioning/board/ground.ts';
import { tellProblems } from '../../../../provisioning/board/problems.ts';

let root = '';
let ground: Ground;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bramble-problems-'));
  mkdirSync(path.join(root, 'data'));
  mkdirSync(path.join(root, 'etc'));
  write('boot/firmware/STATUS.txt', '');
  ground = { root, firmware: path.join(root, 'boot/firmware'), hostname: 'attic', run: () => true };
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

/** What the page is told after a start of the node. */
async function told(): Promise<string[]> {
  const board = { serial: undefined, macs: [], addresses: ['10.0.0.1'] };
  await configure({ ground, board, render: async () => {} });
  return nodeProblemsSchema.parse(JSON.parse(readFileSync(path.join(root, NODE_PROBLEMS), 'utf8')));
}

test('a node that is well tells of nothing', async () => {
  expect(await told()).toEqual([]);
});

test('a cluster.yaml with errors, until it is gone or mended', async () => {
  write('boot/firmware/cluster.yaml', 'cluster:\n  name: home\n  secrt: x\nnodes: []\n');
  const said = await told();
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(
    /^The card's cluster\.yaml has errors and was not taken: .*cluster\.yaml:3:3: unknown key "cluster\.secrt"/,
  );
  expect(said[0]).not.toContain(root);
  rmSync(path.join(root, 'boot/firmware/cluster.yaml'));
  expect(await told()).toEqual([]);
});

test('a cluster.yaml in which this board is no node', async () => {
  write(
    'boot/firmware/cluster.yaml',
    'cluster: { name: home, secret: 0123456789abcdef0123 }\nnodes: [{ name: pi1, address: 10.0.0.8 }, { name: pi2, address: 10.0.0.9 }]\n',
  );
  expect(await told()).toEqual([
    expect.stringMatching(
      /^This node has no configuration: This board is none of the nodes .*name: attic/,
    ),
  ]);
});

test('what Raspberry Pi Imager wrote, as long as it lies there', async () => {
  const wifi = 'wifis: { wlan0: { access-points: { home: { password: short } } } }\n';
  write('boot/firmware/network-config', wifi);
  expect(await told()).toEqual(['network-config: the password of "home" has 8 to 63 characters.']);
  write('boot/firmware/network-config', '');
  expect(await told()).toEqual([]);
});

test('a Wi-Fi that was asked for: no card, no network, and then both', async () => {
  const wifi = 'wifis: { wlan0: { access-points: { home: { password: "12345678" } } } }\n';
  write('boot/firmware/network-config', wifi);
  expect(await told()).toEqual(['Wi-Fi was asked for, and this board shows no Wi-Fi card.']);
  write('sys/class/net/wlan0/operstate', 'dormant\n');
  expect(await told()).toEqual([
    'Wi-Fi is not connected to "home". Is it in reach, and is its password right?',
  ]);
  write('sys/class/net/wlan0/operstate', 'up\n');
  expect(await told()).toEqual([]);
});

test('a FAT partition that is there and cannot be mounted', async () => {
  write('run/bramble-boot/slot', 'a\n');
  write('proc/self/mounts', `/dev/mmcblk0p1 ${root}/boot/firmware vfat ro 0 0\n`);
  expect(await told()).not.toContainEqual(expect.stringContaining('FAT partition'));
  write('proc/self/mounts', 'overlay /etc overlay rw 0 0\n');
  expect(await told()).toContainEqual(
    expect.stringMatching(/^The FAT partition of the card cannot be mounted/),
  );
});

test('a card that cannot be written', async () => {
  rmSync(path.join(root, 'boot'), { recursive: true });
  write('boot', 'no directory');
  expect(await told()).toEqual([expect.stringMatching(/^STATUS\.txt cannot be written: /)]);
});

test('notes of the start, an update that came to nothing', async () => {
  write('run/bramble-boot/no-data', '');
  write('run/bramble-boot/fsck-code', '4\n');
  write('run/bramble-boot/read-only', 'var\n');
  write('boot/firmware/b/state', 'bad \n');
  expect(await told()).toEqual([
    'The data partition cannot be used: nothing is kept over a restart.',
    'Its file system has errors that need a person: e2fsck.',
    '/var cannot be changed.',
    'An update of the system (slot b) did not come up and was given up.',
  ]);
});

test('a clock that is far ahead of its system, until somebody sets it', async () => {
  const floor = (ago: number) => {
    write('usr/lib/clock-epoch', '');
    const date = Date.now() / 1000 - ago;
    utimesSync(path.join(root, 'usr/lib/clock-epoch'), date, date);
  };
  const year = 365 * 86_400;
  floor(4 * year);
  expect(await told()).toEqual([]);
  floor(6 * year);
  expect(await told()).toEqual([expect.stringMatching(/^The clock says \d{4}-\d\d-\d\d, and /)]);
  // It was further ahead than systemd lets it be.
  floor(60);
  write('proc/uptime', '120.50 99.00\n');
  write('run/bramble-boot/clock', '4102444800\n');
  expect(await told()).toEqual([
    expect.stringMatching(
      /^The clock said 2100-01-01 at the start, which cannot be right, and was set to \d{4}-\d\d-\d\d\./,
    ),
  ]);
  write('run/bramble-boot/clock', '0\n');
  expect(await told()).toEqual([]);
  // A time server has set it since.
  write('run/bramble-boot/clock', '4102444800\n');
  floor(7200);
  expect(await told()).toEqual([]);
});

test('the page may read it, and it is never more than the page takes', () => {
  const mask = process.umask(0o077);
  try {
    tellProblems(ground, [...Array.from({ length: 40 }, (_, n) => `${n} ${'x'.repeat(400)}`), '']);
  } finally {
    process.umask(mask);
  }
  const file = path.join(root, NODE_PROBLEMS);
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o755);
  expect(nodeProblemsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).toHaveLength(16);
});
