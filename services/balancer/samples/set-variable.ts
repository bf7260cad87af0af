import { ExpressionError } from './fetch.ts';
import type { Sample } from './sample.ts';
import type { Scope } from './scope.ts';
import { parseVariable, type VariableName } from './variables.ts';

type Condition = (old: Sample | undefined, value: Sample, name: VariableName) => boolean;

const isText = ({ type }: Sample): boolean => type === 'str' || type === 'bin';
const isEmpty = (value: Sample): boolean => value.value === '';
/** Both are numbers and can be compared. */
const numbers = (old: Sample | undefined, value: Sample): boolean =>
  old?.type === 'sint' && value.type === 'sint';
/** Those of the process are there from the start, without a value. */
const exists = (old: Sample | undefined, { scope }: VariableName): boolean =>
  old !== undefined || scope === 'proc';

/** When a variable is set after all: HAProxy 2.6 manual, `set-var`. */
const CONDITIONS: Readonly<Record<string, Condition>> = {
  ifexists: (old, _value, name) => exists(old, name),
  ifnotexists: (old, _value, name) => !exists(old, name),
  ifempty: (_old, value) => isText(value) && isEmpty(value),
  ifnotempty: (_old, value) => !isText(value) || !isEmpty(value),
  ifset: (old) => old !== undefined,
  ifnotset: (old) => old === undefined,
  ifgt: (old, value) => !numbers(old, value) || old!.value > value.value,
  iflt: (old, value) => !numbers(old, value) || old!.value < value.value,
};

/** Keeps a value under a name; false where a condition is against it. */
export type Keep = (scope: Scope, value: Sample) => boolean;

/** Reads `<name>[,<condition>]*`. Throws ExpressionError. */
export function parseKeep([text = '', ...words]: readonly string[]): Keep {
  const name = parseVariable(text.trim());
  if ('error' in name) throw new ExpressionError(name.error);
  const conditions = words.map((word) => {
    const known = word.trim();
    if (Object.hasOwn(CONDITIONS, known)) return CONDITIONS[known]!;
    throw new ExpressionError(`unknown condition "${known}"`);
  });
  if (conditions.length === 0) {
    return (scope, value) => {
      scope.setVariable(name, value);
      return true;
    };
  }
  return (scope, value) => {
    const old = scope.variable(name);
    if (!conditions.every((holds) => holds(old, value, name))) return false;
    scope.setVariable(name, value);
    return true;
  };
}
