import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/broker.ts';

const PROGRAM = fileURLToPath(new URL('prober-process.ts', import.meta.url));
/** So long without a failed attempt, milliseconds, and so many answered: all of a hundred are rarely
 * through on a machine that six nodes share. */
const CALM = 1_000;
const GOOD = 10;
const PATIENCE = 120_000;

export interface Blackout {
  /** From the last attempt that was answered to the next one that was, milliseconds. */
  length: number;
  /** Attempts in between. */
  failed: number;
}

/** Milliseconds from one connection to the next where nothing else is wanted. */
const EVERY = 10;

/** A client in a process of its own that connects all the time, and its answers. */
export class Prober {
  readonly #child: ChildProcess;
  readonly #good: number;
  /** When attempts began, milliseconds since the epoch, ascending but for late answers. */
  #answered: number[] = [];
  #failed: number[] = [];

  constructor(host: string, port: number, every = EVERY) {
    this.#good = Math.min(GOOD, CALM / every / 2);
    this.#child = spawn(
      'setpriv',
      // What measures must not wait for what is measured, nor for anybody else.
      [
        ...['--pdeathsig', 'KILL', 'chrt', '-r', '10', process.execPath, PROGRAM],
        ...[host, `${port}`, `${every}`],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const [began, answered] = JSON.parse(line) as [number, number];
      (answered === 1 ? this.#answered : this.#failed).push(began);
    });
  }

  /** Resolves when attempts have been answered for a while, since `from` at the earliest. */
  async calm(from = 0): Promise<void> {
    await eventually(
      'connections are answered',
      () => {
        const now = Date.now();
        const since = Math.max(from, now - CALM);
        const good = this.#answered.filter((began) => began > since).length;
        return now - from > CALM && good >= this.#good && !this.#failed.some((at) => at > since);
      },
      PATIENCE,
    );
  }

  /** The longest time without an answer among attempts begun since `from`. */
  blackout(from: number): Blackout {
    const margin = 200;
    const times = this.#answered.filter((began) => began > from - margin).sort((a, b) => a - b);
    let longest = { length: 0, at: 0 };
    for (const [index, at] of times.entries()) {
      const length = at - (times[index - 1] ?? at);
      if (length > longest.length) longest = { length, at };
    }
    const begin = longest.at - longest.length;
    const failed = this.#failed.filter((at) => at >= begin && at <= longest.at).length;
    return { length: longest.length, failed };
  }

  /** Attempts since `from`. */
  counts(from: number): { answered: number; failed: number } {
    const since = (list: number[]): number => list.filter((began) => began > from).length;
    return { answered: since(this.#answered), failed: since(this.#failed) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
