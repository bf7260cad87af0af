import { readFile } from 'node:fs/promises';
import si from 'systeminformation';
import type { Vitals } from '#core/contracts/vitals.ts';
import { hasLostWrites, MOUNTINFO, parseMounts } from '#core/mounts.ts';

/** The root and a data partition or two, not each snap and bind mount. */
const MAX_DISKS = 4;

/**
 * The machine's real file systems, root first. Starts a `df`, so ask rarely. Read-only
 * is one that is there to be written to and takes no writes.
 */
export async function readDisks(): Promise<Vitals['disks']> {
  const [sizes, table] = await Promise.all([si.fsSize(), readFile(MOUNTINFO, 'utf8')]);
  const mounts = parseMounts(table);
  const seen = new Set<string>();
  return sizes
    .filter((disk) => disk.size > 0 && (disk.mount === '/' || disk.fs.startsWith('/dev/')))
    .sort((a, b) => a.mount.length - b.mount.length)
    .filter((disk) => !seen.has(disk.fs) && seen.add(disk.fs))
    .slice(0, MAX_DISKS)
    .map(({ mount, fs, size, used }) => {
      const found = mounts.get(mount);
      return {
        mount,
        device: fs,
        size,
        used,
        readOnly: found !== undefined && hasLostWrites(found),
      };
    });
}
