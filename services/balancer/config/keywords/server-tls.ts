import { alpnNames, CIPHER_OPTIONS, PROTOCOL_OPTIONS } from '../tls/options.ts';
import { newServerTls, type ServerTlsSettings } from '../tls/settings.ts';
import type { ServerKeyword } from './server-parameters.ts';

type Change = (settings: ServerTlsSettings, value: string) => string | undefined;

/** A row that changes a copy: a `default-server`'s settings are shared until then. */
const row = (usage: string, summary: string, change: Change): ServerKeyword => ({
  usage,
  summary,
  arguments: usage === '' ? 0 : 1,
  inherited: true,
  set: ({ settings }, value) => {
    const tls = { ...(settings.tls ?? newServerTls()) };
    const error = change(tls, value);
    if (error === undefined) settings.tls = tls;
    return error;
  },
});

const flag = (summary: string, change: (settings: ServerTlsSettings) => void): ServerKeyword =>
  row('', summary, (settings) => {
    change(settings);
    return undefined;
  });

const text = (
  usage: string,
  summary: string,
  missing: string,
  change: (settings: ServerTlsSettings, value: string) => void,
): ServerKeyword =>
  row(usage, summary, (settings, value) => {
    if (value === '') return missing;
    change(settings, value);
    return undefined;
  });

const PROTOCOL: Record<string, ServerKeyword> = Object.fromEntries(
  Object.entries({ ...PROTOCOL_OPTIONS, ...CIPHER_OPTIONS }).map(([name, option]) => [
    name,
    row(option.usage, option.summary, (settings, value) => option.set(settings, value)),
  ]),
);

/** TLS parameters of `server` and `default-server`: HAProxy 2.6 manual, section 5.2. */
export const SERVER_TLS: Readonly<Record<string, ServerKeyword>> = {
  ...PROTOCOL,
  alpn: row(
    '<protocols>',
    'protocols to offer, comma-separated; h2 is never offered',
    (s, value) => {
      if (value === '') return "'alpn' : missing the comma-delimited ALPN protocol suite";
      s.alpn = alpnNames(value);
      return undefined;
    },
  ),
  'ca-file': text(
    '<file>',
    'authorities of server certificates',
    "'ca-file' : missing CAfile path.",
    (s, v) => {
      s.caFile = v;
    },
  ),
  'crl-file': text(
    '<file>',
    'revoked server certificates',
    "'crl-file' : missing CRLfile path.",
    (s, v) => {
      s.crlFile = v;
    },
  ),
  crt: text(
    '<file>',
    'certificate to show to the server',
    "'crt' : missing certificate file path.",
    (s, v) => {
      s.certificate = v;
    },
  ),
  'no-ssl': flag('undo `ssl` of a default-server', (s) => {
    s.enabled = false;
    s.refused = true;
  }),
  'no-ssl-reuse': flag('sessions are not resumed', (s) => {
    s.reuse = false;
  }),
  sni: text(
    '<expression>',
    'name that the server is asked by',
    "'sni' : missing sni expression.",
    (s, v) => {
      s.sni = v;
    },
  ),
  ssl: flag('TLS to the server', (s) => {
    s.enabled = true;
    s.switchable = true;
    s.refused = false;
  }),
  'ssl-reuse': flag('undo `no-ssl-reuse` of a default-server', (s) => {
    s.reuse = true;
  }),
  'tls-tickets': flag('undo `no-tls-tickets` of a default-server', (s) => {
    s.tickets = true;
  }),
  verify: row('{none | required}', "whether the server's certificate is checked", (s, value) => {
    if (value === '') return "'verify' : missing verify method.";
    if (value !== 'none' && value !== 'required') {
      return `'verify' : unknown verify method '${value}', only 'none' and 'required' are supported.`;
    }
    s.verify = value;
    return undefined;
  }),
  verifyhost: text(
    '<name>',
    "name that the server's certificate must have",
    "'verifyhost' : missing hostname to verify against.",
    (s, v) => {
      s.verifyHost = v;
    },
  ),
};
