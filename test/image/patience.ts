/** How much longer than it would have to a machine may take that gets little of our processors. */
const LONGEST = 4;
/** A machine that has so much of a processor as this is not held up by others. */
const SHARE = 0.5;

/**
 * Whether a machine had its time. Emulated beside other work it is as slow as the processor time that
 * it gets, so a limit in milliseconds is one for a machine that has half a processor, and four times
 * as long for one that has not.
 */
export class Patience {
  readonly #machine: { readonly computed: number };
  readonly #limit: number;
  readonly #from = performance.now();
  #computed = 0;
  #last: number;

  constructor(machine: { readonly computed: number }, limit: number) {
    this.#machine = machine;
    this.#limit = limit;
    this.#last = machine.computed;
  }

  isOver(): boolean {
    const now = this.#machine.computed;
    // A reset begins at zero.
    this.#computed += now < this.#last ? now : now - this.#last;
    this.#last = now;
    const waited = performance.now() - this.#from;
    if (waited < this.#limit) return false;
    return this.#computed > this.#limit * SHARE || waited > this.#limit * LONGEST;
  }
}
