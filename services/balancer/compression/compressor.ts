import { constants, crc32, deflateRawSync } from 'node:zlib';
import type { Algorithm } from './config.ts';

const EMPTY = Buffer.alloc(0);
/** RFC 1952, 2.3: deflate, no flags, no time, fastest algorithm, unix. */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3]);
/** RFC 1950, 2.2: deflate with a window of 32 KiB, fastest algorithm. */
const ZLIB_HEAD = Buffer.from([0x78, 0x01]);
/** RFC 1951, 3.2.6: a last block without anything in it. */
const LAST_BLOCK = Buffer.from([0x03, 0x00]);
const SETTINGS = { level: 1, finishFlush: constants.Z_SYNC_FLUSH } as const;

/** RFC 1950, 8.2. */
const ADLER_MODULUS = 65_521;
/** So many bytes may be added up before a sum leaves 32 bits. */
const ADLER_RUN = 5552;

/**
 * Compresses a body piece by piece. Each piece is compressed for itself and ends at a byte, so that
 * it can leave at once and nothing is kept from one to the next but a checksum: ten thousand
 * responses under way need no windows. HAProxy's libslz goes the same way.
 */
export class Compressor {
  readonly #algorithm: Algorithm;
  #begun = false;
  #size = 0;
  #sum: number;

  constructor(algorithm: Algorithm) {
    this.#algorithm = algorithm;
    this.#sum = algorithm === 'deflate' ? 1 : 0;
  }

  /** What takes the place of `data`. */
  push(data: Buffer): Buffer {
    if (data.length === 0 || this.#algorithm === 'identity') return data;
    this.#count(data);
    const block = deflateRawSync(data, SETTINGS);
    if (this.#begun) return block;
    this.#begun = true;
    const head = this.#head();
    return head.length === 0 ? block : Buffer.concat([head, block]);
  }

  /** What follows the last piece. */
  end(): Buffer {
    if (this.#algorithm === 'identity') return EMPTY;
    const head = this.#begun ? EMPTY : this.#head();
    return Buffer.concat([head, LAST_BLOCK, this.#trailer()]);
  }

  #head(): Buffer {
    if (this.#algorithm === 'gzip') return GZIP_HEAD;
    return this.#algorithm === 'deflate' ? ZLIB_HEAD : EMPTY;
  }

  #trailer(): Buffer {
    const trailer = Buffer.alloc(8);
    if (this.#algorithm === 'gzip') {
      trailer.writeUInt32LE(this.#sum >>> 0, 0);
      trailer.writeUInt32LE(this.#size % 2 ** 32, 4);
      return trailer;
    }
    if (this.#algorithm !== 'deflate') return EMPTY;
    trailer.writeUInt32BE(this.#sum >>> 0, 0);
    return trailer.subarray(0, 4);
  }

  #count(data: Buffer): void {
    this.#size += data.length;
    if (this.#algorithm === 'gzip') this.#sum = crc32(data, this.#sum);
    else if (this.#algorithm === 'deflate') this.#sum = adler32(data, this.#sum);
  }
}

function adler32(data: Buffer, sum: number): number {
  let low = sum & 0xffff;
  let high = sum >>> 16;
  for (let at = 0; at < data.length; ) {
    const end = Math.min(at + ADLER_RUN, data.length);
    for (; at < end; at++) {
      low += data[at]!;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}
