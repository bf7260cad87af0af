import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Debian keeps daemons where the PATH of a normal user does not look. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of an installed program, or undefined. */
export function findProgram(name: string, searchPath = process.env.PATH ?? ''): string | undefined {
  const dirs = [...searchPath.split(path.delimiter).filter((dir) => dir !== ''), ...SBIN];
  return dirs.map((dir) => path.join(dir, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
