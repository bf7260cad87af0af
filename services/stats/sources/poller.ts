import { BrambleError, describeError } from '#core/errors.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Sourced } from '../model/sourced.ts';

export interface PollerOptions<T> {
  /** What is asked, for logs and metrics: `broker pi1`. */
  name: string;
  /** Asks once. Rejects when there is no usable answer; must honour the signal. */
  read: (signal: AbortSignal) => Promise<T>;
  /** From the start of one attempt to the start of the next, milliseconds. */
  interval: number;
  /** How long one attempt may take, milliseconds. */
  timeout: number;
  onFailure?: (error: unknown) => void;
  /** How long a peer that has never answered may be starting still, milliseconds; default 10 s. */
  grace?: number;
}

const DEFAULT_GRACE = 10_000;

/** One lost answer is noise on a busy Pi; a second one in a row is news. */
const FAILURES_UNTIL_STALE = 2;

/** Asks one source for its value over and over, one attempt at a time, and keeps the last answer. */
export class Poller<T> implements Service {
  readonly name: string;
  readonly #options: PollerOptions<T>;
  readonly #closed = new AbortController();
  #state: Sourced<T> = { state: 'pending', since: Date.now() };
  #answeredAt = 0;
  #failures = 0;
  #startedAt = 0;
  #running: Promise<void> | undefined;

  constructor(options: PollerOptions<T>) {
    this.name = options.name;
    this.#options = options;
  }

  get state(): Sourced<T> {
    return this.#state;
  }

  /** When the last answer arrived, monotonic milliseconds; 0 before the first. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Begins to ask. Does not wait for the first answer: a dead peer must not delay our start. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#startedAt = performance.now();
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const started = performance.now();
      await this.#attempt();
      await pause(this.#options.interval - (performance.now() - started), signal);
    }
  }

  async #attempt(): Promise<void> {
    const { read, timeout, onFailure } = this.#options;
    const attempt = new AbortController();
    const giveUp = () => attempt.abort(new Error('closing'));
    this.#closed.signal.addEventListener('abort', giveUp, { once: true });
    const timer = setTimeout(
      () => attempt.abort(new Error(`nothing within ${timeout} ms`)),
      timeout,
    );
    try {
      const value = await read(attempt.signal);
      this.#failures = 0;
      this.#answeredAt = performance.now();
      this.#state = { state: 'fresh', at: Date.now(), value };
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      onFailure?.(error);
      this.#fail(reasonOf(error));
    } finally {
      clearTimeout(timer);
      this.#closed.signal.removeEventListener('abort', giveUp);
    }
  }

  #fail(reason: string): void {
    this.#failures++;
    if (this.#failures < FAILURES_UNTIL_STALE) return;
    const last = this.#state;
    const { grace = DEFAULT_GRACE } = this.#options;
    switch (last.state) {
      case 'pending':
        if (performance.now() - this.#startedAt < grace) return;
        this.#state = { state: 'stale', staleSince: last.since, reason };
        break;
      case 'fresh':
        this.#state = { state: 'stale', staleSince: last.at, reason, value: last.value };
        break;
      case 'stale':
        if (last.reason !== reason) this.#state = { ...last, reason };
        break;
    }
  }
}

/** Our own errors say all in their message; others may have the point in their cause. */
function reasonOf(error: unknown): string {
  return error instanceof BrambleError ? error.message : describeError(error);
}

/** Resolves after `ms`, or at once when the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(ms, 0));
    signal.addEventListener('abort', done, { once: true });
  });
}
