import { compileLogFormat } from '../log/log-format.ts';
import { compileExpression } from '../samples/compile.ts';
import { type CompileEnvironment, ExpressionError } from '../samples/fetch.ts';
import { str } from '../samples/sample.ts';
import type { Scope } from '../samples/scope.ts';
import { PROCESS_VARIABLES } from '../samples/variables.ts';

/** There is no traffic that an expression could look at, just what the process keeps. */
const NOBODY = {
  variable: ({ scope, name }) => (scope === 'proc' ? PROCESS_VARIABLES.get(name) : undefined),
} as Pick<Scope, 'variable'> as Scope;

/**
 * Sets a variable of the process to what an expression yields; one that yields nothing leaves it
 * (HAProxy 2.6 manual, section 3.1 "set-var"). Throws ExpressionError.
 */
export function setByExpression(name: string, text: string, environment: CompileEnvironment): void {
  const expression = compileExpression(text, environment);
  if (expression.source !== 'internal') {
    throw new ExpressionError(
      'the fetch method extracts information, none of which is available here',
    );
  }
  const value = expression.evaluate(NOBODY);
  if (value) PROCESS_VARIABLES.set(name, value);
}

/** The same with a text and expressions in it (`set-var-fmt`). Throws ExpressionError. */
export function setByFormat(name: string, text: string, environment: CompileEnvironment): void {
  const format = compileLogFormat(text, { place: 'request', environment, inRule: true });
  PROCESS_VARIABLES.set(name, str(format.format(NOBODY, undefined)));
}
