import type { Server } from '../servers/server.ts';

/**
 * Chooses among the active servers of one backend. Selection yields one candidate at a time:
 * queueing, backup servers, retry and redispatch are the caller's.
 */
export interface Policy {
  /**
   * The server for the next session, or undefined when none of them has a free place. `avoid` is
   * taken only when no other can be.
   */
  pick(avoid: Server | undefined): Server | undefined;
  /** A server became usable or unusable, or its weight changed. */
  changed(server: Server): void;
  /** The number of sessions on or waiting for a server changed. */
  loaded(server: Server): void;
}
