import { isIPv4, isIPv6 } from 'node:net';
import { bytesOfSix, type ProxyEnds, type ProxyTold } from '../tcp/proxy-header.ts';

/** Why a connection is closed that should have begun with a PROXY header: HAProxy's words. */
export type ProxyFault =
  | 'Connection closed while waiting for PROXY protocol header'
  | 'Connection error while waiting for PROXY protocol header'
  | 'Timeout while waiting for PROXY protocol header'
  | 'Truncated PROXY protocol header received'
  | 'Received something which does not look like a PROXY protocol header'
  | 'Received an invalid PROXY protocol header'
  | 'Received an unhandled protocol in the PROXY protocol header';

/**
 * What the first bytes of a connection are: a complete header (`ends` undefined when it names
 * nobody: LOCAL, UNKNOWN, or a family that is not TCP), the beginning of one, or something else.
 */
export type ProxyParse =
  | { kind: 'header'; length: number; ends: ProxyEnds | undefined }
  | { kind: 'incomplete' }
  | { kind: 'invalid'; fault: ProxyFault };

const V1_MAX = 107;
const V1_SIGNATURE = Buffer.from('PROXY ');
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED = 16;
/** Addresses and any number of TLVs that we do not use; far above what proxies send. */
const V2_MAX = V2_FIXED + 4096;

/** Type and length of a TLV (section 2.2.4). */
const TLV_HEAD = 3;
const TLV_AUTHORITY = 0x02;
const TLV_UNIQUE_ID = 0x05;
/** Bytes. A host name's, and those of a connection's number (section 2.2.5). */
const AUTHORITY_MAX = 255;
const UNIQUE_ID_MAX = 128;
const NOTHING_TOLD: ProxyTold = { authority: undefined, uniqueId: undefined };

/** No header is longer; a parser that has seen this much has decided. */
export const PROXY_HEADER_MAX = V2_MAX;

const INCOMPLETE: ProxyParse = { kind: 'incomplete' };
const refusal = (fault: ProxyFault): ProxyParse => ({ kind: 'invalid', fault });
const FOREIGN = refusal('Received something which does not look like a PROXY protocol header');
const INVALID = refusal('Received an invalid PROXY protocol header');
const UNHANDLED = refusal('Received an unhandled protocol in the PROXY protocol header');
const TRUNCATED = refusal('Truncated PROXY protocol header received');

/** Reads a PROXY header, either version (PROXY protocol, sections 2.1 and 2.2). */
export function parseProxyHeader(bytes: Buffer): ProxyParse {
  if (startsWith(bytes, V2_SIGNATURE)) {
    return bytes.length < V2_FIXED ? INCOMPLETE : parseV2(bytes);
  }
  if (startsWith(bytes, V1_SIGNATURE)) return parseV1(bytes);
  return FOREIGN;
}

/** Whether the bytes agree with the signature as far as both go. */
function startsWith(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function parseV1(bytes: Buffer): ProxyParse {
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length >= V1_MAX ? INVALID : INCOMPLETE;
  const length = end + 2;
  const words = bytes.toString('latin1', 0, end).split(' ');
  if (words[1] === 'UNKNOWN') return { kind: 'header', length, ends: undefined };
  if (words[1] !== 'TCP4' && words[1] !== 'TCP6') return UNHANDLED;
  if (words.length !== 6) return INVALID;
  const [, family, host, localHost, port, localPort] = words as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const addressOf = family === 'TCP4' ? fourOf : sixOf;
  const addresses = [addressOf(host), addressOf(localHost)] as const;
  const numbers = [portOf(port), portOf(localPort)] as const;
  if (!addresses[0] || !addresses[1] || numbers[0] < 0 || numbers[1] < 0) return INVALID;
  const ends = {
    host: addresses[0],
    port: numbers[0],
    localHost: addresses[1],
    localPort: numbers[1],
  };
  return { kind: 'header', length, ends };
}

const fourOf = (text: string): string | undefined => (isIPv4(text) ? text : undefined);

/** In canonical form; a zone means nothing to anybody but its sender. */
const sixOf = (text: string): string | undefined =>
  isIPv6(text) && !text.includes('%') ? textOfSix(Buffer.from(bytesOfSix(text)), 0) : undefined;

function portOf(text: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port <= 0xffff ? port : -1;
}

function parseV2(bytes: Buffer): ProxyParse {
  const command = bytes[12]!;
  if (command >> 4 !== 2) return FOREIGN;
  if ((command & 0x0f) > 1) return INVALID;
  const body = bytes.readUInt16BE(14);
  const length = V2_FIXED + body;
  if (length > V2_MAX) return TRUNCATED;
  if (bytes.length < length) return INCOMPLETE;
  const local = (command & 0x0f) === 0;
  const family = bytes[13]!;
  if (local || (family !== 0x11 && family !== 0x21)) {
    return { kind: 'header', length, ends: undefined };
  }
  const size = family === 0x11 ? 4 : 16;
  const fixed = V2_FIXED + 2 * size + 4;
  const told = length < fixed ? undefined : extensionsIn(bytes, fixed, length);
  if (!told) return INVALID;
  const text = size === 4 ? textOfFour : textOfSix;
  return {
    kind: 'header',
    length,
    ends: {
      host: text(bytes, V2_FIXED),
      localHost: text(bytes, V2_FIXED + size),
      port: bytes.readUInt16BE(V2_FIXED + 2 * size),
      localPort: bytes.readUInt16BE(V2_FIXED + 2 * size + 2),
      ...(told !== NOTHING_TOLD && { told }),
    },
  };
}

/**
 * The type-length-value fields behind the addresses; undefined where they do not end where the
 * header does, or an id is longer than it may be (section 2.2.5).
 */
function extensionsIn(bytes: Buffer, from: number, end: number): ProxyTold | undefined {
  let told = NOTHING_TOLD;
  for (let at = from; at < end; ) {
    if (end - at < TLV_HEAD) return undefined;
    const next = at + TLV_HEAD + bytes.readUInt16BE(at + 1);
    if (next > end) return undefined;
    const value = bytes.subarray(at + TLV_HEAD, next);
    const type = bytes[at];
    if (type === TLV_AUTHORITY) {
      if (value.length > AUTHORITY_MAX) return undefined;
      told = { ...told, authority: value.toString('latin1') };
    } else if (type === TLV_UNIQUE_ID) {
      if (value.length > UNIQUE_ID_MAX) return undefined;
      told = { ...told, uniqueId: value.toString('latin1') };
    }
    at = next;
  }
  return told;
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
