import { createHash, X509Certificate } from 'node:crypto';

/** What is asked of a client's certificate, read once for as long as anybody holds its bytes. */
const known = new WeakMap<Uint8Array, X509Certificate | null>();

/** The certificate in these bytes (DER); undefined where they are none. */
export function certificateOf(der: Uint8Array | undefined): X509Certificate | undefined {
  if (!der) return undefined;
  let found = known.get(der);
  if (found === undefined) {
    try {
      found = new X509Certificate(der);
    } catch {
      found = null;
    }
    known.set(der, found);
  }
  return found ?? undefined;
}

const two = (value: number): string => `${value}`.padStart(2, '0');

/** `YYMMDDhhmmssZ`, universal time, as certificates have it. */
export function certificateDate(date: Date): string {
  const parts = [
    date.getUTCFullYear() % 100,
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return `${parts.map(two).join('')}Z`;
}

/** Attributes of a name (`subject`, `issuer`), a line each, as type and value. */
function attributesOf(name: string): [type: string, value: string][] {
  return name.split('\n').flatMap((line) => {
    const equals = line.indexOf('=');
    return equals < 0 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
  });
}

/**
 * A distinguished name: all of it as `/C=DE/CN=x`, or in reverse with commas for `rfc2253`
 * (RFC 4514), or the value of one attribute, counted from 1, from the end where negative.
 */
export function distinguishedName(
  name: string,
  attribute: string,
  occurrence: number,
  format: string,
): string | undefined {
  const all = attributesOf(name);
  if (attribute === '') {
    const parts = all.map(([type, value]) => `${type}=${value}`);
    if (format === 'rfc2253') return parts.toReversed().join(',');
    return parts.map((part) => `/${part}`).join('');
  }
  const values = all.flatMap(([type, value]) => (type === attribute ? [value] : []));
  return values.at(occurrence > 0 ? occurrence - 1 : occurrence);
}

export const sha1Of = (der: Uint8Array): Buffer => createHash('sha1').update(der).digest();

/** From 1 on: RFC 5280, 4.1.2.1; it stands at the beginning, where it is not the first. */
export function versionOf(der: Uint8Array): number {
  const inner = contentOf(der, 0);
  const first = inner < 0 ? -1 : contentOf(der, inner);
  if (first < 0 || der[first] !== 0xa0) return 1;
  return (der[first + 4] ?? 0) + 1;
}

/** Where the content of the element at `at` begins. */
function contentOf(der: Uint8Array, at: number): number {
  const length = der[at + 1];
  if (length === undefined) return -1;
  return at + 2 + (length & 0x80 ? length & 0x7f : 0);
}

/** OpenSSL's short names, which HAProxy tells, of what the runtime calls by long ones. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  sha1WithRSAEncryption: 'RSA-SHA1',
  sha224WithRSAEncryption: 'RSA-SHA224',
  sha256WithRSAEncryption: 'RSA-SHA256',
  sha384WithRSAEncryption: 'RSA-SHA384',
  sha512WithRSAEncryption: 'RSA-SHA512',
  md5WithRSAEncryption: 'RSA-MD5',
};

export const signatureName = ({ signatureAlgorithm = '' }: X509Certificate): string =>
  SHORT_NAMES[signatureAlgorithm] ?? signatureAlgorithm;

const KEY_NAMES: Readonly<Record<string, string>> = {
  rsa: 'rsaEncryption',
  'rsa-pss': 'RSASSA-PSS',
  dsa: 'dsaEncryption',
  ec: 'id-ecPublicKey',
  ed25519: 'ED25519',
  ed448: 'ED448',
};

export function keyName({ publicKey }: X509Certificate): string {
  const type = publicKey.asymmetricKeyType ?? '';
  return KEY_NAMES[type] ?? type;
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: '256',
  secp384r1: '384',
  secp521r1: '521',
};

/** Kind and size of its key: `RSA2048`, `EC256`. */
export function keyLabel({ publicKey }: X509Certificate): string {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details = {} } = publicKey;
  if (type === 'ec') return `EC${CURVES[details.namedCurve ?? ''] ?? details.namedCurve}`;
  return `${type.toUpperCase()}${details.modulusLength ?? ''}`;
}
