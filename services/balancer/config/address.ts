import { isIP } from 'node:net';
import { expandAddress } from './expand.ts';
import type { IpFamily } from './host-names.ts';
import type { Environment } from './lexer.ts';

export interface ParsedAddress {
  /** IP address, host name, or '' for `*` and nothing at all. */
  host: string;
  /** What `ipv4@` or `ipv6@` asked for; 0 = either. */
  family: IpFamily;
  /** undefined where there is no port. */
  ports: { first: number; last: number } | undefined;
}

export type AddressResult =
  | { address: ParsedAddress; error?: undefined }
  | { error: string; address?: undefined };

const MAX_PORT = 65_535;
const FOREIGN = /^(unix|abns|abnsz|fd|sockpair|quic4|quic6|udp4?|udp6|rhttp|stream|dgram)@/;
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})$/;
const DOTTED_DIGITS = /^[\d.]+$/;

/**
 * Reads `[ipv4@|ipv6@][host][:port[-port]]` with variables resolved. Source: HAProxy 2.6 manual,
 * section 4.2 "bind" and section 11 (address formats). Errors name the address as it was written.
 */
export function parseAddress(written: string, environment: Environment): AddressResult {
  const expanded = expandAddress(written, environment);
  if (expanded.error !== undefined) return { error: `${expanded.error} in '${written}'` };
  let text = expanded.text;
  const foreign = FOREIGN.exec(text)?.[1] ?? (text.startsWith('/') ? 'unix' : undefined);
  if (foreign !== undefined) {
    return { error: `'${foreign}' addresses are not supported here in '${written}'` };
  }
  let family: IpFamily = 0;
  const prefix = /^ipv([46])@/.exec(text);
  if (prefix) {
    family = prefix[1] === '4' ? 4 : 6;
    text = text.slice(prefix[0].length);
  }
  const colon = text.lastIndexOf(':');
  const split = colon > text.lastIndexOf(']') ? colon : -1;
  const ports = parsePorts(split < 0 ? '' : text.slice(split + 1), written);
  if (ports.error !== undefined) return ports;
  const host = parseHost(split < 0 ? text : text.slice(0, split), family);
  if (host === undefined) {
    const shown = split < 0 ? text : text.slice(0, split);
    return { error: `invalid address: '${shown}' in '${written}'` };
  }
  return { address: { host, family: family || ipFamily(host), ports: ports.range } };
}

function ipFamily(host: string): IpFamily {
  const family = isIP(host);
  return family === 4 || family === 6 ? family : 0;
}

function parseHost(text: string, family: IpFamily): string | undefined {
  if (text === '' || text === '*') return family === 6 ? '::' : '';
  const bracketed = text.startsWith('[') && text.endsWith(']');
  const host = bracketed ? text.slice(1, -1) : text;
  const version = isIP(host);
  if (bracketed && version !== 6) return undefined;
  if (version !== 0) return family === 0 || version === family ? host : undefined;
  // A slip in an IPv4 address must not be asked of the resolver.
  return HOST_NAME.test(host) && !DOTTED_DIGITS.test(host) ? host : undefined;
}

type PortsResult =
  | { range: ParsedAddress['ports']; error?: undefined }
  | { error: string; range?: undefined };

function parsePorts(text: string, written: string): PortsResult {
  if (text === '') return { range: undefined };
  if (text.startsWith('+') || text.startsWith('-')) {
    return { error: `port offset not permitted here in '${written}'` };
  }
  const [low = '', high, ...more] = text.split('-');
  for (const part of [low, high ?? low]) {
    const bad = /[^\d]/.exec(part)?.[0];
    if (bad !== undefined) {
      return { error: `invalid character '${bad}' in port number '${part}' in '${written}'` };
    }
  }
  const first = Number(low);
  const last = high === undefined ? first : Number(high);
  if (high === undefined && (first < 1 || first > MAX_PORT)) {
    return { error: `invalid port '${text}'` };
  }
  if (more.length > 0 || high === '' || first < 1 || last > MAX_PORT || first > last) {
    return { error: `invalid port range '${text}'` };
  }
  return { range: { first, last } };
}
