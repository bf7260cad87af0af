import { readFile } from 'node:fs/promises';
import si from 'systeminformation';
import type { Vitals } from '#core/contracts/vitals.ts';

/** The root and a data partition or two, not each snap and bind mount. */
const MAX_DISKS = 4;

/** Mount points that are read-only now, from the text of /proc/mounts (proc(5), fstab(5)). */
export function readOnlyMounts(mounts: string): Set<string> {
  const readOnly = new Set<string>();
  for (const line of mounts.split('\n')) {
    const [, point, , options] = line.split(' ');
    if (point === undefined || options === undefined) continue;
    const path = point.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    // A later mount on the same point covers the earlier one.
    if (options.split(',').includes('ro')) readOnly.add(path);
    else readOnly.delete(path);
  }
  return readOnly;
}

/**
 * The machine's real file systems, root first. Starts a `df`, so ask rarely. Whether one is
 * read-only is read from /proc/mounts: systeminformation's own answer takes a read-only bind mount
 * for the whole disk.
 */
export async function readDisks(): Promise<Vitals['disks']> {
  const [sizes, mounts] = await Promise.all([si.fsSize(), readFile('/proc/mounts', 'utf8')]);
  const readOnly = readOnlyMounts(mounts);
  const seen = new Set<string>();
  return sizes
    .filter((disk) => disk.size > 0 && (disk.mount === '/' || disk.fs.startsWith('/dev/')))
    .sort((a, b) => a.mount.length - b.mount.length)
    .filter((disk) => !seen.has(disk.fs) && seen.add(disk.fs))
    .slice(0, MAX_DISKS)
    .map(({ mount, fs, size, used }) => ({
      mount,
      device: fs,
      size,
      used,
      readOnly: readOnly.has(mount),
    }));
}
