import type { X509Certificate } from 'node:crypto';
import {
  certificateDate,
  certificateOf,
  distinguishedName,
  keyName,
  sha1Of,
  signatureName,
  versionOf,
} from '../certificate.ts';
import { faultNumber } from '../connection-errors.ts';
import {
  ExpressionError,
  type Fetch,
  type FetchTable,
  integerOf,
  plain,
  type Source,
} from '../fetch.ts';
import { bin, bool, int, optional, type Sample, str, textOf } from '../sample.ts';
import type { Scope } from '../scope.ts';

/** Whose certificate it is: the client's, ours towards clients, or the server's. */
interface Side {
  readonly letter: 'c' | 'f' | 's';
  readonly whose: string;
  readonly source: Source;
  of(scope: Scope): Uint8Array | undefined;
}

const SIDES: readonly Side[] = [
  {
    letter: 'c',
    whose: "the client's certificate",
    source: 'connection',
    of: ({ tls }) => tls?.peerCertificate,
  },
  {
    letter: 'f',
    whose: 'our certificate',
    source: 'connection',
    of: ({ tls }) => tls?.ownCertificate,
  },
  {
    letter: 's',
    whose: "the server's certificate",
    source: 'server',
    of: ({ serverTls }) => serverTls?.peerCertificate,
  },
];

const name = (
  { source, of }: Side,
  summary: string,
  pick: (certificate: X509Certificate) => string,
): Fetch => ({
  out: 'str',
  source,
  usage: '[<entry>[,<occurrence>[,<format>]]]',
  args: [0, 3],
  summary,
  make: ([entry = '', occurrence = '', format = '']) => {
    const index = occurrence === '' ? 1 : integerOf(occurrence, 'occurrence');
    if (format !== '' && format !== 'rfc2253') {
      throw new ExpressionError('only rfc2253 is supported as a value for the format');
    }
    return (scope) => {
      const certificate = certificateOf(of(scope));
      if (!certificate) return undefined;
      const found = distinguishedName(pick(certificate), entry, index === 0 ? 1 : index, format);
      return optional(found, (text) => str(Buffer.from(text, 'utf8').toString('latin1')));
    };
  },
});

type Read = (certificate: X509Certificate) => Sample | undefined;

const READS: readonly [name: string, out: Fetch['out'], summary: string, read: Read][] = [
  ['der', 'bin', 'all of', ({ raw }) => bin(textOf(raw))],
  ['notafter', 'str', 'the end of', ({ validToDate }) => str(certificateDate(validToDate))],
  [
    'notbefore',
    'str',
    'the beginning of',
    ({ validFromDate }) => str(certificateDate(validFromDate)),
  ],
  [
    'serial',
    'bin',
    'the number of',
    ({ serialNumber }) => bin(Buffer.from(serialNumber, 'hex').toString('latin1')),
  ],
  ['sha1', 'bin', 'the fingerprint of', ({ raw }) => bin(textOf(sha1Of(raw)))],
  [
    'sig_alg',
    'str',
    'the signature of',
    (certificate) => optional(signatureName(certificate), str),
  ],
  ['key_alg', 'str', 'the kind of key of', (certificate) => str(keyName(certificate))],
  ['version', 'sint', 'the version of', ({ raw }) => int(versionOf(raw))],
];

function fetchesOf(side: Side): FetchTable {
  const { letter, whose, source, of } = side;
  const reads = READS.map(([key, out, summary, read]): [string, Fetch] => [
    `ssl_${letter}_${key}`,
    plain(out, source, `${summary} ${whose}`, (scope) => {
      const certificate = certificateOf(of(scope));
      return certificate && read(certificate);
    }),
  ]);
  return {
    [`ssl_${letter}_s_dn`]: name(side, `the subject of ${whose}`, ({ subject }) => subject ?? ''),
    [`ssl_${letter}_i_dn`]: name(side, `the issuer of ${whose}`, ({ issuer }) => issuer ?? ''),
    ...Object.fromEntries(reads),
  };
}

/** OpenSSL's results that speak of an authority, not of the client's certificate itself. */
const OF_AUTHORITY: ReadonlySet<number> = new Set([2, 19, 22, 24, 25, 26]);

/** The last thing found wrong, by which the result is known, with the first, which these tell. */
const FIRST: ReadonlyMap<number | undefined, number> = new Map([[21, 20]]);

const verified = (summary: string, authority: boolean): Fetch =>
  plain('sint', 'connection', summary, ({ tls }) => {
    if (!tls) return undefined;
    const result = FIRST.get(tls.verifyResult) ?? tls.verifyResult ?? 0;
    return int(OF_AUTHORITY.has(result) === authority ? result : 0);
  });

/** Certificates: HAProxy 2.6 manual, sections 7.3.3 and 7.3.4. */
export const CERTIFICATE_FETCHES: FetchTable = {
  ...Object.assign({}, ...SIDES.map(fetchesOf)),
  ssl_c_err: verified("OpenSSL's result for the certificate itself", false),
  ssl_c_ca_err: verified("OpenSSL's result for the authority above it", true),
  ssl_c_ca_err_depth: plain('sint', 'connection', 'where that authority stands', ({ tls }) =>
    optional(tls, ({ verifyResult = 0 }) => int(OF_AUTHORITY.has(verifyResult) ? 1 : 0)),
  ),
  fc_err: plain('sint', 'connection', 'what went wrong with the connection', ({ fault }) =>
    int(faultNumber(fault)),
  ),
  fc_err_str: plain('str', 'connection', 'the same in words', ({ fault }) =>
    str(fault ?? 'Success'),
  ),
  ssl_fc_err_str: plain('str', 'connection', 'the same in words', ({ tls }) =>
    optional(tls, () => str('')),
  ),
  ssl_fc_has_early: plain('bool', 'connection', 'whether there is early data: never', ({ tls }) =>
    optional(tls, () => bool(false)),
  ),
  ssl_fc_err: plain('sint', 'connection', 'what went wrong with TLS: 0', ({ tls }) =>
    optional(tls, () => int(0)),
  ),
};
