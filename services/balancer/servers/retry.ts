import type { Backend } from './backend.ts';
import type { Server } from './server.ts';
import type { Assignment } from './types.ts';

/** HAProxy's turn-around between two attempts on one server, milliseconds. */
const TURN_AROUND = 1000;

/**
 * What to do after an attempt to connect has failed: give up, try the same server again (keeping
 * the place), or give the place back and assign again with `avoid` set to this server.
 */
export interface Retry {
  readonly action: 'give-up' | 'same' | 'redispatch';
  /** Wait this long first, milliseconds. */
  readonly delay: number;
}

/**
 * How a session belongs to its server: by balancing alone, by stickiness, which is not left as
 * lightly, or by `force-persist`, which is not left at all.
 */
export type Hold = 'none' | 'sticky' | 'forced';

/** With these a retry goes elsewhere at once: what HAProxy counts as kinds of round robin. */
const TAKES_TURNS: ReadonlySet<string> = new Set(['roundrobin', 'static-rr', 'random']);

const GIVE_UP: Retry = { action: 'give-up', delay: 0 };

/**
 * HAProxy's rule (manual, `retries` and `option redispatch`). `failures` counts the failed
 * attempts of this session so far, from 1. `kind` is `error` when the network said no and `timeout`
 * when nobody answered: only an `error` is waited after, for the same server will hardly have
 * changed its mind at once. `response`: it was reached, but `retry-on` takes what came of it for a
 * failure.
 */
export function afterFailure(
  server: Server,
  failures: number,
  kind: 'error' | 'timeout' | 'response',
  hold: Hold = 'none',
): Retry {
  const { backend } = server;
  const { retries, retryOn, redispatch, balance, timeouts } = backend.config;
  if (failures > retries) return GIVE_UP;
  if (kind !== 'response' && !retryOn.includes('conn-failure')) return GIVE_UP;
  const turns = TAKES_TURNS.has(balance.name) && backend.active > 1;
  const elsewhere =
    redispatch !== undefined &&
    hold !== 'forced' &&
    (!server.running || (turns && hold === 'none') || due(redispatch, failures, retries));
  const patient = kind === 'error' && !(elsewhere && turns);
  const delay = patient ? Math.min(TURN_AROUND, timeouts.connect ?? TURN_AROUND) : 0;
  return { action: elsewhere ? 'redispatch' : 'same', delay };
}

/** Every N-th retry for a positive interval; counted from the last one for a negative. */
function due(interval: number, failures: number, retries: number): boolean {
  if (interval > 0) return failures % interval === 0;
  const every = retries + 1 + interval;
  return interval < 0 && every > 0 && failures % every === 0;
}

/** Counts a retry on the same server, or one that an assignment brought to the same or another. */
export function countRetry(backend: Backend, previous: Server, assignment: Assignment): void {
  if (assignment.server === previous) {
    previous.counters.wretr += 1;
    backend.counters.wretr += 1;
  } else {
    previous.counters.wredis += 1;
    backend.counters.wredis += 1;
  }
}
