import { argon2, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** scrypt cost for new hashes: 2^14 × 8 × 128 B = 16 MiB and some 50 ms on a Pi 4 core. */
const LOG2_N = 14;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** What OWASP's password storage cheat sheet asks of argon2id: 19 MiB, 2 passes, 1 lane. */
const ARGON_KIB = 19_456;
const ARGON_PASSES = 2;
const ARGON_LANES = 1;
/** A hash with more than this would take a Pi's memory away from its clients; KiB. */
const ARGON_KIB_MAX = 262_144;
const ARGON_PASSES_MAX = 64;
const ARGON_PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Hashes a password into the PHC string form `$argon2id$v=19$m=…,t=…,p=…$salt$hash` (RFC 9106). */
export async function hashPasswordArgon2(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await deriveArgon2(Buffer.from(password), salt, HASH_BYTES, {
    memory: ARGON_KIB,
    passes: ARGON_PASSES,
    parallelism: ARGON_LANES,
  });
  return `$argon2id$v=19$m=${ARGON_KIB},t=${ARGON_PASSES},p=${ARGON_LANES}$${bare(salt)}$${bare(hash)}`;
}

/** Hashes a password into the PHC string form `$scrypt$ln=…,r=…,p=…$salt$hash` (RFC 7914). */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, LOG2_N, BLOCK_SIZE, PARALLELISM);
  return `$scrypt$ln=${LOG2_N},r=${BLOCK_SIZE},p=${PARALLELISM}$${bare(salt)}$${bare(hash)}`;
}

/**
 * Compares in constant time with a PHC string, or with plain text where `stored` is no PHC string.
 * What looks like a hash and cannot be used is no plain text: it matches nothing.
 */
export async function verifyPassword(stored: string, given: Buffer): Promise<boolean> {
  if (stored.startsWith('$argon2')) return verifyArgon2(stored, given);
  const match = PHC.exec(stored);
  if (!match) return sameBytes(Buffer.from(stored), given);
  const [, ln, r, p, salt, hash] = match;
  const expected = Buffer.from(hash!, 'base64');
  const saltBytes = Buffer.from(salt!, 'base64');
  const actual = await derive(given, saltBytes, expected.length, Number(ln), Number(r), Number(p));
  return timingSafeEqual(expected, actual);
}

/** Why a password of cluster.yaml that looks like a hash cannot be used; undefined = it can. */
export function hashProblem(stored: string): string | undefined {
  if (!stored.startsWith('$argon2')) return undefined;
  const match = ARGON_PHC.exec(stored);
  if (!match) return 'not an argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$hash)';
  const [, memory, passes, lanes, salt, hash] = match;
  const [m, t, p] = [Number(memory), Number(passes), Number(lanes)];
  if (m > ARGON_KIB_MAX || t > ARGON_PASSES_MAX) {
    return `argon2id with more than ${ARGON_KIB_MAX} KiB or ${ARGON_PASSES_MAX} passes`;
  }
  // RFC 9106, 3.1
  const bytes = Buffer.from(hash!, 'base64').length;
  if (p < 1 || t < 1 || m < 8 * p || bytes < 4 || Buffer.from(salt!, 'base64').length < 8) {
    return 'argon2id with parameters that RFC 9106 rules out';
  }
  return undefined;
}

async function verifyArgon2(stored: string, given: Buffer): Promise<boolean> {
  if (hashProblem(stored) !== undefined) return false;
  const [, memory, passes, lanes, salt, hash] = ARGON_PHC.exec(stored)!;
  const expected = Buffer.from(hash!, 'base64');
  const actual = await deriveArgon2(given, Buffer.from(salt!, 'base64'), expected.length, {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(lanes),
  });
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

function deriveArgon2(
  message: Buffer,
  nonce: Buffer,
  tagLength: number,
  cost: { memory: number; passes: number; parallelism: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2('argon2id', { message, nonce, tagLength, ...cost }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
