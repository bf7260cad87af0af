import { CertificateError } from '../../tls/certificate.ts';
import type { CrtListLine } from '../../tls/crt-list.ts';
import { BIND_TLS } from '../keywords/bind-tls.ts';
import type { BindTlsSettings } from './settings.ts';

/** What a line of a `crt-list` may say of its own (HAProxy manual, section 5.1 "crt-list"). */
const OPTIONS: readonly string[] = [
  'alpn',
  'ca-file',
  'ciphers',
  'ciphersuites',
  'crl-file',
  'curves',
  'ecdhe',
  'ssl-max-ver',
  'ssl-min-ver',
  'verify',
];

/** What HAProxy takes there as well. */
const FOREIGN: readonly string[] = ['allow-0rtt', 'ca-verify-file', 'no-ca-names', 'npn'];

/** The settings of a `bind` line with what a line of `file` says instead. Throws CertificateError. */
export function lineSettings(
  bind: BindTlsSettings,
  { options, line }: CrtListLine,
  file: string,
): BindTlsSettings {
  const settings = { ...bind };
  const fail = (what: string): never => {
    throw new CertificateError(`'crt-list' : parsing [${file}:${line}]: ${what}`);
  };
  for (let index = 0; index < options.length; index++) {
    const name = options[index]!;
    const keyword = OPTIONS.includes(name) ? BIND_TLS[name] : undefined;
    if (!keyword) {
      const known = FOREIGN.includes(name);
      return fail(known ? `'${name}' is not supported` : `unknown ssl keyword ${name}`);
    }
    if (index + keyword.arguments >= options.length)
      return fail(`ssl args out of '[]' for ${name}`);
    const error = keyword.set(settings, options[index + 1] ?? '');
    if (error !== undefined) return fail(error);
    index += keyword.arguments;
  }
  return settings;
}
