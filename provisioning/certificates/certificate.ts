import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import {
  bits,
  integer,
  objectIdentifier,
  octets,
  sequence,
  set,
  tagged,
  text,
  time,
  yes,
} from './der.ts';

export interface CertificateRequest {
  /** Its common name. */
  name: string;
  /** IP addresses that it is for; none: it is an authority. */
  addresses: readonly string[];
  /** Its private key. */
  key: KeyObject;
  /** Who signs, with an Ed25519 key; an authority signs itself. */
  issuer: { name: string; key: KeyObject };
}

const ED25519 = sequence(objectIdentifier('1.3.101.112'));
const VERSION_3 = tagged(0, true, integer(Buffer.from([2])));
const COMMON_NAME = '2.5.4.3';
/** A Pi without a network may believe in any year. */
const NOT_BEFORE = new Date('2000-01-01T00:00:00Z');
/** Has no end (RFC 5280, 4.1.2.5): who may no longer be trusted gets another cluster.secret. */
const NOT_AFTER = new Date('9999-12-31T23:59:59Z');
const SERIAL_LENGTH = 16;
const KEY_ID_LENGTH = 20;

/**
 * An X.509 certificate as PEM (RFC 5280, RFC 8410). The same request gives the same bytes: Ed25519
 * signs without chance, and the serial number is taken from the name and the key.
 */
export function certificate({ name, addresses, key, issuer }: CertificateRequest): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const body = sequence(
    VERSION_3,
    integer(serial(name, spki)),
    ED25519,
    distinguished(issuer.name),
    sequence(time(NOT_BEFORE), time(NOT_AFTER)),
    distinguished(name),
    spki,
    tagged(3, true, sequence(...extensions(addresses, spki, issuer.key))),
  );
  return pem(sequence(body, ED25519, bits(sign(null, body, issuer.key))));
}

function extensions(addresses: readonly string[], spki: Buffer, issuer: KeyObject): Buffer[] {
  const authority = addresses.length === 0;
  const issuerSpki = createPublicKey(issuer).export({ type: 'spki', format: 'der' });
  const common = [
    extension('2.5.29.14', octets(keyId(spki))),
    extension('2.5.29.35', sequence(tagged(0, false, keyId(issuerSpki)))),
  ];
  if (authority) {
    // basicConstraints: an authority. keyUsage: keyCertSign.
    const constraints = sequence(yes());
    return [
      critical('2.5.29.19', constraints),
      critical('2.5.29.15', bits(Buffer.from([0x04]), 2)),
      ...common,
    ];
  }
  const uses = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'].map(objectIdentifier);
  const names = addresses.map((address) => tagged(7, false, addressBytes(address)));
  return [
    critical('2.5.29.19', sequence()),
    // keyUsage: digitalSignature. extKeyUsage: server and client. subjectAltName.
    critical('2.5.29.15', bits(Buffer.from([0x80]), 7)),
    extension('2.5.29.37', sequence(...uses)),
    extension('2.5.29.17', sequence(...names)),
    ...common,
  ];
}

const extension = (id: string, content: Buffer): Buffer =>
  sequence(objectIdentifier(id), octets(content));
const critical = (id: string, content: Buffer): Buffer =>
  sequence(objectIdentifier(id), yes(), octets(content));

const distinguished = (name: string): Buffer =>
  sequence(set(sequence(objectIdentifier(COMMON_NAME), text(name))));

function serial(name: string, spki: Buffer): Buffer {
  const sum = createHash('sha256').update(name).update(spki).digest().subarray(0, SERIAL_LENGTH);
  // Positive, and as long as it is.
  sum[0] = (sum[0]! & 0x3f) | 0x40;
  return sum;
}

const keyId = (spki: Buffer): Buffer =>
  createHash('sha256').update(spki).digest().subarray(0, KEY_ID_LENGTH);

/** Network byte order: 4 or 16. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes out what RFC 4291 lets one leave out, but `::`.
  const spelled = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = spelled.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const middle = new Array<number>(8 - left.length - right.length).fill(0);
  return Buffer.from([...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 255]));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
