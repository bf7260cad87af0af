import path from 'node:path';

/** Where a process sees its own mounts, proc_pid_mountinfo(5). */
export const MOUNTINFO = '/proc/self/mountinfo';

export interface Mount {
  /** The mount point. */
  at: string;
  type: string;
  /**
   * The file system itself takes no writes. One that is read-only to this process alone (systemd's
   * `ProtectSystem=`, a bind mount) is not.
   */
  readOnly: boolean;
}

/** Those that are there to be written to. Others are read-only by their nature, or memory. */
const KEEPS_DATA = /^(ext[234]|f2fs|btrfs|xfs)$/;
/** ext4 since Linux 6.15 says the second after an error that made it so. */
const READ_ONLY = ['ro', 'emergency_ro'];
/** Between the fields of the mount and those of its file system. */
const SEPARATOR = '-';

/** The mounts of proc_pid_mountinfo(5), by mount point; a later one covers an earlier one. */
export function parseMounts(text: string): Map<string, Mount> {
  const mounts = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    // Optional fields come before it.
    const middle = fields.indexOf(SEPARATOR, 6);
    const [where, type] = [fields[4], fields[middle + 1]];
    if (middle === -1 || where === undefined || type === undefined) continue;
    const at = where.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const options = fields[middle + 3]?.split(',') ?? [];
    mounts.set(at, { at, type, readOnly: READ_ONLY.some((one) => options.includes(one)) });
  }
  return mounts;
}

/** The mount that `file` lies on: the innermost above it. */
export function mountOf(file: string, mounts: ReadonlyMap<string, Mount>): Mount | undefined {
  for (let place = path.resolve(file); ; place = path.dirname(place)) {
    const mount = mounts.get(place);
    if (mount !== undefined || place === path.dirname(place)) return mount;
  }
}

/**
 * Whether a file system is there to be written to and takes no writes: the kernel made it read-only
 * after an error, or somebody mounted it so. A root that an image has made read-only is of another
 * kind (squashfs, erofs).
 */
export function hasLostWrites({ type, readOnly }: Mount): boolean {
  return readOnly && KEEPS_DATA.test(type);
}
