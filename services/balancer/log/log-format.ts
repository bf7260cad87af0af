import { suggestion } from '../config/keyword.ts';
import { isKnownAt, type Place, unavailable } from '../rules/place.ts';
import { asText } from '../samples/cast.ts';
import { compileExpression } from '../samples/compile.ts';
import { type CompileEnvironment, ExpressionError } from '../samples/fetch.ts';
import type { Scope } from '../samples/scope.ts';
import { encodeUnsafe } from './format.ts';
import { inHexadecimal, LOG_VARIABLES, type SessionRecord } from './log-variables.ts';

/** A compiled log format. */
export interface LogFormatter {
  readonly text: string;
  /** Whether it reads anything of a record. */
  readonly needsRecord: boolean;
  /** `record` is asked for once, and only where `needsRecord`. */
  format(scope: Scope | undefined, record: (() => SessionRecord) | undefined): string;
}

export interface FormatOptions {
  readonly place: Place;
  readonly environment: CompileEnvironment;
  /** A value of a header or a target, not a line of a log: nothing stands for nothing. */
  readonly inRule: boolean;
}

interface Flags {
  quote: boolean;
  slashed: boolean;
  hexadecimal: boolean;
}

type Part =
  | { kind: 'text'; text: string }
  | { kind: 'space' }
  | {
      kind: 'value';
      record: boolean;
      read(scope: Scope | undefined, record: SessionRecord | undefined): string | undefined;
    };

const VARIABLE = /%(?:%|(?:\{([^}]*)\})?(?:\[|([A-Za-z]+)))/y;
/** A field's value has no control characters (RFC 9110, 5.5). */
const CONTROL = /(?!\t)\p{Cc}/gu;

/** Compiles a log format (HAProxy 2.6 manual, section 8.2.6). Throws ExpressionError. */
export function compileLogFormat(text: string, options: FormatOptions): LogFormatter {
  const parts = parse(text, options);
  const needsRecord = parts.some((part) => part.kind === 'value' && part.record);
  const format: LogFormatter['format'] = (scope, makeRecord) => {
    const record = needsRecord ? makeRecord?.() : undefined;
    let line = '';
    // A line does not begin with a blank.
    let spaced = true;
    for (const part of parts) {
      if (part.kind === 'space') {
        if (!spaced) line += ' ';
        spaced = true;
        continue;
      }
      const text = part.kind === 'text' ? part.text : part.read(scope, record);
      // Nothing at all does not part two blanks either.
      if (text === undefined) continue;
      line += text;
      spaced = false;
    }
    return line;
  };
  return { text, needsRecord, format };
}

function parse(text: string, options: FormatOptions): Part[] {
  const parts: Part[] = [];
  const general: Flags = { quote: false, slashed: false, hexadecimal: false };
  let plain = '';
  const flush = (): void => {
    if (plain !== '') parts.push({ kind: 'text', text: plain });
    plain = '';
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    if (char === ' ') {
      flush();
      parts.push({ kind: 'space' });
      at += 1;
      continue;
    }
    if (char !== '%') {
      plain += char;
      at += 1;
      continue;
    }
    VARIABLE.lastIndex = at;
    const found = VARIABLE.exec(text);
    if (!found) {
      const name = /^[^\s%]*/.exec(text.slice(at + 1))![0];
      throw new ExpressionError(
        `no such format variable '${name}'. If you wanted to emit the '%' character verbatim, you need to use '%%'`,
      );
    }
    at = VARIABLE.lastIndex;
    const [whole, flagText, name] = found;
    if (whole === '%%') {
      plain += '%';
      continue;
    }
    flush();
    if (name === 'o') {
      Object.assign(general, flagsOf(flagText, general));
      continue;
    }
    const flags = flagsOf(flagText, general);
    if (name !== undefined) {
      const variable = splitName(name);
      parts.push(variablePart(variable, flags, options));
      at -= name.length - variable.length;
      continue;
    }
    const end = endOfExpression(text, at);
    parts.push(expressionPart(text.slice(at, end), flags, options));
    at = end + 1;
  }
  flush();
  return parts;
}

/** The longest known name; letters behind it are text. */
function splitName(letters: string): string {
  if (Object.hasOwn(LOG_VARIABLES, letters)) return letters;
  throw new ExpressionError(
    `no such format variable '${letters}'${suggestion(letters, Object.keys(LOG_VARIABLES))}. If you wanted to emit the '%' character verbatim, you need to use '%%'`,
  );
}

/** Where the bracket of an expression closes, quotes and brackets within arguments apart. */
function endOfExpression(text: string, start: number): number {
  let quote = '';
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\') at += 1;
    else if (quote !== '') {
      if (char === quote) quote = '';
    } else if (depth > 0 && (char === '"' || char === "'")) quote = char;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === ']' && depth <= 0) return at;
  }
  throw new ExpressionError(`missing ']' after '${text.slice(start)}'`);
}

function flagsOf(text: string | undefined, general: Flags): Flags {
  const flags = { ...general };
  for (const each of text?.split(',') ?? []) {
    const [sign, letter] = [each[0], each.slice(1)];
    const on = sign === '+';
    if (letter === 'Q') flags.quote = on;
    else if (letter === 'E') flags.slashed = on;
    else if (letter === 'X') flags.hexadecimal = on;
    else if (each !== '') throw new ExpressionError(`unknown log format flag '${each}'`);
  }
  return flags;
}

/** Numbers, dates and states, which no flag quotes. */
const BARE: ReadonlySet<string> = new Set(
  'B ST T Ta Tc Td Tl Th Ti Tq TR Tr Ts Tt Tu Tw U ac bc bp bq cp fc fp lc ms pid rc rt sc sp sq t tr trg trl ts tsc'.split(
    ' ',
  ),
);
const PLAIN: Flags = { quote: false, slashed: false, hexadecimal: false };

function variablePart(name: string, flags: Flags, { inRule }: FormatOptions): Part {
  const variable = LOG_VARIABLES[name]!;
  return {
    kind: 'value',
    record: true,
    read: (scope, record) => {
      let text = record && variable.text(record, scope);
      if (text !== undefined && flags.hexadecimal && variable.hexadecimal) {
        text = inHexadecimal(text, variable.hexadecimal);
      }
      if (text !== undefined && variable.encoded) text = encodeUnsafe(text);
      if (text === undefined && variable.optional) return undefined;
      return dressed(text, BARE.has(name) ? PLAIN : flags, !inRule && !variable.encoded);
    },
  };
}

function expressionPart(
  text: string,
  flags: Flags,
  { place, environment, inRule }: FormatOptions,
): Part {
  let expression: ReturnType<typeof compileExpression>;
  try {
    expression = compileExpression(text, environment);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ExpressionError(`failed to parse sample expression <${text}]> : ${error.message}`);
  }
  const { source } = expression;
  if (!isKnownAt(source, place)) throw new ExpressionError(unavailable(`${text}]`, source));
  return {
    kind: 'value',
    record: false,
    read: (scope) => {
      const sample = scope && expression.evaluate(scope);
      const value = sample && asText(sample);
      if (!inRule) return dressed(value, flags, true);
      // As HAProxy: no flags within rules.
      return value?.replace(CONTROL, percent) ?? '';
    },
  };
}

const percent = (char: string): string =>
  `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** With quotes and escapes; `-` for nothing where a log needs something. */
function dressed(text: string | undefined, { quote, slashed }: Flags, mandatory: boolean): string {
  const escaped = slashed ? text?.replace(/["\\\]]/g, '\\$&') : text;
  if (quote) return `"${escaped ?? ''}"`;
  if (escaped === undefined || escaped === '') return mandatory ? '-' : '';
  return escaped;
}
