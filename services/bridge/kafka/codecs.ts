import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import type { Compression } from './port.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

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

/** kafkajs' number of a compression. */
export function codecOf(compression: Compression): number {
  switch (compression) {
    case 'none':
      return CompressionTypes.None;
    case 'gzip':
      return CompressionTypes.GZIP;
    case 'zstd':
      return CompressionTypes.ZSTD;
  }
}
