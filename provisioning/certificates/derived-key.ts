import { createECDH, createPrivateKey, hkdfSync, type KeyObject } from 'node:crypto';

/** PKCS #8 around the 32 bytes of an Ed25519 key (RFC 8410, 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_LENGTH = 32;
const SALT = 'bramble';
/** Of the curve P-256: how many numbers are private keys, and one (FIPS 186-5, SP 800-186). */
const ORDER = 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n;
/** 64 bits more than the order has, so that no key is likelier than another (FIPS 186-5, A.2.1). */
const DRAWN = 40;

/** A private key that follows from the cluster's secret: another one for each use. */
export function derivedEd25519(secret: string, use: string): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', secret, SALT, use, KEY_LENGTH));
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

/** As derivedEd25519, on the curve P-256, which more programs know. */
export function derivedP256(secret: string, use: string): KeyObject {
  const drawn = Buffer.from(hkdfSync('sha256', secret, SALT, use, DRAWN)).toString('hex');
  const number = (BigInt(`0x${drawn}`) % (ORDER - 1n)) + 1n;
  const d = Buffer.from(number.toString(16).padStart(2 * KEY_LENGTH, '0'), 'hex');
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(d);
  const point = curve.getPublicKey();
  const part = (bytes: Buffer): string => bytes.toString('base64url');
  const x = part(point.subarray(1, 1 + KEY_LENGTH));
  const y = part(point.subarray(1 + KEY_LENGTH));
  return createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: part(d), x, y } });
}
