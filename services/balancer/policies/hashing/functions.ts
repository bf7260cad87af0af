/**
 * The hash functions of `hash-type` (HAProxy manual, section 4.2), from text whose characters are
 * bytes to 32 bits without a sign. Where a client goes depends on every bit of them.
 */
export type HashFunction = (text: string) => number;

export type HashFunctionName = 'sdbm' | 'djb2' | 'wt6' | 'crc32';

/** Of the sdbm database library. */
export function sdbm(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) {
    hash = (text.charCodeAt(i) + (hash << 6) + (hash << 16) - hash) | 0;
  }
  return hash >>> 0;
}

/** Of Daniel J. Bernstein, the variant that adds. */
export function djb2(text: string): number {
  let hash = 5381;
  for (let i = 0; i < text.length; i++) hash = (hash * 33 + text.charCodeAt(i)) | 0;
  return hash >>> 0;
}

/** Two words that turn each other round; designed for HAProxy. */
export function wt6(text: string): number {
  let a = 0xa53c965a | 0;
  let b = 0x5ca6953a | 0;
  let turnA = 6;
  let turnB = 18;
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    a = ~(a ^ byte);
    b = ~((b + byte) | 0);
    const turned = rotate(b, turnA);
    b = rotate(a, turnB);
    a = turned;
    const mixed = ((a >>> 16) ^ b) & 0xffff;
    turnA = mixed & 31;
    turnB = mixed >>> 11;
  }
  return (a ^ b) >>> 0;
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** CRC-32 of ISO/IEC 8802-3, reflected. */
export function crc32(text: string): number {
  let crc = -1;
  for (let i = 0; i < text.length; i++) {
    crc = CRC_TABLE[(crc ^ text.charCodeAt(i)) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1 ? 0xedb88320 : 0) ^ (crc >>> 1);
  return crc;
});

/**
 * Spreads inputs that are close to each other over all 32 bits: Bob Jenkins' integer hash with full
 * avalanche, times a prime near 3/4 of the range. The `avalanche` modifier, and where the servers
 * stand on a consistent ring.
 */
export function avalanche(word: number): number {
  let a = word | 0;
  a = (a + 0x7ed55d16 + (a << 12)) | 0;
  a = a ^ 0xc761c23c ^ (a >>> 19);
  a = (a + 0x165667b1 + (a << 5)) | 0;
  a = ((a + 0xd3a2646c) | 0) ^ (a << 9);
  a = (a + 0xfd7046c5 + (a << 3)) | 0;
  a = a ^ 0xb55a4f09 ^ (a >>> 16);
  return Math.imul(a, 3_221_225_473) >>> 0;
}

export const HASH_FUNCTIONS: Readonly<Record<HashFunctionName, HashFunction>> = {
  sdbm,
  djb2,
  wt6,
  crc32,
};
