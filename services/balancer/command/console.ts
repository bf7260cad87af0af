import { writeSync } from 'node:fs';
import { systemCode } from '#core/errors.ts';

export type ConsoleKind = 'NOTICE' | 'WARNING' | 'ALERT';

const STDERR = 2;
const ATTEMPTS = 100;

/** Messages for whoever started the process, in HAProxy's shape: `[ALERT]    (pid) : text`. */
export class Console {
  #descriptor: number | undefined;
  readonly #introduction: string;
  #introduced = false;
  readonly #sink: ((text: string) => void) | undefined;

  /**
   * Nothing is written when `descriptor` is undefined. `introduction` is a notice that comes before
   * the first message, to say whose messages these are. A `sink` gets the text in place of the
   * descriptor.
   */
  constructor(descriptor: number | undefined, introduction: string, sink?: (text: string) => void) {
    this.#sink = sink;
    this.#descriptor = descriptor;
    this.#introduction = introduction;
  }

  readonly say = (kind: ConsoleKind, text: string): void => {
    if (!this.#introduced) {
      this.#introduced = true;
      if (kind !== 'NOTICE') this.#line('NOTICE', this.#introduction);
    }
    this.#line(kind, text);
  };

  /** Text that is not a message: passed on as it is. */
  raw(text: string): void {
    if (this.#sink) {
      this.#sink(text);
      return;
    }
    if (this.#descriptor === undefined) return;
    // A terminal or pipe that another process made non-blocking may be full for a moment.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        writeSync(this.#descriptor, text);
        return;
      } catch (error) {
        if (systemCode(error) !== 'EAGAIN') return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  }

  /** Started: from here on nobody is introduced. */
  started(): void {
    this.#introduced = true;
  }

  /** Nobody reads any more. */
  silence(): void {
    this.#descriptor = undefined;
  }

  #line(kind: ConsoleKind, text: string): void {
    this.raw(`${`[${kind}]`.padEnd(10)} (${process.pid}) : ${text}\n`);
  }
}

export const onStderr = (introduction: string): Console => new Console(STDERR, introduction);
