import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildBoot } from '../../../image/build/boot.ts';
import { packCpio } from '../../../image/build/cpio.ts';
import { readRecipe } from '../../../image/build/recipe.ts';

const run = promisify(execFile);
const MODULES = 'usr/lib/modules/7.3.4-arm64';
/** As Debian's packages lay them. */
const FILES = [
  `${MODULES}/vmlinuz`,
  `${MODULES}/dtb/broadcom/bcm2711-rpi-4-b.dtb`,
  `${MODULES}/dtb/broadcom/bcm2712-d-rpi-5-b.dtb`,
  `${MODULES}/dtb/broadcom/bcm2712-rpi-5-b.dtb`,
  `${MODULES}/dtb/broadcom/bcm2837-rpi-zero-2-w.dtb`,
  `${MODULES}/dtb/broadcom/bcm4906-netgear-r8000p.dtb`,
  'boot/vmlinuz-7.3.4-arm64',
  'boot/initrd.img-7.3.4-arm64',
  'usr/lib/raspi-firmware/bootcode.bin',
  'usr/lib/raspi-firmware/start4.elf',
  'usr/lib/raspi-firmware/fixup4.dat',
  'usr/lib/raspi-firmware/overlays/disable-bt.dtbo',
];

let work = '';
beforeEach(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-boot-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

async function build(files: readonly string[]): Promise<string[]> {
  for (const file of files) {
    await mkdir(path.join(work, 'root', path.dirname(file)), { recursive: true });
    const content = file.startsWith('boot/initrd') ? zstdCompressSync(packCpio([], 0)) : file;
    await writeFile(path.join(work, 'root', file), content);
  }
  const base = path.join(work, 'base.tar');
  await run('tar', ['-cf', base, '-C', path.join(work, 'root'), '.']);
  const out = path.join(work, 'out');
  const log = path.join(work, 'log');
  const { initramfs: scripts } = await readRecipe('pi', 'arm64');
  await buildBoot({ base, out, signature: '0badcafe', scripts, date: 1_700_000_000, log });
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(out, path.join(entry.parentPath, entry.name)))
    .sort();
}

test('slot A has what its kernel needs, and what comes before any slot lies above', async () => {
  const names = await build(FILES);
  expect(names.filter((name) => name.startsWith('a/'))).toEqual([
    'a/bcm2711-rpi-4-b.dtb',
    'a/bcm2712-d-rpi-5-b.dtb',
    'a/bcm2712-rpi-5-b.dtb',
    'a/bcm2837-rpi-zero-2-w.dtb',
    'a/cmdline.txt',
    'a/initrd.img',
    'a/state',
    'a/vmlinuz',
  ]);
  for (const name of ['bootcode.bin', 'config.txt', 'fixup4.dat', 'start4.elf', 'user-data'])
    expect(names).toContain(name);
  expect(await readFile(path.join(work, 'out/a/vmlinuz'), 'utf8')).toBe(FILES[0]);
});

test('two kernels are an error: none of them would be the right one', async () => {
  const second = 'boot/initrd.img-7.4.0-arm64';
  await expect(build([...FILES, second])).rejects.toThrow('2 files like');
});

test('a system without a kernel makes no card', async () => {
  await expect(build(FILES.filter((file) => !file.endsWith('vmlinuz')))).rejects.toThrow('vmlinuz');
});
