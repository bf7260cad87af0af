import type { Expression } from '../samples/compile.ts';
import type { Certificate } from './certificate.ts';
import type { CertificateEntry } from './certificate-files.ts';
import type { Trust } from './trust.ts';

export const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type Version = (typeof VERSIONS)[number];

/** What a handshake may agree on. */
export interface TlsProtocol {
  readonly minVersion: Version;
  readonly maxVersion: Version;
  /** OpenSSL's list for up to TLS 1.2; undefined = the runtime's. */
  readonly ciphers: string | undefined;
  /** The same for TLS 1.3. */
  readonly ciphersuites: string | undefined;
  readonly curves: string | undefined;
  readonly tickets: boolean;
}

/** A `ca-file` or `crl-file`, as it was read. */
export interface TrustFile {
  readonly file: string;
  readonly trust: Trust;
}

/** The files that peers are judged by. */
export interface TrustFiles {
  readonly ca?: TrustFile | undefined;
  readonly crl?: TrustFile | undefined;
}

/** The TLS side of a `bind` line, its files read. Addresses of one line share it. */
export interface BindTls {
  readonly protocol: TlsProtocol;
  /** The first is the default. May change while running, as may what clients are judged by. */
  entries: readonly CertificateEntry[];
  readonly strictSni: boolean;
  /** undefined = no ALPN. */
  readonly alpn: readonly string[] | undefined;
  readonly preferClientCiphers: boolean;
  readonly verify: 'none' | 'optional' | 'required';
  /** PEM. */
  readonly authorities: readonly string[];
  readonly crls: readonly string[];
  /** What these come from. */
  readonly trustFiles?: TrustFiles | undefined;
  /** Results of the verification that do not matter: of OpenSSL's numbers. */
  readonly ignoredErrors: 'all' | ReadonlySet<number>;
  /** How long a session can be resumed, seconds. */
  readonly sessionLifetime: number;
  /** Most sessions kept for clients without tickets. */
  readonly sessionCache: number;
}

/** The TLS side of a `server` line, its files read. */
export interface ServerTls {
  readonly protocol: TlsProtocol;
  readonly verify: boolean;
  readonly authorities: readonly string[];
  readonly crls: readonly string[];
  /** What these come from. */
  readonly trustFiles?: TrustFiles | undefined;
  /** What we show of ourselves. May change while running. */
  certificate: Certificate | undefined;
  readonly alpn: readonly string[] | undefined;
  /** The name that is asked for. */
  readonly sni: Expression | undefined;
  /** The name that the server's certificate must have, whatever was asked for. */
  readonly verifyHost: string | undefined;
  /** Sessions are resumed. */
  readonly reuse: boolean;
}
