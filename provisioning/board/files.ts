import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

/** The text of a file, or undefined where there is none that can be read. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** A file is there with all of its text or not at all, even if the power goes now. */
export function put(file: string, text: string, mode = 0o644): void {
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true });
  const next = `${file}.new`;
  withFile(next, 'w', mode, (fd) => writeSync(fd, text));
  renameSync(next, file);
  flushDirectory(directory);
}

/** As put, and only where the text is another one. Whether it was. */
export function putChanged(file: string, text: string, mode = 0o644): boolean {
  if (readText(file) === text) return false;
  put(file, text, mode);
  return true;
}

/**
 * Writes bytes over those that are there. What changes lies in one sector as long as it is one
 * byte, and a card writes a sector at once: it is the old byte or the new one.
 */
export function overwrite(file: string, bytes: Buffer, offset: number): void {
  withFile(file, 'r+', 0o644, (fd) => writeSync(fd, bytes, 0, bytes.length, offset));
}

/** As put, and on a full disk into the room of the file that is there, where it may be half written. */
export function replaceText(file: string, text: string): void {
  try {
    put(file, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    rmSync(`${file}.new`, { force: true });
    withFile(file, 'r+', 0o644, (fd) => {
      writeSync(fd, text, 0);
      ftruncateSync(fd, Buffer.byteLength(text));
    });
  }
}

/** Names that were made or moved in a directory are on the disk when this returns. */
export function flushDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function withFile(file: string, flags: string, mode: number, act: (fd: number) => void): void {
  const fd = openSync(file, flags, mode);
  try {
    act(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
