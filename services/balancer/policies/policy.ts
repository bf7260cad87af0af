import type { Server } from '../servers/server.ts';

/**
 * Chooses among the active servers of one backend. Selection yields one candidate at a time:
 * queueing, backup servers, retry and redispatch are the caller's.
 */
export interface Policy {
  /**
   * The server for the next session, or undefined when none of them has a free place. `avoid` is
   * taken only when no other can be. `hash` stands for the session's key: the server it belongs to
   * is the answer even when that one is full. NO_HASH or nothing where it has none.
   */
  pick(avoid: Server | undefined, hash?: number): Server | undefined;
  /** A server became usable or unusable, or its weight changed. */
  changed(server: Server): void;
  /** The number of sessions on or waiting for a server changed. */
  loaded(server: Server): void;
  /** A server took this long to answer. */
  observed?(server: Server, milliseconds: number): void;
}
