import type { Context } from '../keyword.ts';
import { suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { ConditionError, evaluateCondition } from './condition.ts';

/** Blocks within blocks. HAProxy's limit. */
const MAX_NESTED = 100;

export const DIRECTIVES: readonly string[] = [
  '.if',
  '.elif',
  '.else',
  '.endif',
  '.alert',
  '.warning',
  '.notice',
  '.diag',
];

interface Block {
  /** The lines of the present branch count. */
  taken: boolean;
  /** No further branch can: one was taken, or the block stands in one that does not count. */
  decided: boolean;
  otherwise: boolean;
}

/** What becomes of a line: read as usual, left out, or the last one of its file. */
export type LineFate = 'read' | 'skip' | 'stop';

/**
 * The conditional blocks and messages of one file (HAProxy 2.6 manual, section 2.4). A fault in
 * a block's structure ends the file: nobody can tell which lines would count.
 */
export class Directives {
  readonly #context: Context;
  readonly #blocks: Block[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** Whether lines are left out at the moment, unread. */
  get skipping(): boolean {
    return this.#blocks.at(-1)?.taken === false;
  }

  line(statement: Statement): LineFate {
    const word = statement.word(0);
    if (word === '.if') return this.#open(statement);
    if (word === '.elif' || word === '.else') return this.#branch(statement);
    if (word === '.endif') return this.#close(statement);
    if (this.skipping) return 'skip';
    return word.startsWith('.') ? this.#message(statement) : 'read';
  }

  /** At the end of a file, which `line` is the last one of. */
  end(file: string, line: number): void {
    if (this.#blocks.length === 0) return;
    this.#context.problems.alert({ file, line, column: 1 }, "non-terminated '.if' block.");
  }

  #open(statement: Statement): LineFate {
    if (this.#blocks.length + 1 >= MAX_NESTED) {
      return this.#stop(statement, `too many nested '.if', max is ${MAX_NESTED}.`);
    }
    const within = !this.skipping;
    this.#blocks.push({ taken: false, decided: !within, otherwise: false });
    return within ? this.#decide(statement, this.#blocks.at(-1)!) : 'skip';
  }

  #branch(statement: Statement): LineFate {
    const word = statement.word(0);
    const block = this.#blocks.at(-1);
    if (word === '.else' && statement.length > 1) return this.#unexpected(statement);
    if (!block) return this.#stop(statement, `lone '${word}' with no matching '.if'.`);
    if (block.otherwise) return this.#stop(statement, `'${word}' after '.else' is not permitted.`);
    block.taken = false;
    if (word === '.else') {
      block.otherwise = true;
      block.taken = !block.decided;
      return 'skip';
    }
    return block.decided ? 'skip' : this.#decide(statement, block);
  }

  #close(statement: Statement): LineFate {
    if (statement.length > 1) return this.#unexpected(statement);
    if (!this.#blocks.pop()) return this.#stop(statement, "lone '.endif' with no matching '.if'.");
    return 'skip';
  }

  #decide(statement: Statement, block: Block): LineFate {
    const word = statement.word(0);
    const text = statement.tokens
      .slice(1)
      .map((token) => token.text)
      .join(' ');
    try {
      block.taken = evaluateCondition(text, this.#context.environment);
      block.decided = block.taken;
      return 'skip';
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      const shown = [`${word} ${text}`, `${' '.repeat(word.length + 1 + error.at)}^`];
      const message = `${error.message} in '${word}' at position ${error.at + 1}:`;
      return this.#stop(statement, message, shown);
    }
  }

  #message(statement: Statement): LineFate {
    const { problems } = this.#context;
    const word = statement.word(0);
    if (!DIRECTIVES.includes(word)) {
      const message = `unknown directive '${word}'${suggestion(word, DIRECTIVES)}.`;
      problems.alert(statement.position, message);
      return 'skip';
    }
    if (statement.length > 2) {
      const extra = statement.word(2);
      const message = `Unexpected argument '${extra}' for '${word}'. Use quotes if the message should contain spaces.`;
      problems.alert(statement.at(2), message);
      return 'skip';
    }
    const text = `'${statement.word(1)}'.`;
    if (word === '.alert') return this.#stop(statement, text);
    if (word === '.warning') problems.warn(statement.position, text);
    // What `.diag` says is for HAProxy's diagnostic mode alone.
    if (word === '.notice') problems.notice(statement.position, text);
    return 'skip';
  }

  #unexpected(statement: Statement): LineFate {
    const [word, extra] = [statement.word(0), statement.word(1)];
    return this.#stop(statement, `Unexpected argument '${extra}' for '${word}'.`);
  }

  #stop(statement: Statement, message: string, shown?: readonly string[]): LineFate {
    this.#context.problems.alert(statement.position, message, shown);
    // Its other blocks need no further word.
    this.#blocks.length = 0;
    return 'stop';
  }
}
