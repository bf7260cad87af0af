/** `compression` lines of a proxy: HAProxy 2.6 manual, section 4.2. */
export interface CompressionConfig {
  /** The one to be tried first comes last. */
  readonly algorithms: readonly Algorithm[];
  /** Beginnings of content types; empty = all. */
  readonly types: readonly string[];
  /** Servers do not see `accept-encoding`. */
  readonly offload: boolean;
}

export type Algorithm = 'identity' | 'gzip' | 'deflate' | 'raw-deflate';

export const ALGORITHMS: readonly Algorithm[] = ['identity', 'gzip', 'deflate', 'raw-deflate'];

/** What messages call it; both kinds of deflate have one name. */
export const codingOf = (algorithm: Algorithm): string =>
  algorithm === 'raw-deflate' ? 'deflate' : algorithm;
