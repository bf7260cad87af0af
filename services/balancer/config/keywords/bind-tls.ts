import { alpnNames, CIPHER_OPTIONS, PROTOCOL_OPTIONS } from '../tls/options.ts';
import type { BindTlsSettings } from '../tls/settings.ts';

/** One TLS parameter of `bind`. */
export interface BindTlsKeyword {
  usage: string;
  summary: string;
  arguments: 0 | 1;
  /** Returns what is wrong with `value`, if anything. */
  set(settings: BindTlsSettings, value: string): string | undefined;
}

const flag = (summary: string, change: (settings: BindTlsSettings) => void): BindTlsKeyword => ({
  usage: '',
  summary,
  arguments: 0,
  set: (settings) => {
    change(settings);
    return undefined;
  },
});

const file = (
  missing: string,
  summary: string,
  change: (settings: BindTlsSettings, path: string) => void,
): BindTlsKeyword => ({
  usage: '<file>',
  summary,
  arguments: 1,
  set: (settings, value) => {
    if (value === '') return missing;
    change(settings, value);
    return undefined;
  },
});

/** The largest of OpenSSL's verification results that HAProxy 2.6 knows. */
const MAX_VERIFY_ERROR = 94;

const ignoredErrors = (name: string): BindTlsKeyword => ({
  usage: '{all | <number>[,<number>...]}',
  summary: 'results of verifying client certificates that do not matter',
  arguments: 1,
  set: (settings, value) => {
    if (value === '') return `'${name}' : missing error IDs list`;
    if (value === 'all') {
      settings.ignoredErrors = 'all';
      return undefined;
    }
    const numbers = value.split(',').map(Number);
    const bad = numbers.find((id) => !(Number.isInteger(id) && id >= 1 && id <= MAX_VERIFY_ERROR));
    if (bad !== undefined) {
      const shown = Number.isNaN(bad) ? 0 : bad;
      return `'${name}' : ID '${shown}' out of range (1..${MAX_VERIFY_ERROR}) in error IDs list '${value}'`;
    }
    const before = settings.ignoredErrors === 'all' ? [] : (settings.ignoredErrors ?? []);
    if (settings.ignoredErrors !== 'all') settings.ignoredErrors = [...before, ...numbers];
    return undefined;
  },
});

const curves = (name: string, usage: string): BindTlsKeyword => ({
  usage,
  summary: 'elliptic curves for the key exchange',
  arguments: 1,
  set: (settings, value) => {
    if (value === '') return `'${name}' : missing curve suite`;
    settings.curves = value;
    return undefined;
  },
});

/** TLS parameters of `bind`: HAProxy 2.6 manual, section 5.1. */
export const BIND_TLS: Readonly<Record<string, BindTlsKeyword>> = {
  ...PROTOCOL_OPTIONS,
  ...CIPHER_OPTIONS,
  alpn: {
    usage: '<protocols>',
    summary: 'protocols to agree on, comma-separated; h2 is never agreed on',
    arguments: 1,
    set: (settings, value) => {
      if (value === '') return "'alpn' : missing the comma-delimited ALPN protocol suite";
      settings.alpn = alpnNames(value);
      return undefined;
    },
  },
  'ca-file': file(
    "'ca-file' : missing CAfile path",
    'authorities of client certificates',
    (s, path) => {
      s.caFile = path;
    },
  ),
  'ca-ignore-err': ignoredErrors('ca-ignore-err'),
  'crl-file': file(
    "'crl-file' : missing CRLfile path",
    'revoked client certificates',
    (s, path) => {
      s.crlFile = path;
    },
  ),
  crt: file(
    "'crt' : missing certificate location",
    'certificate with its key and chain in PEM, or a directory of such files',
    (s, path) => {
      s.certificates = [...s.certificates, { kind: 'crt', file: path }];
    },
  ),
  'crt-ignore-err': ignoredErrors('crt-ignore-err'),
  'crt-list': file(
    "'crt-list' : missing certificate location",
    'file that lists certificates and names',
    (s, path) => {
      s.certificates = [...s.certificates, { kind: 'crt-list', file: path }];
    },
  ),
  curves: curves('curves', '<curves>'),
  ecdhe: curves('ecdhe', '<curve>'),
  'prefer-client-ciphers': flag("the client's order of ciphers counts", (s) => {
    s.preferClientCiphers = true;
  }),
  ssl: flag('TLS ends here', (s) => {
    s.enabled = true;
  }),
  'strict-sni': flag('only clients that ask for a name with a certificate', (s) => {
    s.strictSni = true;
  }),
  verify: {
    usage: '{none | optional | required}',
    summary: 'whether clients must show a certificate',
    arguments: 1,
    set: (settings, value) => {
      if (value === '') return "'verify' : missing verify method";
      if (value !== 'none' && value !== 'optional' && value !== 'required') {
        return `'verify' : unknown verify method '${value}', only 'none', 'optional', and 'required' are supported`;
      }
      settings.verify = value;
      return undefined;
    },
  },
};
