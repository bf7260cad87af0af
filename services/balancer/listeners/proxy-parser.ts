import { isIPv4, isIPv6 } from 'node:net';
import type { ProxyEnds } from '../tcp/proxy-header.ts';

/**
 * What the first bytes of a connection are: a complete header (`ends` undefined when it names
 * nobody: LOCAL, UNKNOWN, or a family that is not TCP), the beginning of one, or something else.
 */
export type ProxyParse =
  | { kind: 'header'; length: number; ends: ProxyEnds | undefined }
  | { kind: 'incomplete' }
  | { kind: 'invalid'; reason: string };

const V1_MAX = 107;
const V1_SIGNATURE = Buffer.from('PROXY ');
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED = 16;
/** Addresses and any number of TLVs that we do not use; far above what proxies send. */
const V2_MAX = V2_FIXED + 4096;

/** No header is longer; a parser that has seen this much has decided. */
export const PROXY_HEADER_MAX = V2_MAX;

const INCOMPLETE: ProxyParse = { kind: 'incomplete' };
const invalid = (reason: string): ProxyParse => ({ kind: 'invalid', reason });

/** Reads a PROXY header, either version (PROXY protocol, sections 2.1 and 2.2). */
export function parseProxyHeader(bytes: Buffer): ProxyParse {
  if (startsWith(bytes, V2_SIGNATURE)) {
    return bytes.length < V2_FIXED ? INCOMPLETE : parseV2(bytes);
  }
  if (startsWith(bytes, V1_SIGNATURE)) return parseV1(bytes);
  return invalid('no PROXY header');
}

/** Whether the bytes agree with the signature as far as both go. */
function startsWith(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function parseV1(bytes: Buffer): ProxyParse {
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length >= V1_MAX ? invalid('header line too long') : INCOMPLETE;
  const length = end + 2;
  const words = bytes.toString('latin1', 0, end).split(' ');
  if (words[1] === 'UNKNOWN') return { kind: 'header', length, ends: undefined };
  if (words.length !== 6) return invalid('wrong number of fields');
  const [, family, host, localHost, port, localPort] = words as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (!isAddress) return invalid('unknown family');
  if (!isAddress(host) || !isAddress(localHost)) return invalid('bad address');
  const numbers = [portOf(port), portOf(localPort)] as const;
  if (numbers[0] < 0 || numbers[1] < 0) return invalid('bad port');
  const ends = { host, port: numbers[0], localHost, localPort: numbers[1] };
  return { kind: 'header', length, ends };
}

function portOf(text: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port <= 0xffff ? port : -1;
}

function parseV2(bytes: Buffer): ProxyParse {
  const command = bytes[12]!;
  if (command >> 4 !== 2) return invalid('unknown version');
  if ((command & 0x0f) > 1) return invalid('unknown command');
  const body = bytes.readUInt16BE(14);
  const length = V2_FIXED + body;
  if (length > V2_MAX) return invalid('header too long');
  if (bytes.length < length) return INCOMPLETE;
  const local = (command & 0x0f) === 0;
  const family = bytes[13]!;
  if (local || (family !== 0x11 && family !== 0x21)) {
    return { kind: 'header', length, ends: undefined };
  }
  const size = family === 0x11 ? 4 : 16;
  if (body < 2 * size + 4) return invalid('addresses cut short');
  const text = size === 4 ? textOfFour : textOfSix;
  return {
    kind: 'header',
    length,
    ends: {
      host: text(bytes, V2_FIXED),
      localHost: text(bytes, V2_FIXED + size),
      port: bytes.readUInt16BE(V2_FIXED + 2 * size),
      localPort: bytes.readUInt16BE(V2_FIXED + 2 * size + 2),
    },
  };
}

const textOfFour = (bytes: Buffer, at: number): string =>
  `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;

/** The canonical text of an IPv6 address (RFC 5952): longest run of zeros as `::`. */
export function textOfSix(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  const left = hex.slice(0, best.start).join(':');
  const right = hex.slice(best.start + best.length).join(':');
  return `${left}::${right}`;
}
