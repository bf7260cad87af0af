/** Milliseconds. */
const FIRST = 100;
const LAST = 2_000;

/** Waits that double, with a quarter of chance in them, and end at once when `signal` does. */
export class Backoff {
  readonly #signal: AbortSignal;
  #next = FIRST;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async wait(): Promise<void> {
    const base = this.#next;
    this.#next = Math.min(2 * base, LAST);
    await sleep(base * (0.75 + Math.random() / 2), this.#signal);
  }
}

/** Resolves after `ms` milliseconds, or when `signal` ends it. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
