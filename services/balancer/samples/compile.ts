import { suggestion } from '../config/keyword.ts';
import { cast, isCastable } from './cast.ts';
import type { Convert } from './converter.ts';
import { type CompileEnvironment, ExpressionError, type Fetch, type Source } from './fetch.ts';
import { FOREIGN_CONVERTERS, FOREIGN_FETCHES } from './foreign.ts';
import { parseChain } from './parse.ts';
import type { Sample, SampleType } from './sample.ts';
import type { Scope } from './scope.ts';
import { CONVERTERS, FETCHES } from './tables.ts';

/** A sample expression, `fetch(args),converter(args)…`, ready to run. */
export interface Expression {
  readonly text: string;
  readonly out: SampleType;
  /** What it reads; tells where it can be used. */
  readonly source: Source;
  /** The fetch's name, without arguments. */
  readonly keyword: string;
  readonly converted: boolean;
  /** The value, or undefined where there is none. Never throws. */
  evaluate(scope: Scope): Sample | undefined;
  /** Every value, where the fetch has several (`hdr` in a condition). */
  values(scope: Scope): readonly Sample[];
}

export { ExpressionError } from './fetch.ts';

/** Compiles an expression once, for many evaluations. Throws ExpressionError. */
export function compileExpression(text: string, environment: CompileEnvironment): Expression {
  const [first, ...rest] = parseChain(text);
  if (!first) throw new ExpressionError('missing fetch method');
  const fetch = Object.hasOwn(FETCHES, first.name) ? FETCHES[first.name]! : undefined;
  if (!fetch) {
    if (FOREIGN_FETCHES.has(first.name)) throw unsupported('fetch method', first.name);
    throw new ExpressionError(
      `unknown fetch method '${first.name}'${suggestion(first.name, Object.keys(FETCHES))}`,
    );
  }
  checkCount('fetch', first.name, first.args, fetch.args);
  const read = guarded(`fetch '${first.name}'`, () => fetch.make(first.args, environment));
  const all = fetch.all?.(first.args, environment);
  const { steps, out } = compileSteps(rest, fetch, environment);
  const evaluate = steps.length === 0 ? read : (scope: Scope) => run(read(scope), steps, scope);
  const values = (scope: Scope): readonly Sample[] => {
    if (!all) {
      const value = evaluate(scope);
      return value ? [value] : [];
    }
    if (steps.length === 0) return all(scope);
    return all(scope).flatMap((value) => run(value, steps, scope) ?? []);
  };
  const { source } = fetch;
  const converted = steps.length > 0;
  return { text, out, source, keyword: first.name, converted, evaluate, values };
}

const unsupported = (what: string, name: string): ExpressionError =>
  new ExpressionError(`unsupported ${what} '${name}': HAProxy has it, this balancer does not`);

interface Step {
  readonly in: SampleType;
  readonly convert: Convert;
}

function compileSteps(
  chain: readonly { name: string; args: string[] }[],
  fetch: Fetch,
  environment: CompileEnvironment,
): { steps: Step[]; out: SampleType } {
  let { out } = fetch;
  const steps: Step[] = [];
  for (const { name, args } of chain) {
    const row = Object.hasOwn(CONVERTERS, name) ? CONVERTERS[name]! : undefined;
    if (!row) {
      if (FOREIGN_CONVERTERS.has(name)) throw unsupported('converter', name);
      throw new ExpressionError(
        `unknown converter '${name}'${suggestion(name, Object.keys(CONVERTERS))}`,
      );
    }
    if (!isCastable(out, row.in)) {
      throw new ExpressionError(`converter '${name}' cannot be applied`);
    }
    checkCount('converter', name, args, row.args);
    const convert = guarded(`converter '${name}'`, () => row.make(args, environment));
    steps.push({ in: row.in, convert });
    if (row.out !== 'any' || row.in !== 'any') out = row.out;
  }
  return { steps, out };
}

function run(first: Sample | undefined, steps: readonly Step[], scope: Scope): Sample | undefined {
  let sample = first;
  for (const step of steps) {
    sample = sample && cast(sample, step.in);
    if (!sample) return undefined;
    sample = step.convert(sample, scope);
  }
  return sample;
}

function checkCount(
  kind: string,
  name: string,
  args: readonly string[],
  [min, max]: readonly [number, number],
): void {
  const given = args.length === 1 && args[0] === '' && min === 0 ? 0 : args.length;
  if (given < min) {
    const expected = min === max ? `${min}` : `${min} to ${max}`;
    throw new ExpressionError(
      `missing arguments in ${kind} '${name}' (got ${given}, expected ${expected})`,
    );
  }
  if (given > max) {
    throw new ExpressionError(`too many arguments in ${kind} '${name}' (expected at most ${max})`);
  }
}

function guarded<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ExpressionError(`invalid args in ${where} : ${error.message}`);
  }
}
