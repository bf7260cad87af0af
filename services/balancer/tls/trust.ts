import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { CertificateError, pemBlocks } from './certificate.ts';
import { systemReason } from './system-reason.ts';

/** What peers' certificates are judged by, in PEM. */
export interface Trust {
  readonly certificates: readonly string[];
  readonly crls: readonly string[];
}

/**
 * Reads a `ca-file` or `crl-file`: a file, a directory of files, or `@system-ca`. Throws
 * CertificateError.
 */
export function loadTrust(where: string): Trust {
  if (where === '@system-ca') {
    return { certificates: tls.getCACertificates('system'), crls: [] };
  }
  const fail = (reason: string): never => {
    throw new CertificateError(`Couldn't open the ca-file '${where}' (${reason}).`);
  };
  try {
    const files = statSync(where).isDirectory()
      ? readdirSync(where).map((name) => path.join(where, name))
      : [where];
    const blocks = files.map((file) => pemBlocks(readFileSync(file, 'latin1')));
    const certificates = blocks.flatMap((each) => each.certificates);
    const crls = blocks.flatMap((each) => each.crls);
    if (certificates.length + crls.length === 0) return fail('no certificate or crl found');
    return { certificates, crls };
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    return fail(systemReason(error));
  }
}
