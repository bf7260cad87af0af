import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { NO_HASH } from '../policies/hashing/subject.ts';
import type { Assignment, AssignOptions } from './types.ts';
import type { Waiter } from './wait-queue.ts';

let order = 0;

/** Who lets waiters in and out of the queues. */
export interface WaitHost {
  readonly name: string;
  /** Longest wait, milliseconds; undefined = for ever. */
  readonly limit: number | undefined;
  enter(waiter: Waiter): void;
  leave(waiter: Waiter): void;
}

/**
 * Waits until it is granted a place, refused one, out of time (QUEUE_TIMEOUT) or called off
 * (QUEUE_ABORTED).
 */
export function waitFor(host: WaitHost, options: AssignOptions): Promise<Assignment> {
  const { avoid, hash = NO_HASH, signal, left } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Assignment>();
  const giveUp = (code: 'QUEUE_ABORTED' | 'QUEUE_TIMEOUT', why: string): void => {
    host.leave(waiter);
    reject(new BrambleError(ERROR_CODES[code], `${host.name}: ${why}`));
  };
  const abort = (): void => giveUp('QUEUE_ABORTED', 'left the queue');
  const expire = (): void =>
    giveUp('QUEUE_TIMEOUT', `no place on a server within ${host.limit} ms`);
  const timer = host.limit === undefined ? undefined : setTimeout(expire, host.limit);
  const waiter: Waiter = {
    order: order++,
    since: Date.now(),
    servedBefore: 0,
    serverQueue: 0,
    backendQueue: 0,
    left,
    avoid,
    hash,
    grant: resolve,
    refuse: reject,
    settle: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
    queue: undefined,
    previous: undefined,
    next: undefined,
  };
  host.enter(waiter);
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  return promise;
}
