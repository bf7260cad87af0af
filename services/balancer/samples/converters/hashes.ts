/** Hashes that only converters use; over text whose characters are bytes. */

const P32 = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1] as const;
const rotate32 = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

const word32 = (text: string, at: number): number =>
  text.charCodeAt(at) |
  (text.charCodeAt(at + 1) << 8) |
  (text.charCodeAt(at + 2) << 16) |
  (text.charCodeAt(at + 3) << 24);

/** xxHash, 32 bits (xxHash specification, section "XXH32 algorithm description"). */
export function xxh32(text: string, seed: number): number {
  const { length } = text;
  let at = 0;
  let hash: number;
  if (length >= 16) {
    const lanes = [seed + P32[0] + P32[1], seed + P32[1], seed, seed - P32[0]];
    for (; at + 16 <= length; at += 16) {
      for (let lane = 0; lane < 4; lane++) {
        const mixed = (lanes[lane]! + Math.imul(word32(text, at + 4 * lane), P32[1])) | 0;
        lanes[lane] = Math.imul(rotate32(mixed, 13), P32[0]);
      }
    }
    const [a = 0, b = 0, c = 0, d = 0] = lanes;
    hash = rotate32(a, 1) + rotate32(b, 7) + rotate32(c, 12) + rotate32(d, 18);
  } else {
    hash = seed + P32[4];
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= length; at += 4) {
    hash = (hash + Math.imul(word32(text, at), P32[2])) | 0;
    hash = Math.imul(rotate32(hash, 17), P32[3]);
  }
  for (; at < length; at++) {
    hash = (hash + Math.imul(text.charCodeAt(at), P32[4])) | 0;
    hash = Math.imul(rotate32(hash, 11), P32[0]);
  }
  hash = Math.imul(hash ^ (hash >>> 15), P32[1]);
  hash = Math.imul(hash ^ (hash >>> 13), P32[2]);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const P64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate64 = (word: bigint, by: bigint): bigint => u64((word << by) | (word >> (64n - by)));
const round64 = (sum: bigint, word: bigint): bigint =>
  u64(rotate64(u64(sum + word * P64[1]), 31n) * P64[0]);

/** xxHash, 64 bits, as a signed number. */
export function xxh64(text: string, seed: number): bigint {
  const bytes = Buffer.from(text, 'latin1');
  const { length } = bytes;
  const start = u64(BigInt(seed));
  let at = 0;
  let hash: bigint;
  if (length >= 32) {
    const lanes = [start + P64[0] + P64[1], start + P64[1], start, start - P64[0]].map(u64);
    for (; at + 32 <= length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = round64(lanes[lane]!, bytes.readBigUInt64LE(at + 8 * lane));
      }
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
    hash = u64(rotate64(a, 1n) + rotate64(b, 7n) + rotate64(c, 12n) + rotate64(d, 18n));
    for (const lane of [a, b, c, d]) {
      hash = u64((hash ^ round64(0n, lane)) * P64[0] + P64[3]);
    }
  } else {
    hash = u64(start + P64[4]);
  }
  hash = u64(hash + BigInt(length));
  for (; at + 8 <= length; at += 8) {
    hash ^= round64(0n, bytes.readBigUInt64LE(at));
    hash = u64(rotate64(hash, 27n) * P64[0] + P64[3]);
  }
  if (at + 4 <= length) {
    hash ^= u64(BigInt(bytes.readUInt32LE(at)) * P64[0]);
    hash = u64(rotate64(hash, 23n) * P64[1] + P64[2]);
    at += 4;
  }
  for (; at < length; at++) {
    hash ^= u64(BigInt(bytes[at]!) * P64[4]);
    hash = u64(rotate64(hash, 11n) * P64[0]);
  }
  hash = u64((hash ^ (hash >> 33n)) * P64[1]);
  hash = u64((hash ^ (hash >> 29n)) * P64[2]);
  return BigInt.asIntN(64, hash ^ (hash >> 32n));
}
