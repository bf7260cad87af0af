import type { CheckText } from '../../checks/steps.ts';
import type { Position } from '../../model.ts';
import type { Context } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { compileCheckText } from './check-text.ts';

/** What is wrong, and with which word. */
export interface Fault {
  index: number;
  message: string;
}

/** Thrown by the parsers of steps and caught where the line is known. */
export class StepFault extends Error {
  readonly index: number;

  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }
}

/** Walks the words of a `tcp-check` or `http-check` line. Throws StepFault. */
export class StepArguments {
  at: number;
  readonly #statement: Statement;
  readonly context: Context;

  constructor(statement: Statement, at: number, context: Context) {
    this.#statement = statement;
    this.at = at;
    this.context = context;
  }

  get word(): string {
    return this.#statement.word(this.at);
  }

  get position(): Position {
    return this.#statement.at(this.at);
  }

  get done(): boolean {
    return this.word === '';
  }

  ahead(count: number): string {
    return this.#statement.word(this.at + count);
  }

  fail(message: string): never {
    throw new StepFault(this.at, message);
  }

  /** The word behind the current one, which it is an argument of. */
  value(what = 'a string as argument'): string {
    const name = this.word;
    const value = this.ahead(1);
    if (value === '') this.fail(`'${name}' expects ${what}`);
    this.at += 1;
    return value;
  }

  /** As `value`, compiled as a log-format. */
  text(what?: string): CheckText {
    return this.compile(this.value(what));
  }

  compile(text: string): CheckText {
    const compiled = compileCheckText(text);
    if (typeof compiled === 'function') return compiled;
    return this.fail(`'${text}' invalid log-format string (${compiled.error}).`);
  }

  pattern(source: string, flags = ''): RegExp {
    try {
      return new RegExp(wire(source), flags);
    } catch (error) {
      return this.fail(`regex '${source}' is invalid (${(error as Error).message}).`);
    }
  }
}

/** The bytes that stand for a text on the wire, as latin1. */
export const wire = (text: string): string => Buffer.from(text).toString('latin1');
