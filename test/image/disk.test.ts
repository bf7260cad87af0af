import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDisk, SIZES } from '../../image/build/disk.ts';
import { listFat, readAt, readFat, readMbr } from './partitions.ts';

const MIB = 1024 * 1024;
const SIGNATURE = '0badcafe';
const DATE = 1_700_000_000;
let work = '';

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-disk-'));
  const boot = path.join(work, 'boot');
  await mkdir(path.join(boot, 'a'), { recursive: true });
  await writeFile(path.join(boot, 'config.txt'), 'os_prefix=a/\n');
  await writeFile(path.join(boot, 'a', 'vmlinuz'), Buffer.alloc(5 * MIB, 'kernel'));
  await writeFile(path.join(work, 'root.squashfs'), Buffer.alloc(3 * MIB, 'root'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function build(name: string): Promise<string> {
  const out = path.join(work, name);
  await buildDisk({
    boot: path.join(work, 'boot'),
    root: path.join(work, 'root.squashfs'),
    signature: SIGNATURE,
    date: DATE,
    out,
    log: path.join(work, 'log'),
  });
  return out;
}

test('the partitions are where the firmware, the kernel and an update look for them', async () => {
  const image = await build('one.img');
  const { signature, parts } = await readMbr(image);
  expect(signature).toBe(SIGNATURE);
  expect(parts.map(({ type, bootable }) => [type, bootable])).toEqual([
    [0x0c, true],
    [0x83, false],
    [0x83, false],
    [0x83, false],
  ]);
  const sizes = [SIZES.firmware, SIZES.slot, SIZES.slot, SIZES.data];
  expect(parts.map(({ size }) => size / MIB)).toEqual(sizes);
  for (const [number, { start }] of parts.entries()) {
    expect(start % MIB).toBe(0);
    const before = parts[number - 1];
    if (before !== undefined) expect(start).toBeGreaterThanOrEqual(before.start + before.size);
  }
  const [firmware, a, b, data] = parts as [Part, Part, Part, Part];
  expect(await listFat(image, firmware.start)).toEqual(['a/vmlinuz', 'config.txt']);
  expect(await readFat(image, firmware.start, 'config.txt')).toBe('os_prefix=a/\n');
  expect((await readAt(image, a.start, 8)).toString()).toBe('rootroot');
  expect((await readAt(image, b.start, MIB)).every((byte) => byte === 0)).toBe(true);
  // ext4 (Documentation/filesystems/ext4): the superblock at 1024, its magic at 56, its label at 120.
  const superblock = await readAt(image, data.start + 1024, 136);
  expect(superblock.readUInt16LE(56)).toBe(0xef53);
  expect(superblock.subarray(120, 136).toString().replace(/\0.*$/, '')).toBe('data');
});

type Part = Awaited<ReturnType<typeof readMbr>>['parts'][number];

test('what is built twice is the same, byte for byte, whenever that is', async () => {
  const first = await build('first.img');
  // The clock has another second, and the files' dates are others.
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  await utimes(path.join(work, 'boot', 'config.txt'), DATE + 4_000_000, DATE + 4_000_000);
  const second = await build('second.img');
  // Fails, and says where, at the first byte that differs.
  await promisify(execFile)('cmp', [first, second]);
});
