import type { Counters } from './counters.ts';
import type { Server } from './server.ts';

/** The places on a server, whichever worker gives them out. */
export interface Places {
  /** Sessions on it now. */
  readonly taken: number;
  /** Takes one unless that would be more than `limit`; undefined = any number. */
  take(limit: number | undefined): boolean;
  give(): void;
}

/**
 * What the workers of one process have in common; a process that serves with one has none of it.
 *
 * Counts, places and stick-tables lie in memory that all see at once. Where a server stands is
 * decided by the first worker alone, which checks and takes orders; the others are told, and are
 * behind by the time of a message. An algorithm's turns are each worker's own.
 */
export interface Sharing {
  /** Of the client side of a proxy, of its server side, of a server, of the process. */
  counters(scope: ScopeName): Counters;
  places(server: ScopeName): Places;
  /** Where consecutive errors of a server are counted (`observe`). */
  errors(server: ScopeName): Int32Array;
  /** Says to another worker that a place on the server is for those who wait there. */
  ring(worker: number, server: Server, hops: number): void;
  /** Reports what sessions tell of a server to who decides; undefined in the one that does. */
  readonly suspect?: ((server: Server, info: string) => void) | undefined;
  /** Told of every change to a server, once a change or more often; undefined in who is told. */
  readonly changed?: ((server: Server) => void) | undefined;
}

export type ScopeName =
  | `bind ${string}`
  | `${'frontend' | 'backend'} ${string}`
  | `server ${string}/${string}`
  | 'process';

export const serverScope = (backend: string, server: string): ScopeName =>
  `server ${backend}/${server}`;
