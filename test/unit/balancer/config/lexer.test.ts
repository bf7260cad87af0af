// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language writes variables like this.
import { describe, expect, test } from 'vitest';
import { lexLine } from '../../../../services/balancer/config/lexer.ts';

const environment = new Map([
  ['NODE', '10.0.0.1'],
  ['LIST', 'a b  c'],
  ['EMPTY', ''],
]);

function words(line: string): string[] {
  const lexed = lexLine(line, environment);
  if (lexed.error) throw new Error(`${lexed.error.column}: ${lexed.error.message}`);
  return lexed.tokens.map((token) => token.text);
}

function errorOf(line: string): string {
  const { error } = lexLine(line, environment);
  return error ? `${error.column} ${error.message}` : 'none';
}

describe('words', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['   \t ', []],
    ['# all of it', []],
    ['bind :80', ['bind', ':80']],
    ['\tbind\t\t:80  ', ['bind', ':80']],
    ['bind :80 # why', ['bind', ':80']],
    ['a#b c', ['a']],
    ['bind :80\r', ['bind', ':80']],
    ['a\rb', ['a']],
    ['"" x', ['', 'x']],
    ["'' x", ['', 'x']],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  test('carry the column of their first character, quotes included', () => {
    const { tokens = [] } = lexLine('  server  "a b" \\ c', environment) as {
      tokens?: { text: string; column: number }[];
    };
    expect(tokens).toEqual([
      { text: 'server', column: 3 },
      { text: 'a b', column: 11 },
      { text: ' c', column: 17 },
    ]);
  });

  test('end at 64 in a line', () => {
    const line = Array.from({ length: 64 }, (_, i) => `w${i}`).join(' ');
    expect(words(line)).toHaveLength(64);
    expect(words(`${line} # more`)).toHaveLength(64);
    expect(errorOf(`${line} w64`)).toBe(`${line.length + 2} too many words, the limit is 64`);
  });
});

describe('quotes and escapes', () => {
  test.each<[string, string[]]>([
    ['"a b" c', ['a b', 'c']],
    ["'a b' c", ['a b', 'c']],
    ['a"b c"d', ['ab cd']],
    ['"a#b"', ['a#b']],
    ['"it\'s"', ["it's"]],
    ['\'say "x"\'', ['say "x"']],
    ['"a\\"b"', ['a"b']],
    ["'a\\b'", ['a\\b']],
    ['a\\ b', ['a b']],
    ['a\\#b', ['a#b']],
    ['a\\\\b', ['a\\b']],
    ['a\\"b', ['a"b']],
    ["a\\'b", ["a'b"]],
    ['a\\nb\\rc\\td', ['a\nb\rc\td']],
    ['a\\x41\\x7Ab', ['aAzb']],
    ['a\\qb', ['a\\qb']],
    ['a\\', ['a\\']],
    ['\\$NODE', ['\\$NODE']],
    ['"\\$NODE"', ['$NODE']],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  test.each<[string, string]>([
    ['bind "abc', '6 unmatched quote'],
    ["bind 'abc", '6 unmatched quote'],
    ["bind 'a\\'b'", '11 unmatched quote'],
    ['a\\x4', '2 truncated or invalid hexadecimal sequence'],
    ['a\\xzz', '2 truncated or invalid hexadecimal sequence'],
    ['a\0b', '2 stray NUL character'],
  ])('%j is an error', (line, expected) => {
    expect(errorOf(line)).toBe(expected);
  });
});

describe('variables', () => {
  test.each<[string, string[]]>([
    ['"$NODE:80"', ['10.0.0.1:80']],
    ['"${NODE}:80"', ['10.0.0.1:80']],
    ['"x$MISSING"', ['x']],
    ['"${MISSING-a b}"', ['a b']],
    ['"${NODE-x}"', ['10.0.0.1']],
    ['"${EMPTY-x}"', ['']],
    ['"${MISSING-it\'s}"', ["it's"]],
    ['"${MISSING-$NODE}"', ['$NODE']],
    ['"${LIST}"', ['a b  c']],
    ['x "${LIST[*]}" y', ['x', 'a', 'b', 'c', 'y']],
    ['"p${LIST[*]}q"', ['pa', 'b', 'cq']],
    ['$NODE ${NODE}', ['$NODE', '${NODE}']],
    ["'$NODE'", ['$NODE']],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  test.each<[string, string]>([
    ['"${NODE"', '4 unmatched brace in environment variable name'],
    ['"${NODE-x"', '4 unmatched brace in environment variable name'],
    ['"${NODE:-x}"', '4 unmatched brace in environment variable name'],
    ['"${LIST[}"', '4 unmatched brace in environment variable name'],
    ['"${1A}"', '4 forbidden first char in environment variable name'],
    ['"${}"', '4 forbidden first char in environment variable name'],
    ['"a$ b"', '4 forbidden first char in environment variable name'],
    ['"$"', '3 forbidden first char in environment variable name'],
  ])('%j is an error', (line, expected) => {
    expect(errorOf(line)).toBe(expected);
  });
});
