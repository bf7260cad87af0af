import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES, systemCode } from '#core/errors.ts';

type TlsConfig = NonNullable<ClusterConfig['mqtt']['tls']>;

/** `mqtt.tls` of cluster.yaml with its files read and checked. */
export interface TlsSettings {
  context: { cert: Buffer; key: Buffer; ca?: Buffer; crl?: Buffer };
  clientCertificate: 'none' | 'optional' | 'required';
  /** What of the client's certificate is its user name. */
  user: 'common-name' | 'san' | 'none';
  /** The user name of a verified certificate; '' where none is taken, undefined where it has none. */
  userOf(certificate: X509Certificate): string | undefined;
  /** The server's own certificate, for warnings before it ends. */
  certificate: X509Certificate;
}

/**
 * Reads the files that `mqtt.tls` names, relative to cluster.yaml. Throws CONFIG_INVALID when one
 * cannot be read or the certificate and key do not belong together.
 */
export function loadTls(config: TlsConfig, clusterFile: string): TlsSettings {
  const read = (what: string, file: string): Buffer => {
    const full = path.resolve(path.dirname(clusterFile), file);
    try {
      return readFileSync(full);
    } catch (cause) {
      const why = systemCode(cause) === 'ENOENT' ? 'no such file' : describeError(cause);
      throw invalid(`mqtt.tls.${what}: ${full}: ${why}`, cause);
    }
  };
  const { clients } = config;
  const context = {
    cert: read('certificate', config.certificate),
    key: read('key', config.key),
    ...(clients.authority === undefined
      ? {}
      : { ca: read('clients.authority', clients.authority) }),
    ...(clients.revoked === undefined ? {} : { crl: read('clients.revoked', clients.revoked) }),
  };
  let certificate: X509Certificate;
  try {
    tls.createSecureContext(context);
    certificate = new X509Certificate(context.cert);
  } catch (cause) {
    const { certificate: cert, key } = config;
    throw invalid(`mqtt.tls: ${cert} and ${key}: ${describeError(cause).trim()}`, cause);
  }
  return {
    context,
    clientCertificate: clients.certificate,
    user: clients.user,
    userOf: (from) => userName(from, clients.user),
    certificate,
  };
}

function invalid(message: string, cause: unknown): BrambleError {
  return new BrambleError(ERROR_CODES.CONFIG_INVALID, message, { cause });
}

/** Common Name (RFC 5280, 4.1.2.6), or the first DNS, mail or URI name of 4.2.1.6. */
function userName(certificate: X509Certificate, kind: TlsSettings['user']): string | undefined {
  if (kind === 'none') return '';
  const { subject, subjectAltName } = certificate;
  const name =
    kind === 'common-name'
      ? /^CN=(.+)$/m.exec(subject ?? '')?.[1]
      : /(?:^|, )(?:DNS|email|URI):([^,]+)/.exec(subjectAltName ?? '')?.[1];
  return name === undefined || name.includes('\u0000') ? undefined : name;
}
