import type { SessionState } from '../http/session-state.ts';
import type { BindConfig } from '../model.ts';
import type { Backend } from '../servers/backend.ts';
import type { FrontendContext } from '../servers/types.ts';
import type { TcpHandle } from '../tcp/handle.ts';
import type { ProxyEnds } from '../tcp/proxy-header.ts';
import type { TcpScope } from '../tcp/tcp-scope.ts';
import type { TlsState } from '../tls/facts.ts';

/** The client's connection, as the PROXY header or else the socket tells it. */
export interface ClientAddress extends ProxyEnds {
  /** Where it came in. */
  readonly bind?: BindConfig | undefined;
  /** Before rules behind `tcp-request connection` gave it other addresses; undefined = none did. */
  readonly accepted?: ClientAddress | undefined;
}

/** For who is about to give it other addresses: remembers the first ones. */
export const rememberAccepted = (client: ClientAddress): ClientAddress => ({
  ...client,
  accepted: client.accepted ?? client,
});

interface Accepted {
  readonly bind: BindConfig;
  readonly client: ClientAddress;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** Bytes that arrived behind the PROXY header; handle them before the socket's own. */
  readonly head: Buffer | undefined;
  /** Variables that rules on the connection have set. */
  readonly session?: SessionState | undefined;
  /** Set where TLS ends here; its carrier takes the place of the plain handle. */
  readonly tls?: TlsState | undefined;
}

/**
 * A connection that a listener has accepted and counted (frontend scur, stot). Nobody reads it yet;
 * it is the plane's from here on.
 */
export interface AcceptedHandle extends Accepted {
  /** Chosen by a rule; undefined = the frontend's own. */
  readonly backend?: Backend | undefined;
  /** What rules and formats know of it. */
  readonly scope?: TcpScope | undefined;
  readonly handle: TcpHandle;
}

/**
 * `done` is to be called once, when the connection has ended: it takes the session off the
 * frontend's counters and lets the next one in.
 */
export type HandleHandler = (
  connection: AcceptedHandle,
  context: FrontendContext,
  done: () => void,
) => void;
