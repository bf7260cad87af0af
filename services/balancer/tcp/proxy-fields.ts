import { crc32c } from '#core/crc32c.ts';
import {
  certificateOf,
  distinguishedName,
  keyLabel,
  signatureName,
} from '../samples/certificate.ts';
import type { TlsFacts } from '../samples/scope.ts';

/** What a PROXY header, version 2, may tell beside addresses: HAProxy 2.6 manual, section 5.2. */
export const PROXY_FIELDS = [
  'ssl',
  'cert-cn',
  'ssl-cipher',
  'cert-sig',
  'cert-key',
  'authority',
  'crc32c',
  'unique-id',
] as const;
export type ProxyField = (typeof PROXY_FIELDS)[number];

/** What is known of a client besides its addresses. */
export interface ProxyFacts {
  readonly tls: TlsFacts | undefined;
  readonly uniqueId: string | undefined;
  /** The name that a PROXY header brought. */
  readonly authority: string | undefined;
}

/** Types of the fields (PROXY protocol, section 2.2). */
const TYPE = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  uniqueId: 0x05,
  ssl: 0x20,
  version: 0x21,
  commonName: 0x22,
  cipher: 0x23,
  signature: 0x24,
  key: 0x25,
} as const;

/** Bits of the field on TLS: it is spoken, a certificate came on this connection, or this session. */
const CLIENT_SSL = 1;
const CLIENT_CERT_CONN = 2;
const CLIENT_CERT_SESS = 4;

const CRC_BYTES = 4;
const LENGTH_AT = 14;

/** A field of `type`; '' where there is nothing to tell. */
function field(type: number, value: Buffer | string | undefined): Buffer {
  if (value === undefined || value.length === 0) return Buffer.alloc(0);
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const head = Buffer.from([type, bytes.length >> 8, bytes.length & 0xff]);
  return Buffer.concat([head, bytes]);
}

function tlsField(wanted: ReadonlySet<ProxyField>, tls: TlsFacts | undefined): Buffer {
  const fixed = Buffer.alloc(5);
  if (!tls) return field(TYPE.ssl, fixed);
  const certificate = certificateOf(tls.peerCertificate);
  fixed[0] = CLIENT_SSL;
  if (certificate) {
    fixed[0] |= CLIENT_CERT_SESS | (tls.resumed ? 0 : CLIENT_CERT_CONN);
    fixed.writeUInt32BE(tls.verifyResult ?? 0, 1);
  }
  const name = certificate && distinguishedName(certificate.subject, 'CN', 1, '');
  const own = certificateOf(tls.ownCertificate);
  return field(
    TYPE.ssl,
    Buffer.concat([
      fixed,
      field(TYPE.version, tls.protocol),
      field(TYPE.commonName, wanted.has('cert-cn') ? name && Buffer.from(name, 'utf8') : undefined),
      field(TYPE.key, wanted.has('cert-key') ? own && keyLabel(own) : undefined),
      field(TYPE.signature, wanted.has('cert-sig') ? own && signatureName(own) : undefined),
      field(TYPE.cipher, wanted.has('ssl-cipher') ? tls.cipher : undefined),
    ]),
  );
}

/** A version 2 header with the fields behind it that are wanted, its length and checksum right. */
export function withFields(
  header: Buffer,
  wanted: ReadonlySet<ProxyField>,
  { tls, uniqueId, authority }: ProxyFacts,
): Buffer {
  const empty = Buffer.alloc(CRC_BYTES);
  const whole = Buffer.concat([
    header,
    field(TYPE.crc32c, wanted.has('crc32c') ? empty : undefined),
    field(TYPE.alpn, tls?.alpn),
    field(TYPE.authority, wanted.has('authority') ? (authority ?? tls?.sni) : undefined),
    field(TYPE.uniqueId, wanted.has('unique-id') ? uniqueId : undefined),
    wanted.has('ssl') ? tlsField(wanted, tls) : empty.subarray(0, 0),
  ]);
  whole.writeUInt16BE(header.readUInt16BE(LENGTH_AT) + whole.length - header.length, LENGTH_AT);
  // Over the whole header, as if the sum in it were 0 (section 2.2.3).
  if (wanted.has('crc32c')) whole.writeUInt32BE(crc32c(whole), header.length + 3);
  return whole;
}
