import type { ClientAddress } from '../listeners/handler.ts';
import type { FrontendContext } from '../servers/types.ts';
import type { Backend } from './backend.ts';
import type { Server } from './server.ts';
import type { Severable } from './sever.ts';

/** What can be told of a session that is under way. */
export interface SessionFacts {
  readonly client: ClientAddress;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly frontend: FrontendContext;
  readonly backend: Backend | undefined;
  readonly server: Server | undefined;
  /** Bytes from the client and to it, in this session or request. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A session that can be looked at and ended from outside. */
export interface LiveSession extends Severable {
  readonly facts: SessionFacts;
}
