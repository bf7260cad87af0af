import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'bramble-power-';
/**
 * EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH (linux/ext4.h): from now on nothing reaches
 * the disk, what the kernel holds included.
 */
const SHUTDOWN = `
  for (@ARGV) {
    open(my $disk, '<', $_) or die "$_: $!";
    my $flags = pack('L', 2);
    ioctl($disk, 0x8004587d, $flags) or die "$_: $!";
  }`;

/**
 * How the file system writes by itself: when the kernel sees fit, everything once a second, or each
 * write before it returns.
 */
export type Flush = 'kernel' | 'second' | 'always';

const MOUNT_OPTIONS: Record<Flush, string> = {
  kernel: 'loop',
  // ext4(5): all data goes through the journal, which is committed each second.
  second: 'loop,commit=1,data=journal',
  always: 'loop,sync,dirsync',
};

/** A disk of which a power cut leaves only what the kernel had written out. Needs root. */
export interface PowerDisk {
  /** A directory on it. */
  readonly directory: string;
  readonly mount: string;
  /** Brings it back after a cut, as a boot does. Whatever used it must have ended. */
  restore(): void;
  remove(): void;
}

export function canCutPower(): boolean {
  try {
    const disk = createPowerDisk(16 << 20, 'second');
    try {
      cutPower([disk]);
    } finally {
      disk.remove();
    }
    return true;
  } catch {
    return false;
  }
}

/** Takes the power from all of them at one instant. */
export function cutPower(disks: readonly PowerDisk[]): void {
  run('perl', '-e', SHUTDOWN, ...disks.map(({ mount }) => mount));
}

/** Creates and mounts a disk of `bytes`. Throws where that is not permitted. */
export function createPowerDisk(bytes: number, flush: Flush): PowerDisk {
  reap();
  const base = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const mount = join(base, 'disk');
  const image = join(base, 'image');
  const attach = (): void => run('mount', '-o', MOUNT_OPTIONS[flush], image, mount);
  try {
    mkdirSync(mount);
    const file = openSync(image, 'w');
    ftruncateSync(file, bytes);
    closeSync(file);
    run('mkfs.ext4', '-q', '-F', image);
    attach();
  } catch (error) {
    rmSync(base, { recursive: true, force: true });
    throw error;
  }
  return {
    directory: join(mount, 'store'),
    mount,
    restore() {
      run('umount', mount);
      attach();
    },
    remove() {
      run('umount', mount);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** Takes away what a test that crashed has left; its processes have died with it. */
function reap(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = /^bramble-power-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const base = join(tmpdir(), name);
    try {
      run('umount', join(base, 'disk'));
    } catch {
      // Not mounted any more.
    }
    rmSync(base, { recursive: true, force: true });
  }
}

function run(program: string, ...parameters: string[]): void {
  execFileSync(program, parameters, { stdio: 'pipe' });
}
