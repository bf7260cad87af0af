import { readdir, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';

/** Less free space than this on the data partition is a full disk, bytes. */
const FULL = 32 << 20;
const HWMON = '/sys/class/hwmon';
/** The Pi's firmware tells the kernel of undervoltage under this name (raspberrypi-hwmon). */
const VOLTAGE = 'rpi_volt';

/**
 * Why nothing should be restarted by itself: a fault that a restart makes worse, or hides. Empty
 * when there is none. `data` is where the services keep what must not be lost.
 */
export async function neverBecause(data: string, mounts = '/proc/mounts'): Promise<string> {
  const [mount] = mountsAbove(data, await readFile(mounts, 'utf8'));
  if (mount?.readOnly === true) {
    return `${mount.at} is mounted read-only: the card may be worn out; back it up and replace it`;
  }
  const { bavail, bsize } = await statfs(data).catch(() => ({ bavail: Infinity, bsize: 1 }));
  if (bavail * bsize < FULL) return `the disk under ${data} is full: make room on it`;
  if (await undervoltage()) return 'undervoltage: the power supply or its cable is too weak';
  return '';
}

interface Mount {
  at: string;
  readOnly: boolean;
}

/** The mounts that `file` lies on, the innermost first (proc_mounts(5)). */
export function mountsAbove(file: string, table: string): Mount[] {
  const above: Mount[] = [];
  for (const line of table.split('\n')) {
    const [, where = '', , options = ''] = line.split(' ');
    const at = where.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    if (at === '' || !isBelow(file, at)) continue;
    above.push({ at, readOnly: options.split(',').includes('ro') });
  }
  // A later line covers an earlier one at the same place.
  return above.reverse().sort((a, b) => b.at.length - a.at.length);
}

function isBelow(file: string, directory: string): boolean {
  const relative = path.relative(directory, file);
  return !relative.startsWith('..') && !path.isAbsolute(relative);
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
