import { X509Certificate } from 'node:crypto';
import { distinguishedName, sha1Of } from '../../samples/certificate.ts';
import { type Certificate, pemBlocks } from '../../tls/certificate.ts';
import type { CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { data, failure } from '../reply.ts';

/** Every certificate that a `bind` or `server` line has, by its file. */
function certificatesOf({ config }: RuntimeHost): Map<string, Certificate> {
  const found = new Map<string, Certificate>();
  for (const { binds, servers } of config.proxies) {
    const all = [
      ...binds.flatMap(({ tls }) => tls?.entries.flatMap(({ certificates }) => certificates) ?? []),
      ...servers.flatMap(({ tls }) => tls?.certificate ?? []),
    ];
    for (const one of all) found.set(one.file, one);
  }
  return found;
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: '256',
  secp384r1: '384',
  secp521r1: '521',
};

function algorithmOf({ publicKey }: X509Certificate): string {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details = {} } = publicKey;
  if (type === 'ec') return `EC${CURVES[details.namedCurve ?? ''] ?? details.namedCurve}`;
  return `${type.toUpperCase()}${details.modulusLength ?? ''}`;
}

const nameOf = (name: string): string => distinguishedName(name, '', 1, '') ?? '';

/** Names as HAProxy lists them: those of the kind DNS, a comma behind each. */
const alternativesOf = ({ subjectAltName }: X509Certificate): string =>
  (subjectAltName ?? '')
    .split(', ')
    .filter((each) => each.startsWith('DNS:'))
    .map((each) => `${each}, `)
    .join('');

function describe({ file, chain }: Certificate): string {
  const [own, ...above] = pemBlocks(chain).certificates.map((pem) => new X509Certificate(pem));
  const { serialNumber, validFrom, validTo, raw, subject, issuer } = own!;
  const lines = [
    `Filename: ${file}`,
    'Status: Used',
    `Serial: ${serialNumber}`,
    `notBefore: ${validFrom}`,
    `notAfter: ${validTo}`,
    `Subject Alternative Name: ${alternativesOf(own!)}`,
    `Algorithm: ${algorithmOf(own!)}`,
    `SHA1 FingerPrint: ${sha1Of(raw).toString('hex').toUpperCase()}`,
    `Subject: ${nameOf(subject)}`,
    `Issuer: ${nameOf(issuer)}`,
    ...above.flatMap((one) => [
      `Chain Subject: ${nameOf(one.subject)}`,
      `Chain Issuer: ${nameOf(one.issuer)}`,
    ]),
    'OCSP Response Key: ',
  ];
  return `${lines.join('\n')}\n`;
}

/** `show ssl cert` (management guide, section 9.3). */
export const CERTIFICATE_COMMANDS: CommandTable = [
  {
    name: 'show ssl cert',
    usage: 'show ssl cert [<certfile>]',
    summary: 'display the SSL certificates used in memory, or the details of a file',
    level: 'operator',
    run: ({ host, word }) => {
      const certificates = certificatesOf(host);
      if (word(0) === '') {
        const files = [...certificates.keys()].sort();
        return data(`# filename\n${files.map((file) => `${file}\n`).join('')}`);
      }
      const one = certificates.get(word(0));
      return one
        ? data(describe(one))
        : failure("Can't display the certificate: Not found or the certificate is a bundle!");
    },
  },
];
