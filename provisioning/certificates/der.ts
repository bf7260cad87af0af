/** What X.509 needs of DER (ITU-T X.690, 8 and 10), each value with its tag and length. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  generalizedTime: 0x18,
  utcTime: 0x17,
} as const;

export function value(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...length(bytes.length)]), bytes]);
}

function length(bytes: number): number[] {
  if (bytes < 0x80) return [bytes];
  return bytes < 0x100 ? [0x81, bytes] : [0x82, bytes >> 8, bytes & 0xff];
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => value(TAG.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => value(TAG.set, ...parts);
export const octets = (bytes: Uint8Array): Buffer => value(TAG.octetString, bytes);
export const text = (words: string): Buffer => value(TAG.utf8String, Buffer.from(words));
export const yes = (): Buffer => value(TAG.boolean, Buffer.from([0xff]));

/** Big-endian and positive: the first bit must not be set. */
export const integer = (bytes: Uint8Array): Buffer => value(TAG.integer, bytes);

/** `unused`: how many of the last byte's bits do not count. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer =>
  value(TAG.bitString, Buffer.from([unused]), bytes);

/** `[n]` around something, or in its place. */
export const tagged = (n: number, constructed: boolean, bytes: Uint8Array): Buffer =>
  value(0x80 | (constructed ? 0x20 : 0) | n, bytes);

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return value(TAG.objectIdentifier, Buffer.from([40 * first + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let left = number >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f));
  return digits;
}

/** UTCTime until 2049, then GeneralizedTime (RFC 5280, 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, '');
  return date.getUTCFullYear() < 2050
    ? value(TAG.utcTime, Buffer.from(digits.slice(2)))
    : value(TAG.generalizedTime, Buffer.from(digits));
}
