import type { PatternRegistry } from './pattern-registry.ts';
import type { Sample, SampleType } from './sample.ts';
import type { Scope } from './scope.ts';

/** What a fetch reads, hence where it can be used (manual, section 7.3.2 to 7.3.6). */
export type Source =
  | 'internal'
  | 'connection'
  | 'request'
  | 'message'
  | 'body'
  | 'payload'
  | 'answer'
  | 'response'
  | 'server'
  | 'backend'
  | 'capture';

export type Evaluate = (scope: Scope) => Sample | undefined;

/** What is only known while a configuration is read. */
export interface CompileEnvironment {
  /** The process' environment, with what the configuration has changed. */
  variable(name: string): string | undefined;
  /** Users by list, for `http_auth`. */
  userlist?(name: string): UserListLike | undefined;
  /** Lines of a file, for maps. Throws when it cannot be read. */
  readLines?(path: string): string[];
  /** Where lists of patterns are kept for runtime commands, and the line that is being read. */
  readonly patterns?: PatternRegistry;
  readonly position?: { readonly file: string; readonly line: number };
  /** Told of each stick-table; returns its full name, that of the proxy where none is given. */
  tableNamed?(name: string): string;
  /** Told of each proxy that an expression names, to be checked once all are known. */
  proxyNamed?(kind: 'frontend' | 'backend' | 'server', name: string): void;
}

export interface UserListLike {
  /** The user's groups, or undefined when the password is wrong. */
  authenticate(user: string, password: string): readonly string[] | undefined;
}

export interface Fetch {
  readonly out: SampleType;
  readonly source: Source;
  /** In the manual's notation, '' without arguments. */
  readonly usage: string;
  /** Least and most arguments. */
  readonly args: readonly [min: number, max: number];
  readonly summary: string;
  /** Throws ExpressionError when the arguments make no sense. */
  make(args: readonly string[], environment: CompileEnvironment): Evaluate;
  /** Every occurrence, for conditions; without it there is just the one. */
  all?(
    args: readonly string[],
    environment: CompileEnvironment,
  ): (scope: Scope) => readonly Sample[];
}

export type FetchTable = Readonly<Record<string, Fetch>>;

/** What is wrong with an expression, in words for the person who wrote it. */
export class ExpressionError extends Error {}

/** A row without arguments. */
export const plain = (
  out: SampleType,
  source: Source,
  summary: string,
  evaluate: Evaluate,
): Fetch => ({ out, source, usage: '', args: [0, 0], summary, make: () => evaluate });

export function integerOf(text: string, what: string, min = -(2 ** 53), max = 2 ** 53): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || value < min || value > max) {
    throw new ExpressionError(`invalid ${what} '${text}'`);
  }
  return value;
}
