import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { BrambleError, describeError, ERROR_CODES, systemCode } from '#core/errors.ts';

/** Undefined where there is none. Throws STORAGE for one that cannot be read. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw failed(file, error);
  }
}

/**
 * The text is there whole or not at all, even if the power goes. A file that is there keeps its
 * owner; a new one has its directory's group. Throws STORAGE.
 */
export function writeText(file: string, text: string, mode = 0o640): void {
  const next = `${file}.new`;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(next, text, { mode, flush: true });
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw failed(file, error);
  }
}

/** Points a symbolic link elsewhere, in one step. Throws STORAGE. */
export function pointTo(link: string, target: string): void {
  const next = `${link}.new`;
  try {
    mkdirSync(path.dirname(link), { recursive: true });
    rmSync(next, { force: true });
    symlinkSync(target, next);
    renameSync(next, link);
  } catch (error) {
    throw failed(link, error);
  }
}

/** The last part of what a link points to; undefined: there is no link. */
export function pointedTo(link: string): string | undefined {
  try {
    return path.basename(readlinkSync(link));
  } catch {
    return undefined;
  }
}

/** Names of what is in a directory, sorted; none where there is no directory. */
export function listed(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

export function isDirectory(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function failed(file: string, cause: unknown): BrambleError {
  return new BrambleError(ERROR_CODES.STORAGE, `${file}: ${describeError(cause)}`, { cause });
}
