import type net from 'node:net';
import type { BindConfig } from '../model.ts';
import type { FrontendContext } from '../servers/types.ts';

/** One end of the client's connection, as the PROXY header or else the socket tells it. */
export interface ClientAddress {
  readonly host: string;
  readonly port: number;
  /** Where the client connected to. */
  readonly localHost: string;
  readonly localPort: number;
}

/** A connection that a listener has accepted and counted (frontend scur, stot). */
export interface AcceptedConnection {
  readonly socket: net.Socket;
  readonly bind: BindConfig;
  readonly client: ClientAddress;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** Bytes that arrived behind the PROXY header; handle them before the socket's own. */
  readonly head: Buffer | undefined;
}

/**
 * A plane's entry. The socket is paused, has no listeners and is the plane's from here on; the
 * listener takes the session off the frontend's counters when the socket has closed.
 */
export type ConnectionHandler = (connection: AcceptedConnection, context: FrontendContext) => void;
