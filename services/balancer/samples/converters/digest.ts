import { createHash, createHmac, getHashes } from 'node:crypto';
import { avalanche, crc32, djb2, sdbm, wt6 } from '../../policies/hashing/functions.ts';
import { type Converter, type ConverterTable, onText } from '../converter.ts';
import { ExpressionError, integerOf } from '../fetch.ts';
import { bin, bytesOf, int, textOf } from '../sample.ts';
import { parseVariable } from '../variables.ts';
import { crc32c, xxh32, xxh64 } from './hashes.ts';

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

/** Hashes and digests: HAProxy 2.6 manual, section 7.3.1. */
export const DIGEST_CONVERTERS: ConverterTable = {
  sdbm: hash('sdbm', sdbm),
  djb2: hash('djb2', djb2),
  wt6: hash('wt6', wt6),
  crc32: hash('CRC-32', crc32),
  crc32c: hash('CRC-32C', crc32c),
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
      const variable = parseVariable(key);
      return (sample, scope) => {
        const text = 'error' in variable ? key : scope.variable(variable)?.value;
        if (typeof text !== 'string') return undefined;
        const hmac = createHmac(name, Buffer.from(text, 'base64'));
        return bin(textOf(hmac.update(bytesOf(sample.value as string)).digest()));
      };
    },
  },
};
