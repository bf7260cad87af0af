import { createDecipheriv, createHash, createHmac, getHashes } from 'node:crypto';
import { crc32c } from '#core/crc32c.ts';
import { avalanche, crc32, djb2, sdbm, wt6 } from '../../policies/hashing/functions.ts';
import { type Converter, type ConverterTable, onText } from '../converter.ts';
import { ExpressionError, integerOf } from '../fetch.ts';
import { bin, bytesOf, int, textOf } from '../sample.ts';
import type { Scope } from '../scope.ts';
import { parseVariable } from '../variables.ts';
import { xxh32, xxh64 } from './hashes.ts';
import { xxh3 } from './xxh3.ts';

const hash = (name: string, of: (text: string) => number): Converter => ({
  in: 'bin',
  out: 'sint',
  usage: '[<avalanche>]',
  args: [0, 1],
  summary: `${name} hash of 32 bits; 1 = spread over all of them`,
  make: ([text = '0']) => {
    const spread = integerOf(text, 'avalanche') !== 0;
    return (sample) => {
      const word = of(sample.value as string);
      return int(spread ? avalanche(word) : word);
    };
  },
});

const seeded = (name: string, of: (text: string, seed: number) => number | bigint): Converter => ({
  in: 'bin',
  out: 'sint',
  usage: '[<seed>]',
  args: [0, 1],
  summary: `${name} hash`,
  make: ([text = '0']) => {
    const seed = integerOf(text, 'seed');
    return (sample) => int(of(sample.value as string, seed));
  },
});

const digest = (algorithm: string, text: string): string =>
  textOf(createHash(algorithm).update(bytesOf(text)).digest());

function known(algorithm: string): string {
  const name = algorithm.toLowerCase();
  if (!getHashes().some((each) => each.toLowerCase() === name)) {
    throw new ExpressionError(`algorithm must be a valid OpenSSL message digest name.`);
  }
  return name;
}

/** Base64, as it stands there or in a variable of that name. */
function secretOf(text: string): (scope: Scope) => Buffer | undefined {
  const variable = parseVariable(text);
  if ('error' in variable) {
    const bytes = Buffer.from(text, 'base64');
    return () => bytes;
  }
  return (scope) => {
    const value = scope.variable(variable)?.value;
    return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  };
}

const GCM_TAG_LENGTHS: ReadonlySet<number> = new Set([4, 8, 12, 13, 14, 15, 16]);

/** Undefined where key and bits do not fit each other, or the tag is not that of the text. */
function decrypted(
  bits: number,
  secrets: Record<'nonce' | 'key' | 'tag', Buffer>,
  text: Buffer,
): Buffer | undefined {
  const { nonce, key, tag } = secrets;
  if (8 * key.length !== bits || nonce.length === 0) return undefined;
  if (!GCM_TAG_LENGTHS.has(tag.length)) return undefined;
  const name = bits === 128 ? 'aes-128-gcm' : bits === 192 ? 'aes-192-gcm' : 'aes-256-gcm';
  const decipher = createDecipheriv(name, key, nonce, { authTagLength: tag.length });
  decipher.setAuthTag(tag);
  const plain = decipher.update(text);
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Hashes and digests: HAProxy 2.6 manual, section 7.3.1. */
export const DIGEST_CONVERTERS: ConverterTable = {
  sdbm: hash('sdbm', sdbm),
  djb2: hash('djb2', djb2),
  wt6: hash('wt6', wt6),
  crc32: hash('CRC-32', crc32),
  crc32c: hash('CRC-32C', (text) => crc32c(Buffer.from(text, 'latin1'))),
  xxh3: seeded('XXH3 (64 bits)', xxh3),
  xxh32: seeded('xxHash of 32 bits', xxh32),
  xxh64: seeded('xxHash of 64 bits', xxh64),
  sha1: onText('bin', 'SHA-1 digest', (text) => bin(digest('sha1', text)), 'bin'),
  sha2: {
    in: 'bin',
    out: 'bin',
    usage: '[<bits>]',
    args: [0, 1],
    summary: 'SHA-2 digest of 224, 256 (default), 384 or 512 bits',
    make: ([bits = '256']) => {
      if (!/^(224|256|384|512)$/.test(bits)) {
        throw new ExpressionError(`Unsupported number of bits: '${bits}'`);
      }
      return (sample) => bin(digest(`sha${bits}`, sample.value as string));
    },
  },
  digest: {
    in: 'bin',
    out: 'bin',
    usage: '<algorithm>',
    args: [1, 1],
    summary: 'a digest by its name in OpenSSL',
    make: ([algorithm = '']) => {
      const name = known(algorithm);
      return (sample) => bin(digest(name, sample.value as string));
    },
  },
  hmac: {
    in: 'bin',
    out: 'bin',
    usage: '<algorithm>,<key>',
    args: [2, 2],
    summary: 'a keyed digest; the key in Base64 or a variable that holds it',
    make: ([algorithm = '', key = '']) => {
      const name = known(algorithm);
      const secret = secretOf(key);
      return (sample, scope) => {
        const bytes = secret(scope);
        if (!bytes) return undefined;
        const hmac = createHmac(name, bytes);
        return bin(textOf(hmac.update(bytesOf(sample.value as string)).digest()));
      };
    },
  },
  aes_gcm_dec: {
    in: 'bin',
    out: 'bin',
    usage: '<bits>,<nonce>,<key>,<aead_tag>',
    args: [4, 4],
    summary:
      'deciphered by AES-GCM with a key of 128, 192 or 256 bits, and proved by its tag; all in Base64 or variables',
    make: ([size = '', nonce = '', key = '', tag = '']) => {
      if (!/^(128|192|256)$/.test(size)) {
        throw new ExpressionError('key size must be 128, 192 or 256 (bits).');
      }
      const bits = Number(size);
      const secrets = [nonce, key, tag].map(secretOf);
      return (sample, scope) => {
        const [nonce, key, tag] = secrets.map((secret) => secret(scope));
        if (!nonce || !key || !tag) return undefined;
        const plain = decrypted(bits, { nonce, key, tag }, bytesOf(sample.value as string));
        return plain && bin(textOf(plain));
      };
    },
  },
};
