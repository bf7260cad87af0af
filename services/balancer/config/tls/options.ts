import type { KeywordInfo } from '../keyword.ts';
import { type ProtocolSettings, versionNamed } from './settings.ts';

/** A word about versions, ciphers or tickets: on `bind`, on `server`, and in the global defaults. */
export interface ProtocolOption extends KeywordInfo {
  arguments: 0 | 1;
  /** Returns what is wrong with `value`, if anything. */
  set(settings: ProtocolSettings, value: string): string | undefined;
}

const without = (
  ...names: readonly ('TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3')[]
): ProtocolOption => ({
  usage: '',
  summary: names.length === 0 ? 'accepted; SSLv3 cannot be had' : `not ${names.join(', ')}`,
  arguments: 0,
  set: (settings) => {
    settings.without = [...settings.without, ...names];
    return undefined;
  },
});

const force = (name: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): ProtocolOption => ({
  usage: '',
  summary: `only ${name}`,
  arguments: 0,
  set: (settings) => {
    settings.only = name;
    return undefined;
  },
});

const limit = (side: 'min' | 'max'): ProtocolOption => ({
  usage: '<version>',
  summary: `${side === 'min' ? 'lowest' : 'highest'} version: TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3`,
  arguments: 1,
  set: (settings, value) => {
    if (value === '') return `'ssl-${side}-ver' : missing ssl/tls version`;
    const version = versionNamed(value);
    if (version === undefined && value !== 'SSLv3') return `'${value}' : unknown ssl/tls version`;
    if (version === undefined && side === 'max') return "'SSLv3' : this version cannot be had";
    settings[side] = version ?? 'TLSv1';
    return undefined;
  },
});

const tickets = (on: boolean): ProtocolOption => ({
  usage: '',
  summary: on ? 'sessions are resumed by tickets' : 'no session tickets',
  arguments: 0,
  set: (settings) => {
    settings.tickets = on;
    return undefined;
  },
});

/** What may stand on a line and in `ssl-default-…-options` alike. */
export const PROTOCOL_OPTIONS: Readonly<Record<string, ProtocolOption>> = {
  'force-tlsv10': force('TLSv1'),
  'force-tlsv11': force('TLSv1.1'),
  'force-tlsv12': force('TLSv1.2'),
  'force-tlsv13': force('TLSv1.3'),
  'no-sslv3': without(),
  'no-tls-tickets': tickets(false),
  'no-tlsv10': without('TLSv1'),
  'no-tlsv11': without('TLSv1.1'),
  'no-tlsv12': without('TLSv1.2'),
  'no-tlsv13': without('TLSv1.3'),
  'ssl-max-ver': limit('max'),
  'ssl-min-ver': limit('min'),
};

const list = (key: 'ciphers' | 'ciphersuites', name: string, summary: string): ProtocolOption => ({
  usage: '<suites>',
  summary,
  arguments: 1,
  set: (settings, value) => {
    if (value === '') return `'${name}' : missing cipher suite`;
    settings[key] = value;
    return undefined;
  },
});

/** What may stand on a line only; the global section has keywords of its own for them. */
export const CIPHER_OPTIONS: Readonly<Record<string, ProtocolOption>> = {
  ciphers: list('ciphers', 'ciphers', "cipher suites up to TLS 1.2, in OpenSSL's notation"),
  ciphersuites: list('ciphersuites', 'ciphersuites', 'cipher suites of TLS 1.3'),
};

/** The protocols of an `alpn` list. */
export const alpnNames = (value: string): string[] =>
  value.split(',').filter((name) => name !== '');
