import { readdir, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';
import { hasLostWrites, MOUNTINFO, type Mount, mountOf, parseMounts } from '#core/mounts.ts';

/** Less free space than this on the data partition is a full disk, bytes. */
const FULL = 32 << 20;
const HWMON = '/sys/class/hwmon';
/** The Pi's firmware tells the kernel of undervoltage under this name (raspberrypi-hwmon). */
const VOLTAGE = 'rpi_volt';

/**
 * Why nothing should be restarted by itself: a fault that a restart makes worse, or hides. Empty
 * when there is none. `data` is where the services keep what must not be lost.
 */
export async function neverBecause(data: string, mounts = MOUNTINFO): Promise<string> {
  const mount = readOnlyUnder(data, parseMounts(await readFile(mounts, 'utf8')));
  if (mount !== undefined) {
    return `${mount.at} is read-only: the card may be worn out; back it up and replace it`;
  }
  const { bavail, bsize } = await statfs(data).catch(() => ({ bavail: Infinity, bsize: 1 }));
  if (bavail * bsize < FULL) return `the disk under ${data} is full: make room on it`;
  if (await undervoltage()) return 'undervoltage: the power supply or its cable is too weak';
  return '';
}

/**
 * What keeps `data` from being written: the file system that it lies on or, where that is a layer
 * above another one (the image's /var), any that is there for data.
 */
function readOnlyUnder(data: string, mounts: ReadonlyMap<string, Mount>): Mount | undefined {
  const own = mountOf(data, mounts);
  if (own?.readOnly === true) return own;
  return own?.type === 'overlay' ? [...mounts.values()].find(hasLostWrites) : undefined;
}

async function undervoltage(): Promise<boolean> {
  const sensors = await readdir(HWMON).catch(() => []);
  for (const sensor of sensors) {
    const read = (name: string) => readFile(path.join(HWMON, sensor, name), 'utf8').catch(() => '');
    if ((await read('name')).trim() !== VOLTAGE) continue;
    return (await read('in0_lcrit_alarm')).trim() === '1';
  }
  return false;
}
