import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Partition {
  /** Type byte: 0x0c is FAT32 by LBA, 0x83 Linux. */
  type: number;
  bootable: boolean;
  /** Bytes from the start of the disk. */
  start: number;
  /** Bytes. */
  size: number;
}

const SECTOR = 512;

/** The classical partition table: four entries of 16 bytes at 446, then 55 AA. */
export async function readMbr(image: string): Promise<{ signature: string; parts: Partition[] }> {
  const file = await open(image);
  try {
    const sector = Buffer.alloc(SECTOR);
    await file.read(sector, 0, SECTOR, 0);
    if (sector.readUInt16LE(510) !== 0xaa55) throw new Error(`${image}: no partition table`);
    const parts = [0, 1, 2, 3].map((number) => {
      const entry = sector.subarray(446 + 16 * number);
      return {
        bootable: entry[0] === 0x80,
        type: entry[4] ?? 0,
        start: entry.readUInt32LE(8) * SECTOR,
        size: entry.readUInt32LE(12) * SECTOR,
      };
    });
    return { signature: sector.readUInt32LE(440).toString(16).padStart(8, '0'), parts };
  } finally {
    await file.close();
  }
}

/** Paths of all files on a FAT partition, as `a/vmlinuz`. */
export async function listFat(image: string, start: number): Promise<string[]> {
  const { stdout } = await run('mdir', ['-/', '-b', '-i', `${image}@@${start}`, '::']);
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.endsWith('/'));
  return lines.map((line) => line.replace(/^::\//, '')).sort();
}

/** The text of a file on a FAT partition. */
export async function readFat(image: string, start: number, file: string): Promise<string> {
  const { stdout } = await run('mtype', ['-i', `${image}@@${start}`, `::${file}`]);
  return stdout;
}

/** Copies a file out of a FAT partition. */
export async function copyFromFat(
  image: string,
  start: number,
  file: string,
  to: string,
): Promise<void> {
  await run('mcopy', ['-n', '-i', `${image}@@${start}`, `::${file}`, to]);
}

/** `length` bytes of a file from `start` on. */
export async function readAt(image: string, start: number, length: number): Promise<Buffer> {
  const file = await open(image);
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, start);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes a text onto a FAT partition, over a file of that name. */
export async function writeFat(
  image: string,
  start: number,
  file: string,
  text: string,
): Promise<void> {
  const child = run('mcopy', ['-n', '-o', '-i', `${image}@@${start}`, '-', `::${file}`]);
  child.child.stdin?.end(text);
  await child;
}
