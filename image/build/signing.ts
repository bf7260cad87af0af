import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** Reads the private key (PEM, Ed25519) that releases are signed with. Rejects for any other. */
export async function readSigningKey(file: string): Promise<KeyObject> {
  const key = createPrivateKey(await readFile(file));
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new Error(`${file}: not an Ed25519 key (openssl genpkey -algorithm ed25519 -out ${file})`);
}

/** What goes into the image, to tell our updates from others: PEM. */
export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
}

/**
 * The 64 bytes of an Ed25519 signature (RFC 8032), which
 * `openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub -in FILE -sigfile FILE.sig` checks.
 */
export function signatureOf(content: Buffer, key: KeyObject): Buffer {
  return sign(null, content, key);
}
