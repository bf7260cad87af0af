import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

export interface RecoveryOptions {
  log: Logger;
  /** Resolves when everything answers here and nothing is behind; rejects with what is missing. */
  check: () => Promise<void>;
}

/** Between two looks, milliseconds. */
const RETRY = 250;

/**
 * After a node was cut off it takes a while until its nats-server has caught up with the others: a
 * client that came back too early would wait for a log that is not there yet. From `begin` on
 * `active` until a check has passed.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  #active = false;
  #again = false;
  #closed = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  get active(): boolean {
    return this.#active;
  }

  /** What was learnt before counts no more. */
  begin(): void {
    this.#again = true;
    if (this.#active) return;
    this.#active = true;
    void this.#run();
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    const { check, log } = this.#options;
    const from = performance.now();
    for (let attempt = 0; !this.#closed; attempt++) {
      this.#again = false;
      try {
        await check();
        if (!this.#again) break;
      } catch (error) {
        if (attempt % 20 === 0) log.info(`catching up: ${describeError(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
    this.#active = false;
    log.info({ took: Math.round(performance.now() - from) }, 'this node has caught up');
  }
}
