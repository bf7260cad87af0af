import { createPrivateKey, hkdfSync, type KeyObject } from 'node:crypto';
import { certificate } from './certificate.ts';

export interface RouteCertificates {
  /** Of the authority that all nodes trust, PEM. */
  authority: string;
  /** The node's own with its key, PEM. */
  node: string;
}

/** PKCS #8 around the 32 bytes of an Ed25519 key (RFC 8410, 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_LENGTH = 32;
const AUTHORITY = 'Bramble nodes';

/**
 * What nats-servers know each other by. All of it follows from the cluster's secret, which each node
 * has: nobody hands out certificates, none is ever renewed, and writing them again changes nothing.
 */
export function routeCertificates(
  secret: string,
  node: { name: string; address: string },
): RouteCertificates {
  const issuer = { name: AUTHORITY, key: keyOf(secret, 'authority') };
  const key = keyOf(secret, `node ${node.name}`);
  const request = { name: node.name, addresses: [node.address], key, issuer };
  return {
    authority: certificate({ name: AUTHORITY, addresses: [], key: issuer.key, issuer }),
    node: certificate(request) + key.export({ type: 'pkcs8', format: 'pem' }),
  };
}

function keyOf(secret: string, use: string): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', secret, 'bramble', `nats routes ${use}`, KEY_LENGTH));
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}
