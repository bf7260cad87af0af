/** What an option takes. A `number` is a whole one within its range, checked before the command runs. */
export type OptionSpec =
  | { type: 'flag'; text: string }
  | { type: 'string'; value: string; text: string }
  | { type: 'number'; value: string; min: number; max: number; text: string };

export type Values = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Invocation {
  values: Values;
  positionals: readonly string[];
}

/** One subcommand: what `--help` says and what runs, in one place. */
export interface Command {
  name: string;
  /** One line in the list of commands. */
  summary: string;
  /** Names of the positional arguments; those in brackets, at the end, may be left out. */
  positionals: readonly string[];
  options: Readonly<Record<string, OptionSpec>>;
  /** Paragraphs after the list of options. */
  details?: string;
  examples: readonly { line: string; text: string }[];
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>;
}
