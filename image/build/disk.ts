import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';

export interface DiskOptions {
  /** The directory of the FAT partition's files. */
  boot: string;
  /** The squashfs of the first slot. */
  root: string;
  signature: string;
  date: number;
  out: string;
  log: string;
}

const MIB = 1024 * 1024;
/** 1 TiB in blocks of 4096 bytes. */
const GROWN_BLOCKS = 2 ** 28;
/** Sizes of the partitions, MiB; the last one grows to the card's end at the first boot. */
export const SIZES = { firmware: 512, slot: 640, data: 64 } as const;

/**
 * Assembles the image without loop devices: MBR (Pi 3 and Zero 2 W start from nothing else), FAT,
 * two slots for the root, data.
 */
export async function buildDisk({
  boot,
  root,
  signature,
  date,
  out,
  log,
}: DiskOptions): Promise<void> {
  const work = await mkdtemp(path.join(path.dirname(out), '.disk-'));
  const place = (name: string) => path.join(work, name);
  const env = { SOURCE_DATE_EPOCH: `${date}`, E2FSPROGS_FAKE_TIME: `${date}` };
  try {
    await fat(boot, place('firmware.vfat'), signature, { log, env });
    await ext4(place('data.ext4'), signature, { log, env });
    await writeFile(place('genimage.cfg'), layout(signature, root));
    for (const name of ['input', 'root', 'tmp', 'images']) await mkdir(place(name));
    await rename(place('firmware.vfat'), place('input/firmware.vfat'));
    await rename(place('data.ext4'), place('input/data.ext4'));
    await run(
      'genimage',
      [
        ...['--config', place('genimage.cfg'), '--inputpath', place('input')],
        ...[
          '--rootpath',
          place('root'),
          '--tmppath',
          place('tmp'),
          '--outputpath',
          place('images'),
        ],
      ],
      { log, env },
    );
    await rename(place('images/bramble.img'), out);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Ways {
  log: string;
  env: Record<string, string>;
}

async function fat(boot: string, file: string, signature: string, ways: Ways): Promise<void> {
  await writeFile(file, '');
  await truncate(file, SIZES.firmware * MIB);
  await run(
    'mkfs.vfat',
    ['-F', '32', '-n', 'FIRMWARE', '-i', signature, '--invariant', file],
    ways,
  );
  // Dates are SOURCE_DATE_EPOCH's, and names come in one order.
  await run('sh', ['-c', 'cd "$0" && LC_ALL=C && exec mcopy -s -i "$1" ./* ::', boot, file], ways);
}

async function ext4(file: string, signature: string, ways: Ways): Promise<void> {
  // A file system of one image is like that of another until it is grown.
  const uuid = `${signature}-0000-4000-8000-${signature}0000`;
  // Small as it is now, it is laid out for what it becomes: large blocks, room to grow to 1 TiB.
  const large = ['-b', '4096', '-i', '16384'];
  const same = [
    '-U',
    uuid,
    '-E',
    `resize=${GROWN_BLOCKS},hash_seed=${uuid},lazy_itable_init=0,lazy_journal_init=0`,
  ];
  await writeFile(file, '');
  await truncate(file, SIZES.data * MIB);
  await run('mke2fs', ['-q', '-t', 'ext4', '-L', 'data', ...large, ...same, '-m', '1', file], ways);
}

/** genimage's own language. */
function layout(signature: string, root: string): string {
  return `image bramble.img {
  hdimage { partition-table-type = "mbr" disk-signature = 0x${signature} align = 1M }
  partition firmware { partition-type = 0xC bootable = true image = "firmware.vfat" size = ${SIZES.firmware}M }
  partition root-a { partition-type = 0x83 image = "${root}" size = ${SIZES.slot}M }
  partition root-b { partition-type = 0x83 size = ${SIZES.slot}M }
  partition data { partition-type = 0x83 image = "data.ext4" size = ${SIZES.data}M }
}
`;
}
