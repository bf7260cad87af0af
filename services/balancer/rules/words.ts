import { ExpressionError } from '../samples/fetch.ts';

/** The words of a rule, read one after the other. */
export class Words {
  readonly #all: readonly string[];
  at: number;

  constructor(all: readonly string[], at: number) {
    this.#all = all;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.#all.length;
  }

  /** The next word, which stays; '' at the end. */
  get next(): string {
    return this.#all[this.at] ?? '';
  }

  /** Whether a condition begins here, or nothing follows. */
  get atCondition(): boolean {
    return this.done || this.next === 'if' || this.next === 'unless';
  }

  take(): string {
    return this.#all[this.at++] ?? '';
  }

  /** The next word; throws ExpressionError when there is none. */
  need(message: string): string {
    if (this.done) throw new ExpressionError(message);
    return this.take();
  }

  /** Everything up to a condition, as one expression: blanks may stand behind commas. */
  takeExpression(): string {
    const words = [this.take()];
    while (!this.atCondition && (words.at(-1)!.endsWith(',') || this.next.startsWith(','))) {
      words.push(this.take());
    }
    return words.join(' ');
  }

  rest(): readonly string[] {
    return this.#all.slice(this.at);
  }
}
