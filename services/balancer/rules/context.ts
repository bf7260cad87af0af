import type { Cache } from '../cache/cache.ts';
import { compileLogFormat, type LogFormatter } from '../log/log-format.ts';
import type { ResolversConfig } from '../resolvers/config.ts';
import { compileExpression, type Expression } from '../samples/compile.ts';
import { type CompileEnvironment, ExpressionError } from '../samples/fetch.ts';
import { type AclTable, type Condition, compileCondition } from './condition.ts';
import type { RuleScope, TextOf } from './model.ts';
import { isKnownAt, type Place, unavailable } from './place.ts';
import type { Words } from './words.ts';

/** Slots for `capture`, handed out while a proxy is read. */
export interface CaptureSlots {
  /** A new slot on the request's side. */
  declare(length: number): number;
  /** Told of a slot that must exist once the proxy is read. */
  require(side: 'request' | 'response', slot: number): void;
}

/** What compiling one rule needs of the proxy that it stands in. */
export interface RuleContext {
  readonly acls: AclTable;
  readonly environment: CompileEnvironment;
  readonly place: Place;
  /** `frontend http-request header rule`. */
  readonly where: string;
  readonly slots: CaptureSlots;
  /** Path of a named error file, by section and status. */
  errorPages(section: string): ReadonlyMap<number, string> | undefined;
  /** The cache of that name, whose section may come later. */
  cache(name: string): Cache;
  /** The `resolvers` section of that name, once all sections are read; `user` is who wants it. */
  resolvers(name: string, user: string): () => ResolversConfig;
  warn(message: string): void;
}

export function formatterOf(text: string, { place, environment }: RuleContext): LogFormatter {
  return compileLogFormat(text, { place, environment, inRule: true });
}

/** A format as a function to text. */
export function textOf(text: string, context: RuleContext): TextOf {
  const formatter = formatterOf(text, context);
  if (!formatter.needsRecord) return (scope) => formatter.format(scope, undefined);
  return (scope: RuleScope) => formatter.format(scope, () => scope.record());
}

export function expressionOf(text: string, { environment, place }: RuleContext): Expression {
  const expression = compileExpression(text, environment);
  if (!isKnownAt(expression.source, place)) {
    throw new ExpressionError(unavailable(text, expression.source));
  }
  return expression;
}

/** What follows the action: `if` or `unless` with its condition, or nothing. */
export function conditionOf(
  words: Words,
  context: RuleContext,
  what: string,
): Condition | undefined {
  if (words.done) return undefined;
  const polarity = words.take();
  if (polarity !== 'if' && polarity !== 'unless') {
    throw new ExpressionError(
      `'${what}' expects either 'if' or 'unless' followed by a condition but found '${polarity}'`,
    );
  }
  return compileCondition(words.rest(), polarity, context);
}
