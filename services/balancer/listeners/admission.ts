/** Whoever holds accepted connections back until there is room. */
export interface Waiting {
  /** Lets in as many as fit now. */
  admit(): void;
}

/**
 * The process-wide limit on connections (`global maxconn`), and who waits for one to end. A
 * frontend's own limit is its listeners' business.
 */
export class Admission {
  /** Connections being served now. */
  current = 0;
  total = 0;
  /** Accepted connections that wait for room, over all listeners. */
  held = 0;
  readonly holdLimit: number;
  #limit: number;
  readonly #waiting = new Set<Waiting>();

  constructor(limit: number, holdLimit: number) {
    this.#limit = limit;
    this.holdLimit = holdLimit;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Another limit from now on; lower than what is there, it is reached as connections end. */
  set limit(limit: number) {
    this.#limit = limit;
    for (const one of [...this.#waiting]) {
      this.#waiting.delete(one);
      one.admit();
    }
  }

  get full(): boolean {
    return this.current >= this.#limit;
  }

  enter(): void {
    this.current += 1;
    this.total += 1;
  }

  leave(): void {
    this.current -= 1;
    // Who still waits afterwards joins the end of the line: no listener starves another, and each
    // is asked once.
    for (let asked = this.#waiting.size; asked > 0 && !this.full; asked--) {
      const [one] = this.#waiting;
      if (!one) return;
      this.#waiting.delete(one);
      one.admit();
    }
  }

  /** `one.admit` is called when a connection ends; once, then it has to ask again. */
  wait(one: Waiting): void {
    this.#waiting.add(one);
  }

  forget(one: Waiting): void {
    this.#waiting.delete(one);
  }
}
