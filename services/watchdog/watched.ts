import { describeError } from '#core/errors.ts';
import type { Check } from './checks/check.ts';
import { ask } from './checks/http-check.ts';

export interface WatchedOptions {
  name: string;
  /** What must answer for it to be alive; all of them. */
  alive: readonly Check[];
  /** Its `/readyz`: unready is no fault at once, but for good it is. */
  ready: URL | undefined;
  /** Whether what it stands on is well: without that it cannot be ready. */
  supported: () => boolean;
  /** Factor on `GRACE` and `STUCK`; default 1. */
  pace?: number;
}

/** Milliseconds for one check; a busy Pi takes its time. */
const TIMEOUT = 4000;
/** Failures in a row that mean down, and successes that mean up. */
const FALL = 3;
const RISE = 2;
/** What starts may take so long, milliseconds: a broker reads its log, nats-server elects. */
const GRACE = 90_000;
/** Unready for so long with nothing else to blame is a fault of its own, milliseconds. */
const STUCK = 300_000;
/** The reason of a node that somebody has drained: that is as it should be. */
const DRAINED = /^drained by /;

/** A local service as its checks see it. */
export class Watched {
  readonly name: string;
  readonly #options: WatchedOptions;
  readonly #pace: number;
  #state: 'starting' | 'up' | 'down' = 'starting';
  #since = performance.now();
  #fails = 0;
  #goods = 0;
  #reason = '';
  #unreadySince: number | undefined;

  constructor(options: WatchedOptions) {
    this.name = options.name;
    this.#options = options;
    this.#pace = options.pace ?? 1;
  }

  get state(): 'starting' | 'up' | 'down' {
    return this.#state;
  }

  /** Monotonic milliseconds of the last change of `state`. */
  get since(): number {
    return this.#since;
  }

  /** Checks in a row that went well. */
  get goods(): number {
    return this.#goods;
  }

  /** Why the last check that failed did. */
  get reason(): string {
    return this.#reason;
  }

  /** Ready when asked last; what has no `/readyz` is ready while it is up. */
  get ready(): boolean {
    return this.#state === 'up' && this.#unreadySince === undefined;
  }

  /** All its checks, once. Never rejects. */
  async check(): Promise<void> {
    try {
      await Promise.all(this.#options.alive.map((one) => attempt(one)));
      await this.#askReady();
      this.#count(true);
    } catch (error) {
      this.#reason = describeError(error);
      this.#count(false);
    }
  }

  /** After an act of ours: what was seen before it counts no more. */
  forget(): void {
    this.#enter('starting');
    this.#fails = 0;
    this.#goods = 0;
    this.#unreadySince = undefined;
  }

  #count(good: boolean): void {
    if (good) {
      this.#fails = 0;
      if (++this.#goods >= RISE && this.#state !== 'up') this.#enter('up');
    } else {
      this.#goods = 0;
      this.#fails++;
      const starts =
        this.#state === 'starting' && performance.now() - this.#since < GRACE * this.#pace;
      if (this.#fails >= FALL && this.#state !== 'down' && !starts) this.#enter('down');
    }
  }

  #enter(state: 'starting' | 'up' | 'down'): void {
    this.#state = state;
    this.#since = performance.now();
  }

  async #askReady(): Promise<void> {
    const { ready, supported } = this.#options;
    if (ready === undefined) return;
    const { status, body } = await ask(ready, AbortSignal.timeout(TIMEOUT));
    const reasons = status === 200 ? [] : reasonsIn(body);
    if (status === 200 || !supported() || reasons.some((reason) => DRAINED.test(reason))) {
      this.#unreadySince = status === 200 ? undefined : performance.now();
      return;
    }
    this.#unreadySince ??= performance.now();
    const stuck = STUCK * this.#pace;
    if (performance.now() - this.#unreadySince < stuck) return;
    const why = reasons.join(', ') || `answers with status ${status}`;
    throw new Error(`not ready for ${stuck / 60_000} min: ${why}`);
  }
}

async function attempt(check: Check): Promise<void> {
  try {
    await check.run(AbortSignal.timeout(TIMEOUT));
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    const why = timedOut ? `nothing within ${TIMEOUT / 1000} s` : describeError(error);
    throw new Error(`${check.name}: ${why}`);
  }
}

/** The reasons in the body of a `/readyz`, ours or nats-server's; a peer may say anything. */
function reasonsIn(body: string): string[] {
  try {
    const { reasons, error } = JSON.parse(body) as { reasons?: unknown; error?: unknown };
    if (Array.isArray(reasons)) return reasons.map(String);
    return typeof error === 'string' ? [error] : [];
  } catch {
    return [];
  }
}
