import { Counters } from '../servers/counters.ts';
import { type RateLimits, Rates } from './rate-limits.ts';

/** Whoever holds accepted connections back until there is room. */
export interface Waiting {
  /** Lets in as many as fit now. */
  admit(): void;
}

/**
 * The process-wide limit on connections (`global maxconn`), and who waits for one to end. A
 * frontend's own limit is its listeners' business.
 *
 * Workers of a process count together; that they do not pass the limit at the very same moment is
 * for `Entrance` to see to.
 */
export class Admission {
  readonly holdLimit: number;
  readonly rates: Rates;
  #limit: number;
  readonly #counters: Counters;
  readonly #wakeOthers: (() => void) | undefined;
  readonly #waiting = new Set<Waiting>();
  #looking = false;

  /** `wakeOthers` tells other workers that there may be room, where they count in `counters`, too. */
  constructor(
    limit: number,
    holdLimit: number,
    counters: Counters = new Counters(),
    wakeOthers?: () => void,
    rates?: RateLimits,
  ) {
    this.rates = new Rates(rates, counters);
    this.#limit = limit;
    this.holdLimit = holdLimit;
    this.#counters = counters;
    this.#wakeOthers = wakeOthers;
  }

  /** Connections being served now, by all workers. */
  get current(): number {
    return this.#counters.present;
  }

  get total(): number {
    return this.#counters.totals().stot;
  }

  /** Accepted connections that wait for room here, over all listeners. */
  get held(): number {
    return this.#counters.qcur;
  }

  set held(count: number) {
    this.#counters.qcur = count;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Another limit from now on; lower than what is there, it is reached as connections end. */
  set limit(limit: number) {
    this.#limit = limit;
    this.admitAll();
  }

  get full(): boolean {
    return this.#counters.present >= this.#limit;
  }

  enter(): void {
    this.#counters.scur += 1;
    this.#counters.stot += 1;
  }

  leave(): void {
    this.#counters.scur -= 1;
    // Who still waits afterwards joins the end of the line: no listener starves another, and each
    // is asked once.
    for (let asked = this.#waiting.size; asked > 0 && !this.full; asked--) {
      const [one] = this.#waiting;
      if (!one) break;
      this.#waiting.delete(one);
      one.admit();
    }
    if (this.#wakeOthers && this.#counters.waiting > this.#counters.qcur) this.#wakeOthers();
  }

  /** Asks everybody who waits. */
  admitAll(): void {
    for (const one of [...this.#waiting]) {
      this.#waiting.delete(one);
      one.admit();
    }
  }

  /** `one.admit` is called when a connection ends; once, then it has to ask again. */
  wait(one: Waiting): void {
    this.#waiting.add(one);
    if (!this.#wakeOthers || this.#looking) return;
    // Another worker may have made room just before it could know of this one.
    this.#looking = true;
    setTimeout(() => {
      this.#looking = false;
      this.admitAll();
    }, LOOK_AGAIN).unref();
  }

  forget(one: Waiting): void {
    this.#waiting.delete(one);
  }
}

/** Milliseconds. */
const LOOK_AGAIN = 20;
