import type { Command, OptionSpec } from './command.ts';

const EXIT_CODES = `Exit codes: 0 done, 1 failed, 2 the command line is wrong, 69 a program is missing,
73 a file cannot be written, 75 something is in the way (port, other instance), 78 the
configuration has errors, 130 ended by a second Ctrl-C.`;

/** `bramble help`: the list of commands. */
export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, positionals, summary }): [string, string] => [
    [name, ...positionals].join(' '),
    summary,
  ]);
  return [
    'bramble: an MQTT cluster of Raspberry Pis',
    '',
    'Usage: bramble COMMAND [OPTIONS]',
    '',
    ...columns(rows),
    '',
    'bramble COMMAND --help tells more, with examples.',
    '',
    EXIT_CODES,
    '',
  ].join('\n');
}

/** `bramble COMMAND --help`. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.options).map(([name, spec]): [string, string] => [
    optionLabel(name, spec),
    spec.text,
  ]);
  const usage = ['bramble', command.name, ...command.positionals, '[OPTIONS]'].join(' ');
  const examples = command.examples.flatMap(({ line, text }) => [`  # ${text}`, `  ${line}`]);
  return [
    `${usage}`,
    '',
    `${command.summary}.`,
    '',
    'Options:',
    ...columns([...options, ['--help', 'this text']]),
    ...(command.details === undefined ? [] : ['', command.details]),
    '',
    'Examples:',
    ...examples,
    '',
  ].join('\n');
}

function optionLabel(name: string, spec: OptionSpec): string {
  return spec.type === 'flag' ? `--${name}` : `--${name} ${spec.value}`;
}

function columns(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
