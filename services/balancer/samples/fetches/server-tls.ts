import { type Fetch, type FetchTable, plain } from '../fetch.ts';
import { bin, bool, int, optional, type Sample, str, textOf } from '../sample.ts';
import type { TlsFacts } from '../scope.ts';

const fact = <T>(
  out: Fetch['out'],
  summary: string,
  read: (facts: TlsFacts) => T | undefined,
  make: (value: T) => Sample,
): Fetch =>
  plain(out, 'server', summary, ({ serverTls }) => optional(serverTls && read(serverTls), make));

/** TLS towards servers: HAProxy 2.6 manual, section 7.3.4. */
export const SERVER_TLS_FETCHES: FetchTable = {
  ssl_bc: plain('bool', 'server', 'whether the server is spoken to by TLS', ({ serverTls }) =>
    bool(serverTls !== undefined),
  ),
  ssl_bc_protocol: fact('str', 'version of TLS', ({ protocol }) => protocol, str),
  ssl_bc_cipher: fact('str', 'cipher', ({ cipher }) => cipher, str),
  ssl_bc_alg_keysize: fact('sint', "bits of the cipher's key", ({ keySize }) => keySize, int),
  ssl_bc_use_keysize: fact('sint', "bits of the cipher's key", ({ keySize }) => keySize, int),
  ssl_bc_alpn: fact('str', 'protocol agreed on', ({ alpn }) => alpn, str),
  ssl_bc_is_resumed: fact(
    'bool',
    'whether the TLS session was resumed',
    ({ resumed }) => resumed,
    bool,
  ),
  ssl_bc_session_id: fact(
    'bin',
    'TLS session id',
    ({ sessionId }) => sessionId,
    (id) => bin(textOf(id)),
  ),
};
