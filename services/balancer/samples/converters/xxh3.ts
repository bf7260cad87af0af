/**
 * XXH3, 64 bits (xxHash specification, sections "XXH3 algorithm overview" to "Large inputs"). All
 * words are little-endian and unsigned.
 */

const SECRET = Buffer.from(
  [
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f',
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c',
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8',
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364',
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e',
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  ].join(''),
  'hex',
);

const P32_1 = 0x9e3779b1n;
const P32_2 = 0x85ebca77n;
const P32_3 = 0xc2b2ae3dn;
const P64_1 = 0x9e3779b185ebca87n;
const P64_2 = 0xc2b2ae3d27d4eb4fn;
const P64_3 = 0x165667b19e3779f9n;
const P64_4 = 0x85ebca77c2b2ae63n;
const P64_5 = 0x27d4eb2f165667c5n;
const MIX_SHORT = 0x9fb21c651e98df25n;
const MIX_FINAL = 0x165667919e3779f9n;
const LOW_32 = 0xffffffffn;

/** Bytes that one round over a long input takes, and that the secret moves by meanwhile. */
const STRIPE = 64;
const STEP = 8;
const ROUNDS = (SECRET.length - STRIPE) / STEP;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (word: bigint, by: bigint): bigint => u64((word << by) | (word >> (64n - by)));
const word = (bytes: Buffer, at: number): bigint => bytes.readBigUInt64LE(at);
const half = (bytes: Buffer, at: number): bigint => BigInt(bytes.readUInt32LE(at));

function swapped(value: bigint, bytes: 4 | 8): bigint {
  let left = value;
  let swap = 0n;
  for (let i = 0; i < bytes; i++) {
    swap = (swap << 8n) | (left & 0xffn);
    left >>= 8n;
  }
  return swap;
}

/** Both halves of a product of 128 bits, in one. */
function fold(a: bigint, b: bigint): bigint {
  const product = u64(a) * u64(b);
  return u64(product) ^ (product >> 64n);
}

function avalanche(hash: bigint): bigint {
  const mixed = u64((hash ^ (hash >> 37n)) * MIX_FINAL);
  return mixed ^ (mixed >> 32n);
}

/** That of XXH64. */
function oldAvalanche(hash: bigint): bigint {
  let mixed = u64((hash ^ (hash >> 33n)) * P64_2);
  mixed = u64((mixed ^ (mixed >> 29n)) * P64_3);
  return mixed ^ (mixed >> 32n);
}

/** A hash as a signed number. */
export function xxh3(text: string, seed: number): bigint {
  const bytes = Buffer.from(text, 'latin1');
  return BigInt.asIntN(64, hashOf(bytes, u64(BigInt(seed))));
}

function hashOf(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  if (length > 240) return long(bytes, seed);
  if (length > 128) return middle(bytes, seed);
  if (length > 16) return short(bytes, seed);
  if (length > 8) return upTo16(bytes, seed);
  if (length > 3) return upTo8(bytes, seed);
  return length > 0
    ? upTo3(bytes, seed)
    : oldAvalanche(u64(seed ^ word(SECRET, 56) ^ word(SECRET, 64)));
}

function upTo3(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  const first = bytes[0]!;
  const combined =
    BigInt(bytes[length - 1]!) |
    (BigInt(length) << 8n) |
    (BigInt(first) << 16n) |
    (BigInt(bytes[length >> 1]!) << 24n);
  return oldAvalanche(combined ^ u64((half(SECRET, 0) ^ half(SECRET, 4)) + seed));
}

function upTo8(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  const key = seed ^ u64(swapped(seed & LOW_32, 4) << 32n);
  const both = half(bytes, length - 4) + (half(bytes, 0) << 32n);
  let hash = both ^ u64((word(SECRET, 8) ^ word(SECRET, 16)) - key);
  hash ^= rotate(hash, 49n) ^ rotate(hash, 24n);
  hash = u64(hash * MIX_SHORT);
  hash = u64((hash ^ ((hash >> 35n) + BigInt(length))) * MIX_SHORT);
  return hash ^ (hash >> 28n);
}

function upTo16(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  const low = word(bytes, 0) ^ u64((word(SECRET, 24) ^ word(SECRET, 32)) + seed);
  const high = word(bytes, length - 8) ^ u64((word(SECRET, 40) ^ word(SECRET, 48)) - seed);
  return avalanche(u64(BigInt(length) + swapped(low, 8) + high + fold(low, high)));
}

const mix16 = (bytes: Buffer, at: number, secret: number, seed: bigint): bigint =>
  fold(
    word(bytes, at) ^ u64(word(SECRET, secret) + seed),
    word(bytes, at + 8) ^ u64(word(SECRET, secret + 8) - seed),
  );

/** From both ends to the middle. */
function short(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  let hash = BigInt(length) * P64_1;
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    hash += mix16(bytes, 16 * pair, 32 * pair, seed);
    hash += mix16(bytes, length - 16 * (pair + 1), 32 * pair + 16, seed);
  }
  return avalanche(u64(hash));
}

function middle(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  let hash = BigInt(length) * P64_1;
  for (let i = 0; i < 8; i++) hash += mix16(bytes, 16 * i, 16 * i, seed);
  hash = avalanche(u64(hash));
  for (let i = 8; i < length >> 4; i++) hash += mix16(bytes, 16 * i, 16 * (i - 8) + 3, seed);
  hash += mix16(bytes, length - 16, 119, seed);
  return avalanche(u64(hash));
}

function long(bytes: Buffer, seed: bigint): bigint {
  const { length } = bytes;
  const secret = seeded(seed);
  const sums = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1];
  const stripes = Math.floor((length - 1) / STRIPE);
  for (let stripe = 0; stripe < stripes; stripe++) {
    accumulate(sums, bytes, stripe * STRIPE, secret, (stripe % ROUNDS) * STEP);
    if (stripe % ROUNDS === ROUNDS - 1) scramble(sums, secret);
  }
  accumulate(sums, bytes, length - STRIPE, secret, secret.length - STRIPE - 7);
  let hash = BigInt(length) * P64_1;
  for (let i = 0; i < 4; i++) {
    const at = 11 + 16 * i;
    hash += fold(sums[2 * i]! ^ word(secret, at), sums[2 * i + 1]! ^ word(secret, at + 8));
  }
  return avalanche(u64(hash));
}

function seeded(seed: bigint): Buffer {
  if (seed === 0n) return SECRET;
  const secret = Buffer.alloc(SECRET.length);
  for (let at = 0; at < secret.length; at += 16) {
    secret.writeBigUInt64LE(u64(word(SECRET, at) + seed), at);
    secret.writeBigUInt64LE(u64(word(SECRET, at + 8) - seed), at + 8);
  }
  return secret;
}

function accumulate(sums: bigint[], bytes: Buffer, at: number, secret: Buffer, from: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = word(bytes, at + 8 * lane);
    const key = value ^ word(secret, from + 8 * lane);
    sums[lane ^ 1] = u64(sums[lane ^ 1]! + value);
    sums[lane] = u64(sums[lane]! + (key & LOW_32) * (key >> 32n));
  }
}

function scramble(sums: bigint[], secret: Buffer): void {
  for (let lane = 0; lane < 8; lane++) {
    const sum = sums[lane]!;
    const key = word(secret, secret.length - STRIPE + 8 * lane);
    sums[lane] = u64((sum ^ (sum >> 47n) ^ key) * P32_1);
  }
}
