import type { RequestHead } from '../../http/head.ts';
import type { Scope } from '../../samples/scope.ts';

/** What is known of a session when its server is chosen: what keys are taken from. */
export interface HashSubject {
  /** Address of the client, as text; '' where it has none (a unix socket). */
  readonly source: string;
  /** In mode http. */
  readonly head?: RequestHead | undefined;
  /** What expressions look at, where the algorithm is one. */
  readonly scope?: Scope | undefined;
  /** What there is of the request's body (mode http), or what the client has sent (mode tcp). */
  readonly data?: readonly Buffer[] | undefined;
}

/** What a hasher returns when the session has no such key: then servers take turns. */
export const NO_HASH = -1;
