import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '#core/errors.ts';
import type { Source } from './parser.ts';
import type { Problems } from './problem.ts';

const REASONS: Record<string, string> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
};

/**
 * The texts that `-f` names: a file, or a directory's `*.cfg` files in the order of their names
 * (hidden ones left out). HAProxy 2.6 management guide, section 3.
 */
export function readSources(paths: readonly string[], problems: Problems): Source[] {
  return paths.flatMap((path) => {
    try {
      const files = statSync(path).isDirectory() ? configFiles(path) : [path];
      return files.map((file) => ({ name: file, text: readFileSync(file, 'utf8') }));
    } catch (error) {
      const code = systemCode(error) ?? '';
      const reason = REASONS[code] ?? code;
      const message = `Cannot open configuration file/directory ${path} : ${reason}`;
      problems.alert(undefined, message);
      return [];
    }
  });
}

function configFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.cfg') && !name.startsWith('.'))
    .map((name) => join(directory, name))
    .filter((file) => statSync(file).isFile())
    .sort((a, b) => (a < b ? -1 : 1));
}
