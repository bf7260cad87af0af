import type { TlsFacts } from '../samples/scope.ts';
import type { FrontendContext } from '../servers/types.ts';
import type { Pools } from './pool.ts';
import type { PrivateConnections } from './private-connections.ts';
import type { SessionState } from './session-state.ts';

/** The client's side, as an exchange sees it. */
export interface ExchangeClient {
  readonly context: FrontendContext;
  readonly pools: Pools;
  /** Server connections that only this client may use again. */
  readonly own: PrivateConnections;
  /** What rules keep from one request to the next. */
  readonly session: SessionState;
  readonly tls: TlsFacts | undefined;
  /** Not the first request of its connection. */
  readonly again: boolean;
  /** The process is ending: the connection is not to live on. */
  readonly draining: boolean;
  /**
   * Writes to the client; false = wait for `clientDrained`. Parts of what was just read are copied
   * in time.
   */
  send(head: string, parts: readonly Buffer[]): boolean;
  /** Takes body bytes again that were held back. */
  resume(): void;
  /** Takes none until `resume`. */
  pause(): void;
  /** Limit on the client's next sign of life, milliseconds; undefined = none. */
  limit(milliseconds: number | undefined): void;
  /** Ends the connection without telling the client. */
  forget(): void;
  /** Sends FIN behind what was written; more may still come from the client. */
  sendEnd(): void;
  /** Somebody else looks after the client from here on. */
  handOver(user: ClientUser): void;
  /** The exchange is over; `keep` = the connection may carry another. */
  exchangeDone(keep: boolean): void;
}

/** Who looks after what the client does while a request is under way. */
export interface ClientUser {
  /** Whether `takeBody` wants what the client sends. */
  readonly wantsBody: boolean;
  /**
   * Takes bytes from the client, which are good until it returns; gives the position behind what it
   * took.
   */
  takeBody(input: Buffer, offset: number): number;
  /** The client takes more again. */
  clientDrained(): void;
  /** The client has sent its FIN; everything before it was handed over. */
  clientEnded(): void;
  /** The client's connection is gone. */
  clientClosed(): void;
  /** The limit on the client has passed. */
  clientExpired(): void;
}
