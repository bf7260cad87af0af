import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** Bytes of the image that a card may keep as it has them: nothing there is read before it is written. */
export interface Spare {
  start: number;
  end: number;
}

interface Range {
  first: number;
  last: number;
  sha256: string;
}

const BLOCK = 4096;
const BLOCKS_AT_ONCE = 1024;

/**
 * The block map of an image (bmap 2.0, the format of bmaptool), by which flashing skips what is
 * empty. Only zeros within `spare` are skipped: zeros of a file system mean something.
 */
export async function blockMap(image: string, spare: readonly Spare[]): Promise<string> {
  const file = await open(image);
  try {
    const { size } = await file.stat();
    const ranges: Range[] = [];
    const buffer = Buffer.alloc(BLOCK * BLOCKS_AT_ONCE);
    const zeros = Buffer.alloc(BLOCK);
    let open_: { first: number; hash: ReturnType<typeof createHash> } | undefined;
    let block = 0;
    const finish = (): void => {
      if (open_ === undefined) return;
      ranges.push({ first: open_.first, last: block - 1, sha256: open_.hash.digest('hex') });
      open_ = undefined;
    };
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at);
      if (bytesRead === 0) throw new Error(`${image} ends at ${at} of ${size}`);
      for (let offset = 0; offset < bytesRead; offset += BLOCK, block++) {
        const bytes = buffer.subarray(offset, Math.min(offset + BLOCK, bytesRead));
        const from = at + offset;
        const skipped =
          spare.some(({ start, end }) => from >= start && from + bytes.length <= end) &&
          bytes.equals(zeros.subarray(0, bytes.length));
        if (skipped) finish();
        else {
          open_ ??= { first: block, hash: createHash('sha256') };
          open_.hash.update(bytes);
        }
      }
      at += bytesRead;
    }
    finish();
    return xml(size, block, ranges);
  } finally {
    await file.close();
  }
}

function xml(size: number, blocks: number, ranges: readonly Range[]): string {
  const mapped = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const zero = '0'.repeat(64);
  const text = `<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> ${size} </ImageSize>
    <BlockSize> ${BLOCK} </BlockSize>
    <BlocksCount> ${blocks} </BlocksCount>
    <MappedBlocksCount> ${mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${zero} </BmapFileChecksum>
    <BlockMap>
${ranges.map(({ first, last, sha256 }) => `        <Range chksum="${sha256}"> ${first === last ? first : `${first}-${last}`} </Range>\n`).join('')}    </BlockMap>
</bmap>
`;
  // The file's own sum is made with zeros in its place.
  return text.replace(zero, createHash('sha256').update(text).digest('hex'));
}
