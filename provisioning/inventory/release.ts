import { existsSync } from 'node:fs';
import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { OptionSpec, Values } from '../cli/command.ts';
import { RELEASE_NAME } from '../node/layout.ts';

export const RELEASE_OPTION = {
  release: {
    type: 'string',
    value: 'DIR',
    text: 'a release that make release built; without it each node keeps its own',
  },
} as const satisfies Record<string, OptionSpec>;

/** What the playbooks need to know of `--release`. Throws USAGE for what is none. */
export function releaseVars(values: Values): Record<string, string> {
  const given = values.release as string | undefined;
  if (given === undefined) return {};
  const directory = path.resolve(given);
  const isOne =
    existsSync(path.join(directory, 'RELEASE')) && RELEASE_NAME.test(path.basename(directory));
  if (isOne) return { bramble_release_dir: directory };
  throw new BrambleError(ERROR_CODES.USAGE, `${given} is no release`, {
    hint: 'build one with: make release; it is printed at the end',
  });
}
