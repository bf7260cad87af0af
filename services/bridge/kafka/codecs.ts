import { promisify } from 'node:util';
import { gzip, zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import type { Compression } from './port.ts';
import type { Compressor } from './record-batch.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const GZIP: Compressor = { codec: CompressionTypes.GZIP, compress: promisify(gzip) };
const ZSTD: Compressor = { codec: CompressionTypes.ZSTD, compress };

interface Encoder {
  buffer: Buffer;
}

/** kafkajs brings gzip; Node has zstd. */
export function installCodecs(): void {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: Encoder) => compress(buffer),
    decompress: (bytes: Buffer) => decompress(bytes),
  });
}

/** How batches are compressed; undefined: not at all. */
export function compressorOf(compression: Compression): Compressor | undefined {
  switch (compression) {
    case 'none':
      return undefined;
    case 'gzip':
      return GZIP;
    case 'zstd':
      return ZSTD;
  }
}
