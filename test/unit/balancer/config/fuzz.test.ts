// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language writes variables like this.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostNames } from '../../../../services/balancer/config/host-names.ts';
import { GLOBAL_KEYWORDS } from '../../../../services/balancer/config/keywords/global.ts';
import { OPTIONS } from '../../../../services/balancer/config/keywords/options.ts';
import { PROXY_KEYWORDS } from '../../../../services/balancer/config/keywords/proxy.ts';
import { SERVER_PARAMETERS } from '../../../../services/balancer/config/keywords/server-parameters.ts';
import { TIMEOUTS } from '../../../../services/balancer/config/keywords/timeouts.ts';
import { lexLine } from '../../../../services/balancer/config/lexer.ts';
import { numberAll } from '../../../../services/balancer/config/number.ts';
import { parseSources } from '../../../../services/balancer/config/parser.ts';
import { Problems } from '../../../../services/balancer/config/problem.ts';
import { SharedDefinitions } from '../../../../services/balancer/config/rule-context.ts';
import { validate } from '../../../../services/balancer/config/validate.ts';

const environment = () =>
  new Map([
    ['A', '1'],
    ['LIST', 'x y'],
  ]);

/** Everything but look-ups: no fuzzed name is to leave this machine. */
function parse(text: string): Problems {
  const problems = new Problems();
  const context = {
    problems,
    environment: environment(),
    hostNames: new HostNames(),
    shared: new SharedDefinitions(),
  };
  const draft = parseSources([{ name: 'fuzz.cfg', text }], context);
  numberAll(draft, problems);
  validate(draft, problems);
  return problems;
}

function expectSound(text: string): void {
  const lines = text.split('\n');
  for (const { position, message } of parse(text).list) {
    expect(message).not.toBe('');
    expect(message).not.toMatch(/undefined|NaN|\[object/);
    if (!position) continue;
    expect(position.line).toBeGreaterThanOrEqual(1);
    expect(position.line).toBeLessThanOrEqual(lines.length);
    expect(position.column).toBeLessThanOrEqual((lines[position.line - 1] ?? '').length + 1);
  }
}

const special = fc.constantFrom(
  '"',
  "'",
  '\\',
  '$',
  '{',
  '}',
  '#',
  ' ',
  '\t',
  '\r',
  '\0',
  'x',
  '-',
);
const nasty = fc
  .array(fc.oneof(special, fc.string({ maxLength: 5, unit: 'binary' })), { maxLength: 40 })
  .map((parts) => parts.join(''));

const names = [
  ...Object.keys(GLOBAL_KEYWORDS),
  ...Object.keys(PROXY_KEYWORDS),
  ...Object.keys(SERVER_PARAMETERS),
  ...Object.keys(OPTIONS),
  ...Object.keys(TIMEOUTS),
  ...['global', 'defaults', 'frontend', 'backend', 'listen', 'from', 'no', 'default', '.if'],
].filter((name) => name !== 'errorfile');
const value = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '5s',
    '99999999999999999999',
    '127.0.0.1:80',
    '[::1]:80',
    ':80-90',
  ),
  fc.constantFrom('*', ':', '', '"$A"', '${A}', '"${LIST[*]}"', 'stdout', 'local0', 'http', 'tcp'),
  nasty,
);
const line = fc
  .tuple(
    fc.constantFrom(...names),
    fc.array(fc.oneof(fc.constantFrom(...names), value), { maxLength: 6 }),
  )
  .map(([keyword, rest]) => [keyword, ...rest].join(' '));

describe('any input', () => {
  test('is words or one error with a column within the line', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const lexed = lexLine(text, environment());
        const columns = lexed.error
          ? [lexed.error.column]
          : lexed.tokens.map((token) => token.column);
        for (const column of columns) {
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(text.length + 1);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('without anything special comes through as it is', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9_./:@,=()[\]%*+-]{1,12}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 60 }), (list) => {
        const lexed = lexLine(`  ${list.join('\t ')} # end`, environment());
        expect(lexed.error ?? lexed.tokens.map((token) => token.text)).toEqual(list);
      }),
    );
  });

  test('survives quoting', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!/[\r\n\0]/.test(text));
        const quoted = `"${text.replace(/["\\$]/g, '\\$&')}"`;
        const lexed = lexLine(quoted, environment());
        expect(lexed.error ?? lexed.tokens.map((token) => token.text)).toEqual([text]);
      }),
    );
  });

  test('is a configuration or a list of problems', () => {
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 20 }), (lines) => expectSound(lines.join('\n'))),
      { numRuns: 500 },
    );
  });

  test('made of real keywords is a configuration or a list of problems', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) =>
        expectSound(`global\n${lines.join('\n')}\n`),
      ),
      { numRuns: 1500 },
    );
  });

  test('of great size ends', () => {
    const started = performance.now();
    parse(`backend x\n${' timeout server 5s\n'.repeat(50_000)}`);
    parse('"${A-'.repeat(100_000));
    parse(`${'a '.repeat(30_000)}\n`);
    parse(`backend x\n server s ${'$A:{'.repeat(10_000)}\n`);
    expect(performance.now() - started).toBeLessThan(8000);
  });
});
