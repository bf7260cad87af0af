import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { OptionSpec } from './command.ts';

/** Options that all commands for a running cluster have. */
export const ADMIN_OPTIONS = {
  data: { type: 'string', value: 'DIR', text: "the cluster's folder (.bramble)" },
  json: { type: 'flag', text: 'JSON instead of a table' },
} as const satisfies Record<string, OptionSpec>;

export const LIMIT_OPTION = {
  limit: { type: 'number', value: 'N', min: 1, max: 100_000, text: 'rows at most (1000)' },
} as const satisfies Record<string, OptionSpec>;

export const LIMIT = 1_000;

export function print(text: string): void {
  process.stdout.write(text);
}

export function printJson(value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

/** Throws USAGE. */
export function usage(message: string, hint: string): never {
  throw new BrambleError(ERROR_CODES.USAGE, message, { hint });
}
