import { parseArgs } from 'node:util';
import { nearest } from '#core/config/nearest.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Command, Invocation, OptionSpec } from './command.ts';

/** A command line that cannot be understood. `hint` says what to type instead. */
function usage(message: string, hint: string): BrambleError {
  return new BrambleError(ERROR_CODES.USAGE, message, { hint });
}

/** Finds the subcommand. Throws a USAGE error that names the nearest known one. */
export function findCommand(commands: readonly Command[], name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found) return found;
  const names = commands.map((command) => command.name);
  const what = name.startsWith('-') ? 'option' : 'command';
  const guess = nearest(name, names);
  throw usage(
    `unknown ${what} "${name}"`,
    guess === undefined ? `known commands: ${names.join(', ')}` : `did you mean "${guess}"?`,
  );
}

/**
 * Parses what follows the subcommand against its own table. Throws USAGE errors; `--help` is the
 * caller's, before this.
 */
export function parseInvocation(command: Command, args: readonly string[]): Invocation {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(command.options).map(([name, spec]) => [
        name,
        { type: spec.type === 'flag' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });

  const values: Record<string, string | number | boolean> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = command.options[token.name];
    if (!spec) throw unknownOption(command, token.rawName);
    values[token.name] = readValue(spec, token.rawName, token.value);
  }
  checkPositionals(command, positionals);
  return { values, positionals };
}

function unknownOption(command: Command, typed: string): BrambleError {
  const known = [...Object.keys(command.options), 'help'].map((name) => `--${name}`);
  const guess = nearest(typed, known);
  return usage(
    `bramble ${command.name}: unknown option "${typed}"`,
    guess === undefined ? `known options: ${known.join(' ')}` : `did you mean "${guess}"?`,
  );
}

function readValue(spec: OptionSpec, name: string, given: string | undefined) {
  if (spec.type === 'flag') {
    if (given !== undefined) throw usage(`${name} takes no value`, `write ${name} alone`);
    return true;
  }
  if (given === undefined || given === '') {
    throw usage(`${name} needs a value`, `write ${name} ${spec.value}`);
  }
  if (spec.type === 'string') return given;
  const parsed = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (parsed >= spec.min && parsed <= spec.max) return parsed;
  const range = `a whole number from ${spec.min} to ${spec.max}`;
  throw usage(`${name}: "${given}" is not ${range}`, `write e.g. ${name} ${spec.min}`);
}

function isRequired(name: string): boolean {
  return !name.startsWith('[');
}

function checkPositionals(command: Command, given: readonly string[]): void {
  const wanted = command.positionals;
  const line = ['bramble', command.name, ...wanted].join(' ');
  if (given.length > wanted.length) {
    throw usage(`unexpected argument "${given[wanted.length]}"`, `usage: ${line}`);
  }
  if (given.length < wanted.filter(isRequired).length) {
    throw usage(`bramble ${command.name}: ${wanted[given.length]} is missing`, `usage: ${line}`);
  }
}
