import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { BrambleError, ERROR_CODES, systemCode } from '#core/errors.ts';

const run = promisify(execFile);

export interface Seed {
  /** Host name of the node. */
  node: string;
  /** Text of cluster.yaml. */
  cluster: string;
  /** A public key for the owner's account. */
  sshKey?: string | undefined;
}

const SECTOR = 512;
const TABLE = 446;
const SIGNATURE = 0xaa55;
/** FAT with 32 or 16 bits, by LBA or not, as partition tables name them. */
const FAT_TYPES = new Set([0x06, 0x0b, 0x0c, 0x0e]);

/**
 * Where a card's FAT partition starts, bytes, by its first block (the MBR's table). Throws STORAGE
 * for what is no card of a Pi.
 */
export function fatOffset(firstBlock: Buffer): number {
  if (firstBlock.length >= SECTOR && firstBlock.readUInt16LE(SECTOR - 2) === SIGNATURE) {
    const type = firstBlock[TABLE + 4];
    const sector = firstBlock.readUInt32LE(TABLE + 8);
    if (type !== undefined && FAT_TYPES.has(type) && sector > 0) return sector * SECTOR;
  }
  throw new BrambleError(ERROR_CODES.STORAGE, 'the image has no FAT partition that comes first', {
    hint: 'is it an image of Bramble? build one with: make image',
  });
}

/**
 * Puts cluster.yaml and the node's name on the FAT partition, where the first start takes them
 * from. Rejects with PROGRAM_MISSING, STORAGE.
 */
export async function seedCard(target: string, offset: number, seed: Seed): Promise<void> {
  const work = await mkdtemp(path.join(tmpdir(), 'bramble-seed-'));
  try {
    const files = { 'cluster.yaml': seed.cluster, 'user-data': userData(seed) };
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(work, name);
      await writeFile(file, text, { mode: 0o600 });
      await mcopy(['-o', '-i', `${target}@@${offset}`, file, `::${name}`]);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** As Raspberry Pi Imager writes it, for cloud-init. */
export function userData({ node, sshKey }: Seed): string {
  const key = sshKey?.trim();
  const users = key === undefined ? '' : `ssh_authorized_keys:\n  - ${JSON.stringify(key)}\n`;
  return `#cloud-config\nhostname: ${node}\n${users}`;
}

async function mcopy(args: string[]): Promise<void> {
  try {
    // mtools refuses what it thinks is an odd geometry; a card has none.
    await run('mcopy', args, { env: { ...process.env, MTOOLS_SKIP_CHECK: '1' } });
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') {
      throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, 'mcopy is not installed', {
        hint: 'sudo apt-get install mtools',
      });
    }
    const said = (cause as { stderr?: string }).stderr?.trim() ?? '';
    throw new BrambleError(ERROR_CODES.STORAGE, `the FAT partition cannot be written: ${said}`, {
      cause,
    });
  }
}
