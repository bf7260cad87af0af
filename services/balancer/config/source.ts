import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { describeError } from '#core/errors.ts';
import type { Source } from './parser.ts';
import type { Problems } from './problem.ts';

/** What the system says of a failed call, in its words: `No such file or directory`. */
export function systemReason(error: unknown): string {
  const { errno } = error as { errno?: unknown };
  if (typeof errno !== 'number') return describeError(error);
  const text = getSystemErrorMessage(errno);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

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
      const reason = systemReason(error);
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
