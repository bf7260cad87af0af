import { lookUp } from '../keyword.ts';
import { PREDICATES } from './predicates.ts';

/** Why a condition has no value, and where in its text (counts from 0). */
export class ConditionError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Parentheses within each other, so that no file exhausts the stack. */
const MAX_DEPTH = 1024;
const NUMBER = /^[+-]?(?:0x[0-9a-f]+|\d+)/i;

/**
 * The value of what follows `.if` and `.elif`: numbers, predicates, `!`, `&&`, `||` and
 * parentheses; nothing at all is false. Throws a ConditionError. HAProxy 2.6 manual, section 2.4.
 */
export function evaluateCondition(text: string, variables: ReadonlyMap<string, string>): boolean {
  return new ConditionReader(text, variables).run();
}

class ConditionReader {
  readonly #text: string;
  readonly #variables: ReadonlyMap<string, string>;
  #at = 0;
  #depth = 0;

  constructor(text: string, variables: ReadonlyMap<string, string>) {
    this.#text = text;
    this.#variables = variables;
  }

  run(): boolean {
    this.#blanks();
    if (this.#at === this.#text.length) return false;
    const value = this.#either();
    this.#blanks();
    const rest = this.#text[this.#at];
    if (rest === undefined) return value;
    throw new ConditionError(
      `unexpected character '${rest}' at the end of conditional expression '${this.#text}'`,
      this.#at,
    );
  }

  #either(): boolean {
    let value = this.#both();
    while (this.#operator('||')) {
      const right = this.#both();
      value ||= right;
    }
    return value;
  }

  #both(): boolean {
    let value = this.#term();
    while (this.#operator('&&')) {
      const right = this.#term();
      value &&= right;
    }
    return value;
  }

  #term(): boolean {
    this.#blanks();
    const start = this.#at;
    let negated = false;
    while (this.#text[this.#at] === '!') {
      negated = !negated;
      this.#at += 1;
      this.#blanks();
    }
    const number = NUMBER.exec(this.#text.slice(this.#at))?.[0];
    if (number !== undefined) {
      this.#at += number.length;
      return (Number(number.replace(/^[+-]/, '')) !== 0) !== negated;
    }
    if (this.#text[this.#at] === '(') return this.#parentheses(start) !== negated;
    const name = /^[^ (]*/.exec(this.#text.slice(this.#at))![0];
    const predicate = lookUp(PREDICATES, name);
    if (!predicate) throw this.#unparsable(start);
    this.#at += name.length;
    const [first = '', second = ''] = this.#arguments(name, predicate.count);
    return predicate.holds(first, second, this.#variables) !== negated;
  }

  #parentheses(start: number): boolean {
    if (++this.#depth > MAX_DEPTH) throw new ConditionError('too many nested parentheses', start);
    this.#at += 1;
    this.#blanks();
    if (this.#at === this.#text.length) throw this.#unparsable(start);
    const value = this.#either();
    this.#blanks();
    if (this.#text[this.#at] !== ')') {
      const what = this.#text.slice(start);
      throw new ConditionError(`expected ')' after conditional expression '${what}'`, start);
    }
    this.#at += 1;
    this.#depth -= 1;
    return value;
  }

  /** `(first,second)`: quotes are gone by now, a backslash protects the next character. */
  #arguments(name: string, count: number): string[] {
    const found: string[] = [];
    const inPredicate = (what: string): ConditionError =>
      new ConditionError(
        `${what} in argument ${Math.min(found.length, 1)} of predicate '${name}' used in conditional expression`,
        this.#at,
      );
    if (this.#text[this.#at] !== '(') {
      found.push('');
    } else {
      let word = '';
      for (this.#at += 1; ; this.#at += 1) {
        const char = this.#text[this.#at];
        if (char === ')' || (char === ',' && found.length + 1 < count)) {
          found.push(word);
          word = '';
          if (char === ')') break;
        } else if (char === undefined || char === ',') {
          found.push(word);
          const rest = this.#text.slice(this.#at);
          throw inPredicate(rest === '' ? "expected ')'" : `expected ')' before '${rest}'`);
        } else if (char === '\\' && this.#at + 1 < this.#text.length) {
          this.#at += 1;
          word += this.#text[this.#at];
        } else {
          word += char;
        }
      }
      if (found.length >= count) this.#at += 1;
    }
    if (found.length >= count) return found;
    throw inPredicate(`missing arguments (got ${found.length}/${count}), type 'string' expected`);
  }

  #operator(sign: '||' | '&&'): boolean {
    this.#blanks();
    const start = this.#at;
    if (!this.#text.startsWith(sign, start)) return false;
    this.#at += 2;
    this.#blanks();
    if (this.#at < this.#text.length) return true;
    throw this.#unparsable(start, sign === '||' ? 0 : start);
  }

  #blanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at += 1;
  }

  #unparsable(at: number, from = at): ConditionError {
    const what = this.#text.slice(from);
    return new ConditionError(`unparsable conditional expression '${what}'`, at);
  }
}
