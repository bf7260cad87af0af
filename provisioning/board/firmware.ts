import { execFileSync } from 'node:child_process';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { readText } from './files.ts';

/** Where the FAT partition is mounted; read-only but for moments. */
export const FIRMWARE = '/boot/firmware';

/**
 * Runs `act` while the FAT partition may be written, and has everything on the card before it is
 * read-only again. A directory that is no mount is written as it is. Throws STORAGE.
 */
export async function whileWritable<T>(firmware: string, act: () => T | Promise<T>): Promise<T> {
  if (!isMounted(firmware)) return act();
  remount(firmware, 'rw');
  try {
    return await act();
  } finally {
    execFileSync('sync', ['-f', firmware]);
    remount(firmware, 'ro');
  }
}

/** Whether a file system of its own is there. */
export function isMounted(directory: string, table = '/proc/self/mounts'): boolean {
  const mounts = readText(table) ?? '';
  return mounts.split('\n').some((line) => line.split(' ')[1] === directory);
}

function remount(directory: string, how: 'ro' | 'rw'): void {
  try {
    execFileSync('mount', ['-o', `remount,${how}`, directory], { stdio: 'pipe' });
  } catch (cause) {
    const message = `${directory} cannot be made ${how === 'rw' ? 'writable' : 'read-only'}`;
    throw new BrambleError(ERROR_CODES.STORAGE, `${message}: ${describeError(cause)}`, {
      cause,
      hint: 'a card that has become read-only is worn out: replace it',
    });
  }
}
