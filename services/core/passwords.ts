import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** scrypt cost for new hashes: 2^14 × 8 × 128 B = 16 MiB and some 50 ms on a Pi 4 core. */
const LOG2_N = 14;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Hashes a password into the PHC string form `$scrypt$ln=…,r=…,p=…$salt$hash` (RFC 7914). */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, LOG2_N, BLOCK_SIZE, PARALLELISM);
  return `$scrypt$ln=${LOG2_N},r=${BLOCK_SIZE},p=${PARALLELISM}$${bare(salt)}$${bare(hash)}`;
}

/** Compares in constant time with a PHC string, or with plain text where `stored` is no PHC string. */
export async function verifyPassword(stored: string, given: Buffer): Promise<boolean> {
  const match = PHC.exec(stored);
  if (!match) return sameBytes(Buffer.from(stored), given);
  const [, ln, r, p, salt, hash] = match;
  const expected = Buffer.from(hash!, 'base64');
  const saltBytes = Buffer.from(salt!, 'base64');
  const actual = await derive(given, saltBytes, expected.length, Number(ln), Number(r), Number(p));
  return timingSafeEqual(expected, actual);
}

/** Lengths may differ, so equal-length digests of neither are needed: pad to the longer one. */
function sameBytes(a: Buffer, b: Buffer): boolean {
  const length = Math.max(a.length, b.length, 1);
  const left = Buffer.alloc(length);
  const right = Buffer.alloc(length);
  a.copy(left);
  b.copy(right);
  return timingSafeEqual(left, right) && a.length === b.length;
}

function bare(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function derive(
  password: string | Buffer,
  salt: Buffer,
  length: number,
  log2N: number,
  r: number,
  p: number,
): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** log2N, r, p, maxmem: 256 * 2 ** log2N * r };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
