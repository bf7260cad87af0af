import { certificate } from './certificate.ts';
import { derivedEd25519, derivedP256 } from './derived-key.ts';

const AUTHORITY = 'Bramble Kafka';

/** Whom clients of Kafka, and its nodes, trust: it follows from the cluster's secret. PEM. */
export function kafkaAuthority(secret: string): string {
  const issuer = issuerOf(secret);
  return certificate({ name: AUTHORITY, addresses: [], key: issuer.key, issuer });
}

/**
 * What a Kafka node shows, with its key, PEM. Kafka reads keys of RSA, DSA and EC alone (KIP-651);
 * who checks it must know Ed25519, as Java does since 15.
 */
export function kafkaCertificate(secret: string, node: { name: string; address: string }): string {
  const key = derivedP256(secret, `kafka node ${node.name}`);
  const request = { name: node.name, addresses: [node.address], key, issuer: issuerOf(secret) };
  return certificate(request) + key.export({ type: 'pkcs8', format: 'pem' });
}

function issuerOf(secret: string) {
  return { name: AUTHORITY, key: derivedEd25519(secret, 'kafka authority') };
}
