import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { helpText, unknownText } from '../../../../services/balancer/runtime/help.ts';
import { splitCommands, splitWords } from '../../../../services/balancer/runtime/words.ts';

describe('lines of the runtime socket', () => {
  test.each<[string, string[]]>([
    ['', ['']],
    ['show info', ['show info']],
    ['a;b;;c', ['a', 'b', '', 'c']],
    ['a\\;b;c', ['a\\;b', 'c']],
    ['a\\\\;b', ['a\\\\', 'b']],
  ])('%j is split into commands', (line, commands) => {
    expect(splitCommands(line)).toEqual(commands);
  });

  test.each<[string, string[]]>([
    ['  show \t info ', ['show', 'info']],
    ['add map f a\\ b c\\\\d', ['add', 'map', 'f', 'a b', 'c\\d']],
    ['\\;', [';']],
    ['end\\', ['end\\']],
  ])('%j is split into words', (command, words) => {
    expect(splitWords(command)).toEqual(words);
  });

  test('a word that is escaped comes out as it went in, whatever is in it', () => {
    const escaped = (word: string): string => word.replace(/[\\; \t\r]/g, '\\$&');
    const word = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/\n/.test(text));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const [command, ...more] = splitCommands(words.map(escaped).join(' '));
        expect(more).toEqual([]);
        expect(splitWords(command!)).toEqual(words);
      }),
    );
  });

  test('no line has more than 64 words', () => {
    expect(splitWords('a '.repeat(1000))).toHaveLength(64);
  });

  test('help finds something to say about anything', () => {
    const table = ['show info', 'show stat', 'set server'].map((name) => ({
      name,
      usage: name,
      summary: 'does it',
      run: () => ({ text: '' }),
    }));
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 4 }), (words) => {
        expect(helpText(table, words)).toMatch(/^The following commands/);
        expect(unknownText(table, words)).toMatch(/quit {36}: disconnect\n$/);
      }),
    );
    expect(unknownText(table, ['show'])).toContain('show stat');
    expect(unknownText(table, ['show'])).not.toContain('set server');
  });
});
