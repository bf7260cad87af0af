import type { ConverterTable } from '../converter.ts';
import { ExpressionError } from '../fetch.ts';
import { parseKeep } from '../set-variable.ts';
import { parseVariable } from '../variables.ts';

const nameOf = (text: string) => {
  const name = parseVariable(text);
  if ('error' in name) throw new ExpressionError(name.error);
  return name;
};

/** Variables on the way: HAProxy 2.6 manual, section 7.3.1. */
export const VARIABLE_CONVERTERS: ConverterTable = {
  'set-var': {
    in: 'any',
    out: 'any',
    usage: '<var>[,<cond>]*',
    args: [1, 5],
    summary: 'keeps the value in a variable',
    make: (words) => {
      const keep = parseKeep(words);
      return (sample, scope) => (keep(scope, sample) ? sample : undefined);
    },
  },
  'unset-var': {
    in: 'any',
    out: 'any',
    usage: '<var>',
    args: [1, 1],
    summary: 'forgets a variable',
    make: ([text = '']) => {
      const name = nameOf(text);
      return (sample, scope) => {
        scope.setVariable(name, undefined);
        return sample;
      };
    },
  },
};
