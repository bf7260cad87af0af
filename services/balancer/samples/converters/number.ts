import { type Converter, type ConverterTable, onText } from '../converter.ts';
import { ExpressionError } from '../fetch.ts';
import { bool, clamp, int, type Sample } from '../sample.ts';
import type { Scope } from '../scope.ts';
import { parseVariable } from '../variables.ts';

/** An argument that is a number or the name of a variable. */
function operand(text: string): (scope: Scope) => bigint | undefined {
  if (/^[+-]?\d{1,19}$/.test(text)) {
    const value = BigInt.asIntN(64, BigInt(text.replace('+', '')));
    return () => value;
  }
  const name = parseVariable(text);
  if ('error' in name) {
    throw new ExpressionError(`expects an integer or a variable name, got '${text}'`);
  }
  return (scope) => {
    const value = scope.variable(name)?.value;
    if (typeof value === 'bigint') return value;
    return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined;
  };
}

const binary = (
  summary: string,
  apply: (left: bigint, right: bigint) => bigint,
  { nonZero = false } = {},
): Converter => ({
  in: 'sint',
  out: 'sint',
  usage: '<value>',
  args: [1, 1],
  summary,
  make: ([text = '']) => {
    const right = operand(text);
    if (nonZero && /^[+-]?0+$/.test(text)) throw new ExpressionError('Division by zero');
    return (sample, scope) => {
      const value = right(scope);
      return value === undefined ? undefined : int(apply(sample.value as bigint, value));
    };
  },
});

const unary = (
  out: Converter['out'],
  summary: string,
  apply: (value: bigint) => Sample,
): Converter => ({
  in: 'sint',
  out,
  usage: '',
  args: [0, 0],
  summary,
  make: () => (sample) => apply(sample.value as bigint),
});

const MAX = 2n ** 63n - 1n;
/** HAProxy divides by zero towards the largest number, and leaves nothing behind. */
const divide = (left: bigint, right: bigint): bigint => (right === 0n ? MAX : clamp(left / right));
const remainder = (left: bigint, right: bigint): bigint => (right === 0n ? 0n : left % right);

/** Arithmetic of 64 bits that stops at its limits: HAProxy 2.6 manual, section 7.3.1. */
export const NUMBER_CONVERTERS: ConverterTable = {
  add: binary('adds', (left, right) => clamp(left + right)),
  sub: binary('subtracts', (left, right) => clamp(left - right)),
  mul: binary('multiplies', (left, right) => clamp(left * right)),
  div: binary('divides', divide, { nonZero: true }),
  mod: binary('remainder of a division', remainder, { nonZero: true }),
  and: binary('bitwise and', (left, right) => left & right),
  or: binary('bitwise or', (left, right) => left | right),
  xor: binary('bitwise exclusive or', (left, right) => left ^ right),
  neg: unary('sint', 'the opposite', (value) => int(BigInt.asIntN(64, -value))),
  cpl: unary('sint', 'the complement', (value) => int(~value)),
  bool: unary('bool', 'whether it is not zero', (value) => bool(value !== 0n)),
  not: unary('bool', 'whether it is zero', (value) => bool(value === 0n)),
  even: unary('bool', 'whether it is even', (value) => bool((value & 1n) === 0n)),
  odd: unary('bool', 'whether it is odd', (value) => bool((value & 1n) === 1n)),
  hex2i: onText('sint', 'a number in hexadecimal', (text) => {
    const found = /^(-?)(?:0x)?([0-9a-f]{1,16})$/i.exec(text);
    return found
      ? int(BigInt.asIntN(64, BigInt(`0x${found[2]}`)) * (found[1] ? -1n : 1n))
      : undefined;
  }),
};
