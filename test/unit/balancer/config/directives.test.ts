import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ConditionError,
  evaluateCondition,
} from '../../../../services/balancer/config/directives/condition.ts';
import { alertsOf, problemsOf } from './read.ts';

const VARIABLES = { HOME: '/root', EMPTY: '' };
const known = new Map(Object.entries(VARIABLES));
const holds = (text: string): boolean => evaluateCondition(text, known);

describe('a condition', () => {
  test.each<[string, boolean]>([
    ['', false],
    ['  ', false],
    ['0', false],
    ['1', true],
    ['-1', true],
    ['0x10', true],
    ['!0', true],
    ['! ! 1', true],
    ['defined(HOME)', true],
    ['defined(EMPTY)', true],
    ['defined(NOPE)', false],
    ['defined()', false],
    ['streq(a,a)', true],
    ['streq(a,b)', false],
    ['strneq(a,a b)', true],
    ['streq(a\\,b,a\\,b)', true],
    ['feature(OPENSSL)', true],
    ['feature(LUA)', false],
    ['version_atleast(2.6)', true],
    ['version_atleast(2.6.12)', true],
    ['version_atleast(2.7-dev0)', false],
    ['version_atleast(2.6-dev9)', true],
    ['version_before(2.7)', true],
    ['version_before(2.6.1)', false],
    ['openssl_version_atleast(1.1.1)', true],
    ['openssl_version_before(1.1.1)', false],
    ['ssllib_name_startswith(OpenSSL)', true],
    ['ssllib_name_startswith(wolfSSL)', false],
    ['0 || 1', true],
    ['1 && 0', false],
    ['1 || 1 && 0', true],
    ['(1 || 1) && 0', false],
    ['!(0 && 1)', true],
    ['1&&1||0', true],
  ])('%j is %s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  test('is a value or a ConditionError within its text, whatever it says', () => {
    const words = fc.constantFrom('1', '0', '!', '(', ')', '&&', '||', ' ', 'defined(', 'x', ',');
    let values = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            values += holds(text) ? 1 : 0;
          } catch (error) {
            expect(error).toBeInstanceOf(ConditionError);
            const { at } = error as ConditionError;
            expect(at).toBeGreaterThanOrEqual(0);
            expect(at).toBeLessThanOrEqual(text.length);
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(values).toBeGreaterThan(0);
  });

  test('of ten thousand parentheses exhausts nothing', () => {
    expect(() => holds('('.repeat(10_000))).toThrow(ConditionError);
  });
});

/** Texts of the notices, which tell which lines counted. */
async function noticesOf(text: string): Promise<string[]> {
  const problems = await problemsOf(text, VARIABLES);
  expect(problems.filter(({ severity }) => severity === 'alert')).toEqual([]);
  return problems.map(({ message }) => message);
}

describe('blocks', () => {
  test('count the first branch that holds, and within it blocks again', async () => {
    const text = `
.if defined(NOPE)
  .notice a
.elif defined(HOME)
  .if 0
    .notice b
  .else
    .notice c
  .endif
.elif 1
  .notice d
.else
  .notice e
.endif
.notice f
`;
    expect(await noticesOf(text)).toEqual(["'c'.", "'f'."]);
  });

  test('leave out what they do not count, unread', async () => {
    const text =
      '.if 0\nnonsense "unclosed\n.bogus\n.if nonsense\n.else\n.endif\n.endif\n.notice a\n';
    expect(await noticesOf(text)).toEqual(["'a'."]);
  });

  test('see what the global section set above them', async () => {
    const text = 'global\n setenv X y\n.if streq("$X",y)\n.notice a\n.endif\n';
    expect(await noticesOf(text)).toEqual(["'a'."]);
  });

  test.each<[string, string]>([
    ['.if 1\n', "1:1 non-terminated '.if' block."],
    ['.else\n', "1:1 lone '.else' with no matching '.if'."],
    ['.elif 1\n', "1:1 lone '.elif' with no matching '.if'."],
    ['.endif\n', "1:1 lone '.endif' with no matching '.if'."],
    ['.if 1\n.else\n.else\n.endif\n', "3:1 '.else' after '.else' is not permitted."],
    ['.if 1\n.else\n.elif 1\n.endif\n', "3:1 '.elif' after '.else' is not permitted."],
    ['.if 1\n.else x\n.endif\n', "2:1 Unexpected argument 'x' for '.else'."],
    ['.alert stop\nnonsense\n', "1:1 'stop'."],
    [
      '.warning a b\n',
      "1:12 Unexpected argument 'b' for '.warning'. Use quotes if the message should contain spaces.",
    ],
    ['.iff 1\n', "1:1 unknown directive '.iff'; did you mean '.if' maybe ?."],
    ['.if foo(bar)\n', "1:1 unparsable conditional expression 'foo(bar)' in '.if' at position 1:"],
    [
      '.if 1 x\n',
      "1:1 unexpected character 'x' at the end of conditional expression '1 x' in '.if' at position 3:",
    ],
    [`${'.if 1\n'.repeat(100)}`, "100:1 too many nested '.if', max is 100."],
  ])('%j', async (text, expected) => {
    expect(await alertsOf(text)).toContain(expected);
  });
});
