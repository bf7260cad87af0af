import { constants } from 'node:crypto';
import tls from 'node:tls';
import type { Certificate } from './certificate.ts';
import type { BindTls, ServerTls, TlsProtocol } from './config.ts';

/** OpenSSL's own for TLS 1.3; the runtime drops that version when a list names none of them. */
const DEFAULT_CIPHERSUITES =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';

/** OpenSSL's own up to TLS 1.2, which are what HAProxy has by default. */
const DEFAULT_CIPHERS = 'DEFAULT';

function protocolOptions(protocol: TlsProtocol): tls.SecureContextOptions {
  const { minVersion, maxVersion, ciphers, ciphersuites, curves } = protocol;
  // The runtime tells the two lists apart by this beginning.
  if (ciphersuites?.split(':').some((suite) => !suite.startsWith('TLS_'))) {
    throw new Error('not a cipher suite of TLS 1.3');
  }
  return {
    minVersion,
    maxVersion,
    ciphers: `${ciphersuites ?? DEFAULT_CIPHERSUITES}:${ciphers ?? DEFAULT_CIPHERS}`,
    ...(curves !== undefined && { ecdhCurve: curves }),
  };
}

/** A listener's context with these certificates, at most one of each key type. Throws OpenSSL's errors. */
export function serverContext(
  bind: BindTls,
  certificates: readonly Certificate[],
  ticketKeys?: Buffer,
): tls.SecureContext {
  const { authorities, crls, protocol } = bind;
  let secureOptions = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION;
  if (!bind.preferClientCiphers) secureOptions |= constants.SSL_OP_CIPHER_SERVER_PREFERENCE;
  if (!protocol.tickets) secureOptions |= constants.SSL_OP_NO_TICKET;
  return tls.createSecureContext({
    ...protocolOptions(protocol),
    secureOptions,
    // A session is only resumed where it began (SSL_CTX_set_session_id_context(3)).
    sessionIdContext: 'bramble',
    sessionTimeout: bind.sessionLifetime,
    dhparam: 'auto',
    ...(ticketKeys && { ticketKeys }),
    ...(certificates.length > 0 && {
      key: certificates.map(({ key }) => key),
      cert: certificates.map(({ chain }) => chain),
    }),
    ...(bind.verify !== 'none' && { ca: [...authorities] }),
    ...(crls.length > 0 && { crl: [...crls] }),
  });
}

/** A client's context, for connections to a server. Throws OpenSSL's errors. */
export function clientContext(server: ServerTls): tls.SecureContext {
  const { authorities, crls, certificate, protocol } = server;
  return tls.createSecureContext({
    ...protocolOptions(protocol),
    ...(!protocol.tickets && { secureOptions: constants.SSL_OP_NO_TICKET }),
    ...(certificate && { key: certificate.key, cert: certificate.chain }),
    ...(server.verify && { ca: [...authorities] }),
    ...(crls.length > 0 && { crl: [...crls] }),
  });
}
