import { nearest } from '#core/config/nearest.ts';
import type { HostNames } from './host-names.ts';
import type { Environment, Statement } from './lexer.ts';
import type { Problems } from './problem.ts';
import type { SharedDefinitions } from './rule-context.ts';

/** What every handler may use besides the statement itself. */
export interface Context {
  readonly problems: Problems;
  /** What `$NAME` stands for; the global section may change it for the lines below. */
  readonly environment: Map<string, string> & Environment;
  /** Names to look up once the files are read. */
  readonly hostNames: HostNames;
  /** What sections define for rules. */
  readonly shared: SharedDefinitions;
}

/** One row of a keyword table: the reference of supported keywords is made from these. */
export interface KeywordInfo {
  /** What follows the name, in the manual's notation. */
  usage: string;
  /** One line on what it does. */
  summary: string;
}

export interface Keyword<Target> extends KeywordInfo {
  parse(target: Target, statement: Statement, context: Context): void;
}

export type KeywordTable<K extends KeywordInfo> = Readonly<Record<string, K>>;

/** The row named `name`; names that only an object's prototype has are no keywords. */
export function lookUp<K extends KeywordInfo>(table: KeywordTable<K>, name: string): K | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** `; did you mean 'x' maybe ?`, or nothing when no candidate is close. */
export function suggestion(typed: string, candidates: Iterable<string>): string {
  const guess = nearest(typed, candidates);
  return guess === undefined ? '' : `; did you mean '${guess}' maybe ?`;
}

/** Reports words beyond the keyword's `count` arguments. Returns true when there are none. */
export function onlyArguments(
  statement: Statement,
  count: number,
  context: Context,
  keywordWords = 1,
): boolean {
  const extra = statement.tokens[count + keywordWords];
  if (extra === undefined) return true;
  const keyword = statement.tokens
    .slice(0, keywordWords)
    .map((token) => token.text)
    .join(' ');
  context.problems.alert(
    statement.at(count + keywordWords),
    `'${keyword}' cannot handle unexpected argument '${extra.text}'.`,
  );
  return false;
}

const INTEGER = /^-?\d{1,15}$/;

/** The whole number at `index` within [min, max], or undefined after reporting why not. */
export function integerArgument(
  statement: Statement,
  index: number,
  { min, max, keyword }: { min: number; max: number; keyword: string },
  context: Context,
): number | undefined {
  const text = statement.word(index);
  if (text === '') {
    context.problems.alert(statement.at(index), `'${keyword}' expects an integer argument.`);
    return undefined;
  }
  const value = parseInteger(text);
  if (value === undefined) {
    const message = `'${keyword}' expects an integer, '${text}' is none.`;
    context.problems.alert(statement.at(index), message);
    return undefined;
  }
  if (value < min || value > max) {
    const message = `'${keyword}' value must be between ${min} and ${max} (was ${text})`;
    context.problems.alert(statement.at(index), message);
    return undefined;
  }
  return value;
}

/** A whole number in decimal, or undefined. */
export function parseInteger(text: string): number | undefined {
  return INTEGER.test(text) ? Number(text) : undefined;
}

/** Largest count that a keyword takes. */
export const MAX_COUNT = 2_147_483_647;
