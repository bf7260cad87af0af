import { createHash } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DEFAULT_ROUNDS = 5000;
const MIN_ROUNDS = 1000;
/** Far above what anybody uses: a hash must not stop the process for long. */
const MAX_ROUNDS = 1_000_000;
const MAX_SALT = 16;

const SHAPE = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]*)(?:\$|$)/;

/** Whether a hash in this form can be computed here. */
export const isShaCrypt = (hash: string): boolean => SHAPE.test(hash);

/**
 * crypt(3) with SHA-256 (`$5$`) or SHA-512 (`$6$`): "Unix crypt using SHA-256 and SHA-512" by
 * U. Drepper, version 0.6. `setting` is a hash or its beginning, as crypt(3) takes it; undefined
 * when it is in another form.
 */
export function shaCrypt(password: string, setting: string): string | undefined {
  const found = SHAPE.exec(setting);
  if (!found) return undefined;
  const [, kind, wished, saltText = ''] = found;
  const algorithm = kind === '5' ? 'sha256' : 'sha512';
  const rounds =
    wished === undefined
      ? DEFAULT_ROUNDS
      : Math.min(MAX_ROUNDS, Math.max(MIN_ROUNDS, Number(wished)));
  const salt = Buffer.from(saltText.slice(0, MAX_SALT), 'latin1');
  const key = Buffer.from(password, 'latin1');
  const digest = (...parts: Buffer[]): Buffer => {
    const hash = createHash(algorithm);
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const size = kind === '5' ? 32 : 64;
  const repeated = (block: Buffer, length: number): Buffer =>
    Buffer.alloc(length, block.length > 0 ? block : 0).subarray(0, length);

  const alternate = digest(key, salt, key);
  const parts = [key, salt, repeated(alternate, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? alternate : key);
  let result = digest(...parts);

  const keys = repeated(digest(...new Array<Buffer>(key.length).fill(key)), key.length);
  const salts = repeated(digest(...new Array<Buffer>(16 + result[0]!).fill(salt)), salt.length);
  for (let round = 0; round < rounds; round++) {
    const turn = [round & 1 ? keys : result];
    if (round % 3 !== 0) turn.push(salts);
    if (round % 7 !== 0) turn.push(keys);
    turn.push(round & 1 ? result : keys);
    result = digest(...turn);
  }
  const count = wished === undefined ? '' : `rounds=${rounds}$`;
  return `$${kind}$${count}${salt.toString('latin1')}$${encode(result, size)}`;
}

/** Three bytes at a time in the order that the scheme prescribes, six bits a character. */
function encode(bytes: Buffer, size: number): string {
  const third = Math.floor(size / 3);
  let text = '';
  let [a, b, c] = [0, third, 2 * third];
  const put = (value: number, count: number): void => {
    for (let rest = value, left = count; left > 0; left--, rest >>= 6) text += ALPHABET[rest & 63];
  };
  for (let group = 0; group < third; group++) {
    put((bytes[a]! << 16) | (bytes[b]! << 8) | bytes[c]!, 4);
    // SHA-256 turns one way, SHA-512 the other.
    if (size === 32) [a, b, c] = [c + 1, a + 1, b + 1];
    else [a, b, c] = [b + 1, c + 1, a + 1];
  }
  if (size === 32) put((bytes[31]! << 8) | bytes[30]!, 3);
  else put(bytes[63]!, 2);
  return text;
}
