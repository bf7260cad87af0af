import type { Message } from '../http/message.ts';
import type { ClientAddress } from '../listeners/handler.ts';
import type { Position } from '../model.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { FrontendContext } from '../servers/types.ts';
import type { StickTable } from '../stickiness/table/table.ts';
import type { TrackerPair } from '../stickiness/table/trackers.ts';
import type { Sample } from './sample.ts';
import type { VariableName } from './variables.ts';

/** What a TLS listener knows of a connection; absent on plain ones. */
export interface TlsFacts {
  /** `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  readonly sni: string | undefined;
  readonly alpn: string | undefined;
  readonly resumed: boolean;
  /** Bits of the cipher's key. */
  readonly keySize?: number | undefined;
  readonly sessionId?: Uint8Array | undefined;
  /** The peer's certificate, DER. */
  readonly peerCertificate?: Uint8Array | undefined;
  /** The certificate that we showed, DER. */
  readonly ownCertificate?: Uint8Array | undefined;
  /** OpenSSL's result of verifying the peer's; 0 = well. */
  readonly verifyResult?: number | undefined;
}

/** The proxies of the running configuration, by name. */
export interface Directory {
  frontend(name: string): FrontendContext | undefined;
  backend(name: string): Backend | undefined;
  /** A stick-table, by the name of its proxy. */
  table?(name: string): StickTable | undefined;
}

/** Both ends of the connection to the server. */
export interface ServerEnds {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
}

/**
 * What an expression may look at: a connection, and of its request whatever is known so far. What
 * is missing makes a fetch yield nothing.
 */
export interface Scope extends TrackerPair {
  readonly frontend: FrontendContext;
  readonly directory: Directory | undefined;
  readonly backend: Backend | undefined;
  readonly server: Server | undefined;
  readonly client: ClientAddress;
  readonly tls: TlsFacts | undefined;
  readonly request: Message | undefined;
  readonly response: Message | undefined;
  /** The request's line as the client sent it, for captures and logs. */
  readonly requestLine: string | undefined;
  /** Not the first request of its connection. */
  readonly again: boolean;
  /** Why the connection came to nothing, in words; undefined where it did not. */
  readonly fault?: string | undefined;
  /** What has come of the request's body, latin1; undefined = nobody waited for it. */
  readonly body: string | undefined;
  /** Length that the request's body announces; undefined in chunks. */
  readonly bodySize: number | undefined;
  /** In `mode tcp`, what has come from the client and was not passed on yet. */
  readonly payload: Buffer | undefined;
  /** In `mode tcp`, what has come from the server and was not passed on yet. */
  readonly answer?: Buffer | undefined;
  /** No more can come, or nobody waits any longer: what is missing stays missing. */
  readonly final: boolean;
  /** A fetch that found nothing yet says so here, where more may come. */
  missing?: boolean;
  readonly uniqueId: string | undefined;
  /** The coding that the response gets on its way to the client. */
  readonly compression?: string | undefined;
  /** The cache that answers. */
  readonly answeringCache?: string | undefined;
  readonly serverEnds: ServerEnds | undefined;
  /** Of the server's connection, where that is encrypted. */
  readonly serverTls?: TlsFacts | undefined;
  /** `timeout server` and `timeout tunnel` as rules have set them; undefined = the backend's. */
  readonly serverTimeout?: number | undefined;
  readonly tunnelTimeout?: number | undefined;
  /** The last rule that ended a list. */
  readonly lastRule?: Position | undefined;
  readonly captures: { readonly request: Captures; readonly response: Captures };
  variable(name: VariableName): Sample | undefined;
  setVariable(name: VariableName, value: Sample | undefined): void;
}

/** Captured values by slot. */
export type Captures = readonly (string | undefined)[];
