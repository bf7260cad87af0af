import { stat } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { SIZES } from '../../image/build/disk.ts';
import { builtImage } from './built.ts';
import { listFat, type Partition, readAt, readFat, readMbr } from './partitions.ts';

const MIB = 1024 * 1024;
let image = '';
let signature = '';
let firmware: Partition;
let slotA: Partition;

beforeAll(async () => {
  image = await builtImage();
  const table = await readMbr(image);
  signature = table.signature;
  [firmware, slotA] = table.parts as [Partition, Partition];
});

test('every board finds what it starts from', async () => {
  const files = await listFat(image, firmware.start);
  // Pi 3 and Zero 2 W read bootcode.bin and start.elf, a Pi 4 start4.elf; a Pi 5 has its own.
  for (const name of ['bootcode.bin', 'start.elf', 'fixup.dat', 'start4.elf', 'fixup4.dat'])
    expect(files).toContain(name);
  for (const board of [
    'bcm2837-rpi-3-b',
    'bcm2837-rpi-3-b-plus',
    'bcm2837-rpi-zero-2-w',
    'bcm2711-rpi-4-b',
    'bcm2712-rpi-5-b',
    'bcm2712-d-rpi-5-b',
  ])
    expect(files).toContain(`a/${board}.dtb`);
  for (const name of ['vmlinuz', 'initrd.img', 'cmdline.txt']) expect(files).toContain(`a/${name}`);
  // Room for what is told of a start, should the partition be full by then.
  expect(files).toContain('STATUS.txt');
});

test('the configuration starts slot A, whose command line names its own partition', async () => {
  const config = await readFat(image, firmware.start, 'config.txt');
  expect(config).toMatch(/^os_prefix=a\/$/m);
  expect(config).toMatch(/^arm_64bit=1$/m);
  const line = await readFat(image, firmware.start, 'a/cmdline.txt');
  expect(line).toContain(`root=PARTUUID=${signature}-02 `);
});

test('the root is a squashfs that fits its slot, and leaves room for a later one', async () => {
  // The superblock starts with a magic number and has the size used at 40 (Documentation/filesystems/squashfs).
  const superblock = await readAt(image, slotA.start, 96);
  expect(superblock.toString('latin1', 0, 4)).toBe('hsqs');
  const used = Number(superblock.readBigUInt64LE(40));
  console.log(`root ${(used / MIB).toFixed(0)} MiB of ${SIZES.slot}`);
  expect(used).toBeLessThan(0.9 * SIZES.slot * MIB);
});

test('it fits a card of 4 GB', async () => {
  expect((await stat(image)).size).toBeLessThan(3_500_000_000);
});
