import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commandLine, configTxt, PLACEHOLDERS, SLOT_STATE } from './boot-files.ts';
import { withScripts } from './initramfs.ts';
import { run } from './run.ts';

export interface BootOptions {
  /** The tar file of Debian, with the kernel in it. */
  base: string;
  /** The directory to fill with what the FAT partition holds. */
  out: string;
  /** Disk signature of the partition table, by which the kernel finds its root. */
  signature: string;
  /** Directory of the scripts that the initramfs runs. */
  scripts: string;
  date: number;
  log: string;
}

/** What the firmware reads before it knows of slots. */
const FIRMWARE = /^(bootcode\.bin|start.*\.elf|fixup.*\.dat)$/;
/** Boards that the image is for; their device trees are in every slot. */
const BOARDS = /^bcm(2710|2711|2712|2837)-(d-)?rpi-.*\.dtb$/;

/** Fills the FAT partition's directory from what is in Debian's packages. */
export async function buildBoot(options: BootOptions): Promise<void> {
  const { base, out, signature, scripts, date, log } = options;
  const work = await mkdtemp(path.join(path.dirname(out), '.boot-'));
  try {
    await run(
      'tar',
      [
        ...['-xf', base, '-C', work, '--wildcards', '--no-same-owner'],
        ...['./usr/lib/modules/*/vmlinuz', './usr/lib/modules/*/dtb/broadcom/*'],
        // The kernel among the modules is a link to the one in /boot.
        ...['./boot/vmlinuz-*', './boot/initrd.img-*', './usr/lib/raspi-firmware/*'],
      ],
      { log },
    );
    await rm(out, { recursive: true, force: true });
    const slot = path.join(out, 'a');
    await mkdir(slot, { recursive: true });
    const kernel = await only(path.join(work, 'usr/lib/modules'), /./);
    const initrd = await only(path.join(work, 'boot'), /^initrd\.img-/);
    await rename(path.join(kernel, 'vmlinuz'), path.join(slot, 'vmlinuz'));
    await writeFile(
      path.join(slot, 'initrd.img'),
      await withScripts(await readFile(initrd), scripts, date),
    );
    const trees = path.join(kernel, 'dtb', 'broadcom');
    await copyMatching(trees, BOARDS, slot);
    await copyMatching(path.join(work, 'usr/lib/raspi-firmware'), FIRMWARE, out);
    await writeFile(path.join(slot, 'cmdline.txt'), commandLine(signature, 'a'));
    await writeFile(path.join(slot, 'state'), SLOT_STATE);
    await writeFile(path.join(out, 'config.txt'), configTxt('a'));
    for (const [name, text] of Object.entries(PLACEHOLDERS)) {
      await writeFile(path.join(out, name), text);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function only(directory: string, pattern: RegExp): Promise<string> {
  const found = (await readdir(directory)).filter((name) => pattern.test(name));
  if (found.length !== 1) {
    throw new Error(
      `${found.length} files like ${pattern.source} instead of one: ${found.join(' ')}`,
    );
  }
  return path.join(directory, found[0]!);
}

async function copyMatching(from: string, pattern: RegExp, to: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => pattern.test(name));
  if (names.length === 0) throw new Error(`nothing like ${pattern.source} in ${from}`);
  // A link would not survive on FAT.
  for (const name of names)
    await cp(path.join(from, name), path.join(to, name), { dereference: true });
}
