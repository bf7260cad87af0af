import type { Position } from '../model.ts';

/** One word of a line, with quotes, escapes and variables already resolved. */
export interface Token {
  text: string;
  /** Where the word starts in its line, counts from 1. */
  column: number;
}

export type Environment = ReadonlyMap<string, string>;

export interface LexicalError {
  message: string;
  column: number;
}

export type LexedLine = { tokens: Token[]; error?: undefined } | { error: LexicalError };

const MAX_WORDS = 64;
const SPACE = /[ \t\v\f]/;
const NAME_START = /[A-Za-z_]/;
const NAME = /[A-Za-z0-9_]/;
const HEX_PAIR = /^[0-9a-fA-F]{2}$/;

/**
 * Splits one line into words. Source: HAProxy 2.6 manual, sections 2.2 (quoting and escaping) and
 * 2.3 (environment variables): variables are resolved within double quotes only, a backslash
 * before anything that needs no escape stands for itself, nothing is special within single quotes.
 */
export function lexLine(line: string, environment: Environment): LexedLine {
  return new LineLexer(line, environment).run();
}

class LineLexer {
  readonly #line: string;
  readonly #environment: Environment;
  readonly #tokens: Token[] = [];
  #at = 0;
  #text = '';
  /** Column of the word being read, or 0 between words. */
  #column = 0;
  /** Where the open quote stands, or -1. */
  #quoteAt = -1;
  #quote = '';

  constructor(line: string, environment: Environment) {
    this.#line = line;
    this.#environment = environment;
  }

  run(): LexedLine {
    while (this.#at < this.#line.length) {
      const char = this.#line[this.#at]!;
      if (char === '\r' || char === '\n' || (char === '#' && this.#quote === '')) break;
      const error = this.#step(char);
      if (error) return { error };
      if (this.#tokens.length >= MAX_WORDS && this.#column > 0) break;
    }
    if (this.#quote !== '' && this.#tokens.length < MAX_WORDS) {
      return this.#fail('unmatched quote', this.#quoteAt);
    }
    const column = this.#column;
    this.#endWord();
    if (this.#tokens.length <= MAX_WORDS) return { tokens: this.#tokens };
    return this.#fail(`too many words, the limit is ${MAX_WORDS}`, column - 1);
  }

  #fail(message: string, at: number): { error: LexicalError } {
    return { error: { message, column: at + 1 } };
  }

  #step(char: string): LexicalError | undefined {
    const quote = this.#quote;
    if (quote === '' && SPACE.test(char)) {
      this.#endWord();
      this.#at++;
    } else if (char === '\0') {
      return this.#fail('stray NUL character', this.#at).error;
    } else if (quote === '' ? char === '"' || char === "'" : char === quote) {
      this.#startWord();
      this.#quote = quote === '' ? char : '';
      this.#quoteAt = this.#at++;
    } else if (char === '\\' && quote !== "'") {
      return this.#escape();
    } else if (char === '$' && quote === '"') {
      return this.#variable();
    } else {
      this.#emit(char, 1);
    }
    return undefined;
  }

  #startWord(): void {
    if (this.#column === 0) this.#column = this.#at + 1;
  }

  #endWord(): void {
    if (this.#column > 0) this.#tokens.push({ text: this.#text, column: this.#column });
    this.#text = '';
    this.#column = 0;
  }

  /** Appends `text`, which stands for the next `length` characters of the line. */
  #emit(text: string, length: number): void {
    this.#startWord();
    this.#text += text;
    this.#at += length;
  }

  #escape(): LexicalError | undefined {
    const next = this.#line[this.#at + 1] ?? '';
    switch (next) {
      case ' ':
      case '\\':
      case '#':
      case '"':
      case "'":
        this.#emit(next, 2);
        return undefined;
      case 't':
        this.#emit('\t', 2);
        return undefined;
      case 'n':
        this.#emit('\n', 2);
        return undefined;
      case 'r':
        this.#emit('\r', 2);
        return undefined;
      case 'x': {
        const digits = this.#line.slice(this.#at + 2, this.#at + 4);
        if (!HEX_PAIR.test(digits)) {
          return this.#fail('truncated or invalid hexadecimal sequence', this.#at).error;
        }
        this.#emit(String.fromCharCode(Number.parseInt(digits, 16)), 4);
        return undefined;
      }
      default:
        if (next === '$' && this.#quote === '"') this.#emit('$', 2);
        else this.#emit('\\', 1);
        return undefined;
    }
  }

  /** `$NAME`, `${NAME}`, `${NAME-default}` or `${NAME[*]}` within double quotes. */
  #variable(): LexicalError | undefined {
    const line = this.#line;
    const dollar = this.#at;
    const braced = line[dollar + 1] === '{';
    const start = dollar + (braced ? 2 : 1);
    if (!NAME_START.test(line[start] ?? '')) {
      return this.#fail('forbidden first char in environment variable name', start).error;
    }
    let end = start + 1;
    while (NAME.test(line[end] ?? '')) end++;
    const name = line.slice(start, end);
    let value = this.#environment.get(name);
    if (!braced) {
      this.#emit(value ?? '', end - dollar);
      return undefined;
    }
    const words = line.startsWith('[*]', end);
    if (words) end += 3;
    if (line[end] === '-') {
      const close = line.indexOf('}', end);
      if (close < 0) return this.#fail('unmatched brace in environment variable name', start).error;
      value ??= line.slice(end + 1, close);
      end = close;
    }
    if (line[end] !== '}') {
      return this.#fail('unmatched brace in environment variable name', start).error;
    }
    if (words) this.#emitWords(value ?? '');
    else this.#emit(value ?? '', 0);
    this.#at = end + 1;
    return undefined;
  }

  /** `"${LIST[*]}"`: the value's words are words of the line. */
  #emitWords(value: string): void {
    const [first = '', ...rest] = value.split(/\s+/).filter(Boolean);
    this.#emit(first, 0);
    for (const word of rest) {
      this.#endWord();
      this.#emit(word, 0);
    }
  }
}

/** Words of one line, with what handlers need to speak about them. */
export class Statement {
  readonly file: string;
  readonly line: number;
  readonly tokens: readonly Token[];

  constructor(file: string, line: number, tokens: readonly Token[]) {
    this.file = file;
    this.line = line;
    this.tokens = tokens;
  }

  get length(): number {
    return this.tokens.length;
  }

  /** The word at `index`, counting the keyword as 0; '' beyond the end. */
  word(index: number): string {
    return this.tokens[index]?.text ?? '';
  }

  /** Where the word stands; beyond the end, where the line's last word does. */
  at(index: number): Position {
    const token = this.tokens[index] ?? this.tokens.at(-1);
    return { file: this.file, line: this.line, column: token?.column ?? 1 };
  }

  /** The whole statement: where its keyword stands. */
  get position(): Position {
    return this.at(0);
  }
}
