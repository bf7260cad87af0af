import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';

/** Writes our process id; throws when that cannot be. */
export function writePidfile(path: string): void {
  try {
    rmSync(path, { force: true });
    writeFileSync(path, `${process.pid}\n`, { mode: 0o644 });
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.STORAGE, `Cannot create pidfile ${path}`, { cause });
  }
}

/** Takes the file away, unless a successor has made it its own. */
export function removePidfile(path: string): void {
  try {
    if (readFileSync(path, 'utf8') === `${process.pid}\n`) unlinkSync(path);
  } catch {
    // Gone already, or out of reach: nothing depends on it.
  }
}
