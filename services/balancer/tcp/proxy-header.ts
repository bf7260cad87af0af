import { isIP, isIPv4 } from 'node:net';

/** Both ends of a connection, as a PROXY header tells them. */
export interface ProxyEnds {
  readonly host: string;
  readonly port: number;
  readonly localHost: string;
  readonly localPort: number;
  /** What the header tells beside addresses (PROXY protocol, section 2.2). */
  readonly told?: ProxyTold | undefined;
}

/** Fields of a PROXY header, version 2, that expressions can look at. */
export interface ProxyTold {
  /** The host that the client asked for (PP2_TYPE_AUTHORITY). */
  readonly authority: string | undefined;
  /** Number that the sender gave the connection (PP2_TYPE_UNIQUE_ID). */
  readonly uniqueId: string | undefined;
}

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_PROXY_COMMAND = 0x21;
const V2_TCP4 = 0x11;
const V2_TCP6 = 0x21;
const V1_UNKNOWN = Buffer.from('PROXY UNKNOWN\r\n');
const V2_UNSPEC = Buffer.concat([V2_SIGNATURE, Buffer.from([0x21, 0, 0, 0])]);
const V2_LOCAL = Buffer.concat([V2_SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);

/** The header that tells a server who its client is (PROXY protocol, sections 2.1 and 2.2). */
export function encodeProxyHeader(version: 'v1' | 'v2', ends: ProxyEnds): Buffer {
  // Who came over a unix socket has no address to tell.
  if (isIP(ends.host) === 0 || isIP(ends.localHost) === 0) {
    return version === 'v1' ? V1_UNKNOWN : V2_UNSPEC;
  }
  return version === 'v1' ? encodeV1(ends) : encodeV2(ends);
}

/**
 * The header of a health check, which no client stands behind: version 2 says so (LOCAL), version 1
 * names our own end, as HAProxy does.
 */
export function encodeCheckHeader(version: 'v1' | 'v2', own: ProxyEnds): Buffer {
  return version === 'v1' ? encodeV1(own) : V2_LOCAL;
}

function encodeV1({ host, port, localHost, localPort }: ProxyEnds): Buffer {
  const four = isIPv4(host) && isIPv4(localHost);
  const [source, target] = four ? [host, localHost] : [asSix(host), asSix(localHost)];
  const family = four ? 'TCP4' : 'TCP6';
  return Buffer.from(`PROXY ${family} ${source} ${target} ${port} ${localPort}\r\n`, 'latin1');
}

function encodeV2({ host, port, localHost, localPort }: ProxyEnds): Buffer {
  const four = isIPv4(host) && isIPv4(localHost);
  const size = four ? 4 : 16;
  const header = Buffer.alloc(16 + 2 * size + 4);
  V2_SIGNATURE.copy(header);
  header[12] = V2_PROXY_COMMAND;
  header[13] = four ? V2_TCP4 : V2_TCP6;
  header.writeUInt16BE(2 * size + 4, 14);
  header.set(four ? bytesOfFour(host) : bytesOfSix(host), 16);
  header.set(four ? bytesOfFour(localHost) : bytesOfSix(localHost), 16 + size);
  header.writeUInt16BE(port, 16 + 2 * size);
  header.writeUInt16BE(localPort, 18 + 2 * size);
  return header;
}

const asSix = (host: string): string => (isIPv4(host) ? `::ffff:${host}` : host);
const bytesOfFour = (host: string): number[] => host.split('.').map(Number);

/** The sixteen bytes of an IPv6 address in any of its notations (RFC 4291, 2.2). */
export function bytesOfSix(host: string): Uint8Array {
  let text = asSix(host).split('%', 1)[0]!;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const [a, b, c, d] = bytesOfFour(dotted[2]!) as [number, number, number, number];
    text = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::') as [string, string?];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...new Array(8 - left.length - right.length).fill('0'), ...right];
  const bytes = new Uint8Array(16);
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[2 * index] = value >> 8;
    bytes[2 * index + 1] = value & 0xff;
  });
  return bytes;
}
