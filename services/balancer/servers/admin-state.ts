import type { TurnCause } from './types.ts';

/** What somebody ordered, whatever its health is. */
export type AdminState = 'ready' | 'drain' | 'maint';

/** What an order that changes it is told as. */
export function causeOf(before: AdminState, state: AdminState): TurnCause {
  if (state === 'maint') return 'maintenance';
  if (state === 'drain') return before === 'maint' ? 'drain-from-maint' : 'drain';
  return before === 'maint' ? 'ready-from-maint' : 'ready-from-drain';
}

/** HAProxy's operational states (management guide, `show servers state`). */
export type SavedStand = 'down' | 'starting' | 'running' | 'stopping';

/** Where a former process left it. */
export interface SavedState {
  /** undefined = as configured. */
  admin: AdminState | undefined;
  stood: SavedStand;
  /** Milliseconds since the epoch. */
  lastChange: number;
}
