import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FILLER = 1 << 16;

/** A file system of its own with little room. Needs root. */
export interface SmallDisk {
  /** An empty directory on it. */
  readonly directory: string;
  /** Takes all the room that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  /** Unmounts it; whatever uses it must have ended. */
  remove(): void;
}

export function canMount(): boolean {
  try {
    mountSmallDisk(1 << 20).remove();
    return true;
  } catch {
    return false;
  }
}

/** Mounts a tmpfs of `bytes`. Throws where that is not permitted. */
export function mountSmallDisk(bytes: number): SmallDisk {
  const mount = mkdtempSync(join(tmpdir(), 'bramble-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'bramble-test', mount], {
      stdio: 'pipe',
    });
  } catch (error) {
    rmdirSync(mount);
    throw error;
  }
  const filler = join(mount, 'filler');
  return {
    directory: join(mount, 'store'),
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (let size = FILLER; size > 0; size >>= 1) {
          while (wrote(file, size)) {
            // On to the last byte.
          }
        }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      execFileSync('umount', [mount], { stdio: 'pipe' });
      rmdirSync(mount);
    },
  };
}

function wrote(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
