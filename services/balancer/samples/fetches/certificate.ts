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
import { ExpressionError, type Fetch, type FetchTable, integerOf, plain } from '../fetch.ts';
import { bin, int, optional, type Sample, str, textOf } from '../sample.ts';

const of = (
  out: Fetch['out'],
  summary: string,
  make: (certificate: X509Certificate) => Sample | undefined,
): Fetch =>
  plain(out, 'connection', summary, ({ tls }) => {
    const certificate = certificateOf(tls?.clientCertificate);
    return certificate && make(certificate);
  });

const name = (summary: string, pick: (certificate: X509Certificate) => string): Fetch => ({
  out: 'str',
  source: 'connection',
  usage: '[<entry>[,<occurrence>[,<format>]]]',
  args: [0, 3],
  summary,
  make: ([entry = '', occurrence = '', format = '']) => {
    const index = occurrence === '' ? 1 : integerOf(occurrence, 'occurrence');
    if (format !== '' && format !== 'rfc2253') {
      throw new ExpressionError('only rfc2253 is supported as a value for the format');
    }
    return ({ tls }) => {
      const certificate = certificateOf(tls?.clientCertificate);
      if (!certificate) return undefined;
      const found = distinguishedName(pick(certificate), entry, index === 0 ? 1 : index, format);
      return optional(found, (text) => str(Buffer.from(text, 'utf8').toString('latin1')));
    };
  },
});

/** OpenSSL's results that speak of an authority, not of the client's certificate itself. */
const OF_AUTHORITY: ReadonlySet<number> = new Set([2, 19, 22, 24, 25, 26]);

const verified = (summary: string, authority: boolean): Fetch =>
  plain('sint', 'connection', summary, ({ tls }) => {
    if (!tls) return undefined;
    const result = tls.verifyResult ?? 0;
    return int(OF_AUTHORITY.has(result) === authority ? result : 0);
  });

/** The client's certificate: HAProxy 2.6 manual, section 7.3.4. */
export const CERTIFICATE_FETCHES: FetchTable = {
  ssl_c_s_dn: name("the subject of the client's certificate", ({ subject }) => subject ?? ''),
  ssl_c_i_dn: name("the issuer of the client's certificate", ({ issuer }) => issuer ?? ''),
  ssl_c_notafter: of('str', 'its end, as YYMMDDhhmmssZ', ({ validToDate }) =>
    str(certificateDate(validToDate)),
  ),
  ssl_c_notbefore: of('str', 'its beginning, as YYMMDDhhmmssZ', ({ validFromDate }) =>
    str(certificateDate(validFromDate)),
  ),
  ssl_c_serial: of('bin', 'its number', ({ serialNumber }) =>
    bin(Buffer.from(serialNumber, 'hex').toString('latin1')),
  ),
  ssl_c_sha1: of('bin', 'its fingerprint', ({ raw }) => bin(textOf(sha1Of(raw)))),
  ssl_c_sig_alg: of('str', 'what it is signed with', (certificate) =>
    optional(signatureName(certificate), str),
  ),
  ssl_c_key_alg: of('str', 'the kind of its key', (certificate) => str(keyName(certificate))),
  ssl_c_version: of('sint', 'its version', ({ raw }) => int(versionOf(raw))),
  ssl_c_err: verified("OpenSSL's result for the certificate itself", false),
  ssl_c_ca_err: verified("OpenSSL's result for the authority above it", true),
  ssl_c_ca_err_depth: plain('sint', 'connection', 'where that authority stands', ({ tls }) =>
    optional(tls, ({ verifyResult = 0 }) => int(OF_AUTHORITY.has(verifyResult) ? 1 : 0)),
  ),
  // Connections with an error are no sessions, and nobody asks them.
  fc_err: plain('sint', 'connection', 'what went wrong with the connection: 0', () => int(0)),
  fc_err_str: plain('str', 'connection', 'the same in words', () => str('Success')),
  ssl_fc_err: plain('sint', 'connection', 'what went wrong with TLS: 0', ({ tls }) =>
    optional(tls, () => int(0)),
  ),
};
