import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { systemReason } from './system-reason.ts';

/** A certificate with its key and chain, as `crt` names it. */
export interface Certificate {
  readonly file: string;
  /** PEM. */
  readonly key: string;
  /** PEM: the certificate itself first, then what leads to its issuer. */
  readonly chain: string;
  /** Names that it stands for, in lower case; `*.` in front stands for one label. */
  readonly names: readonly string[];
  /** `rsa`, `ec`, `ed25519` …: a name may have one certificate of each. */
  readonly keyType: string;
}

/** Why a file cannot be used; the text is HAProxy's. */
export class CertificateError extends Error {}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/** PEM blocks in a text, by kind (RFC 7468). */
export function pemBlocks(text: string): {
  certificates: string[];
  keys: string[];
  crls: string[];
} {
  const certificates: string[] = [];
  const keys: string[] = [];
  const crls: string[] = [];
  for (const [block, kind = ''] of text.matchAll(BLOCK)) {
    if (/^(X509 |TRUSTED )?CERTIFICATE$/.test(kind)) certificates.push(block);
    else if (kind.endsWith('PRIVATE KEY')) keys.push(block);
    else if (kind === 'X509 CRL') crls.push(block);
  }
  return { certificates, keys, crls };
}

/**
 * Reads one file with a certificate, its chain and its key in any order; the key may stand in
 * `<file>.key` (HAProxy manual, section 5.1 "crt"). Throws CertificateError.
 */
export function loadCertificate(file: string): Certificate {
  const { certificates, keys } = pemBlocks(readText(file));
  const [key] = keys.length > 0 || certificates.length === 0 ? keys : keysBeside(file);
  if (certificates.length > 0 && key === undefined) {
    throw new CertificateError(`No Private Key found in '${file}.key'.`);
  }
  return certificateOf(file, certificates, key ?? '');
}

/** Puts a certificate together, its own block first. Throws CertificateError. */
export function certificateOf(
  file: string,
  certificates: readonly string[],
  key: string,
): Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificates[0] ?? '');
  } catch {
    throw new CertificateError(`unable to load certificate from file '${file}'.`);
  }
  const secret = readKey(key, file);
  if (!certificate.checkPrivateKey(secret)) {
    const what = 'inconsistencies between private key and certificate loaded';
    throw new CertificateError(`${what} '${file}'.`);
  }
  return {
    file,
    key,
    chain: certificates.join('\n'),
    names: namesOf(certificate),
    keyType: secret.asymmetricKeyType ?? '',
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    const what = 'unable to stat SSL certificate from file';
    throw new CertificateError(`${what} '${file}' : ${systemReason(error)}.`);
  }
}

const keysBeside = (file: string): string[] =>
  existsSync(`${file}.key`) ? pemBlocks(readText(`${file}.key`)).keys : [];

/** Throws CertificateError. */
export function readKey(key: string, file: string): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    const encrypted = key.includes('ENCRYPTED') ? ', it is encrypted' : '';
    throw new CertificateError(`unable to load private key from file '${file}'${encrypted}.`);
  }
}

/** DNS names of the subject's alternatives, and its common names (HAProxy looks at both). */
function namesOf({ subject, subjectAltName }: X509Certificate): string[] {
  const alternatives = (subjectAltName ?? '').split(', ').flatMap((each) => {
    const [, name] = /^DNS:(.+)$/.exec(each) ?? [];
    return name === undefined ? [] : [name];
  });
  const common = (subject ?? '').split('\n').flatMap((each) => {
    const [, name] = /^CN=(.+)$/.exec(each) ?? [];
    return name === undefined ? [] : [name];
  });
  return [...new Set([...alternatives, ...common].map((name) => name.toLowerCase()))];
}
