import type { KeyObject } from 'node:crypto';
import { certificate } from './certificate.ts';
import { derivedEd25519 } from './derived-key.ts';

export interface RouteCertificates {
  /** Of the authority that all nodes trust, PEM. */
  authority: string;
  /** The node's own with its key, PEM. */
  node: string;
}

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
  return derivedEd25519(secret, `nats routes ${use}`);
}
