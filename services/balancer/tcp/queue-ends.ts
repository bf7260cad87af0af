import { ERROR_CODES } from '#core/errors.ts';

/** How a session ends whose wait for a server was in vain. */
export const QUEUE_ENDS: ReadonlyMap<string | undefined, string> = new Map([
  [ERROR_CODES.QUEUE_TIMEOUT, 'sQ'],
  [ERROR_CODES.QUEUE_FULL, 'SQ'],
]);
