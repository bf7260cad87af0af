import type { ReuseMode } from '../model.ts';

/** Which idle connections a request may have: of its client alone, proved ones, or all. */
export type Reuse = 'private' | 'safe' | 'safe-first' | 'idle-first';

/**
 * HAProxy 2.6 manual, section 4.2 `http-reuse`: only a request behind another one can be sent again
 * by its client, so a first one is not risked on a connection that the server may be closing.
 */
export function reuseFor(mode: ReuseMode | undefined, again: boolean): Reuse {
  if (mode === 'never') return 'private';
  if (again) return 'idle-first';
  if (mode === 'always') return 'safe-first';
  return mode === 'aggressive' ? 'safe' : 'private';
}
