import type { Counters } from '../servers/counters.ts';
import type { RateCounter } from '../servers/rate.ts';

/** Most events in a second, over the whole process; 0 = any number. */
export interface RateLimits {
  readonly connections: number;
  readonly sessions: number;
  readonly tls: number;
}

export type RateName = keyof RateLimits;

/** Limits of `maxconnrate`, `maxsessrate` and `maxsslrate`, and what they are held against. */
export class Rates {
  readonly limits: Record<RateName, number>;
  readonly tls: RateCounter;
  readonly #connections: RateCounter;
  readonly #sessions: RateCounter;

  /** `counters` are the process's, whose requests are handshakes. */
  constructor(limits: RateLimits | undefined, counters: Counters) {
    this.limits = { connections: 0, sessions: 0, tls: 0, ...limits };
    this.#connections = counters.connectionRate;
    this.#sessions = counters.sessionRate;
    this.tls = counters.requestRate;
  }

  /** Whether one more has to wait now. */
  reached(secure: boolean): boolean {
    const { connections, sessions, tls } = this.limits;
    return (
      (connections > 0 && this.#connections.readAll() >= connections) ||
      (sessions > 0 && this.#sessions.readAll() >= sessions) ||
      (tls > 0 && secure && this.tls.readAll() >= tls)
    );
  }

  /** One more has come in. */
  count(secure: boolean): void {
    const now = Date.now();
    this.#connections.hit(now);
    this.#sessions.hit(now);
    if (secure) this.tls.hit(now);
  }
}
