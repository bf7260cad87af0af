import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FILLER = 1 << 16;
const PREFIX = 'bramble-disk-';

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
  reap();
  const mount = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
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

/** Takes away what a test that crashed has left; its processes have died with it. */
function reap(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = /^bramble-disk-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      execFileSync('umount', [join(tmpdir(), name)], { stdio: 'pipe' });
      rmdirSync(join(tmpdir(), name));
    } catch {
      // Another user's, or in use.
    }
  }
}

function wrote(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
