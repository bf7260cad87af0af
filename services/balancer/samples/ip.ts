import { isIPv4, isIPv6 } from 'node:net';

/** The 4 bytes of a dotted address, or undefined. */
export function parseIpv4(text: string): Uint8Array | undefined {
  return isIPv4(text) ? Uint8Array.from(text.split('.'), Number) : undefined;
}

/** The 16 bytes of an IPv6 address (RFC 4291, 2.2; no zone), or undefined. */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  let plain = text;
  const last = text.slice(text.lastIndexOf(':') + 1);
  const tail = parseIpv4(last);
  if (tail) {
    const [a, b, c, d] = tail as unknown as [number, number, number, number];
    const groups = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    plain = text.slice(0, -last.length) + groups;
  }
  const [head = '', rest] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = rest === undefined || rest === '' ? [] : rest.split(':');
  const gap = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const bytes = new Uint8Array(16);
  for (const [index, group] of [...before, ...gap, ...after].entries()) {
    const number = Number.parseInt(group, 16);
    bytes[2 * index] = number >> 8;
    bytes[2 * index + 1] = number & 255;
  }
  return bytes;
}

export function parseIp(text: string): Uint8Array | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

/** An address as people write it, IPv6 as RFC 5952 wants it. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const embedded = embeddedText(bytes);
  if (embedded !== undefined) return embedded;
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0
    ? hex(groups)
    : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** `::ffff:1.2.3.4` and `::1.2.3.4`, as inet_ntop(3) has them. */
function embeddedText(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 10).some((byte) => byte !== 0)) return undefined;
  const tail = bytes.subarray(12).join('.');
  if (bytes[10] === 255 && bytes[11] === 255) return `::ffff:${tail}`;
  if (bytes[10] !== 0 || bytes[11] !== 0 || (bytes[12] === 0 && bytes[13] === 0)) return undefined;
  return `::${tail}`;
}

/** `::ffff:` in front of an IPv4 address. */
export function mapped(four: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[10] = 255;
  bytes[11] = 255;
  bytes.set(four, 12);
  return bytes;
}

/** The IPv4 address in a mapped, compatible or 6to4 one (manual, section 7.1.6). */
export function unmapped(six: Uint8Array): Uint8Array | undefined {
  if (six[0] === 0x20 && six[1] === 2) return six.slice(2, 6);
  const zeroes = six.subarray(0, 10).every((byte) => byte === 0);
  const fill = (six[10]! << 8) | six[11]!;
  return zeroes && (fill === 0 || fill === 0xffff) ? six.slice(12) : undefined;
}

/** Bytes of a mask with `bits` leading ones. */
export function maskOf(bits: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => {
    const ones = Math.min(8, Math.max(0, bits - 8 * i));
    return (0xff << (8 - ones)) & 0xff;
  });
}

export function masked(bytes: Uint8Array, mask: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => byte & mask[index]!);
}
