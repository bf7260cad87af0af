import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

export type FlashStep = 'write' | 'verify';

export interface WriteOptions {
  image: string;
  /** A block device, or a file for a try. */
  target: string;
  /** Told of bytes done. */
  progress: (step: FlashStep, done: number) => void;
  /** What is done to the card when all but its first block is on it. */
  personalise?: (firstBlock: Buffer) => Promise<void>;
  signal?: AbortSignal;
}

export interface Written {
  bytes: number;
  /** SHA-256 of the image, as read back. */
  hash: string;
}

/** What makes a card bootable: partition table and all. Partitions start behind it. */
export const FIRST_BLOCK = 1 << 20;
const CHUNK = 4 << 20;

/**
 * Writes an image to a card. The first block is emptied first and written last, so that a card
 * whose writing was broken off never looks like one that boots. All is read back and compared.
 * Rejects with STORAGE.
 */
export async function writeImage(options: WriteOptions): Promise<Written> {
  const { image, target, progress, personalise, signal } = options;
  const file = await open(target, 'r+').catch((cause: unknown) => {
    throw failed(`${target} cannot be written`, cause);
  });
  try {
    await writeAll(file, Buffer.alloc(FIRST_BLOCK), 0);
    await file.sync();
    const hash = createHash('sha256');
    const rest = createHash('sha256');
    let first = Buffer.alloc(0);
    let bytes = 0;
    for await (const chunk of chunksOf(image)) {
      signal?.throwIfAborted();
      hash.update(chunk);
      const missing = Math.max(0, FIRST_BLOCK - bytes);
      if (missing > 0) first = Buffer.concat([first, chunk.subarray(0, missing)]);
      const body = chunk.subarray(missing);
      rest.update(body);
      if (body.length > 0) await writeAll(file, body, Math.max(bytes, FIRST_BLOCK));
      bytes += chunk.length;
      progress('write', bytes);
    }
    if (bytes <= FIRST_BLOCK) throw failed(`${image} is no image of a system`);
    await file.sync();
    const { digest } = await readBack(file, bytes, options);
    if (digest !== rest.digest('hex')) {
      throw failed(`${target} gives back other bytes than were written: take another card`);
    }
    await personalise?.(first);
    await file.sync();
    await writeAll(file, first, 0);
    await file.sync();
    const again = Buffer.alloc(FIRST_BLOCK);
    await file.read(again, 0, FIRST_BLOCK, 0);
    if (!again.equals(first)) throw failed(`${target} gives back other bytes than were written`);
    return { bytes, hash: hash.digest('hex') };
  } catch (error) {
    if (error instanceof BrambleError || signal?.aborted === true) throw error;
    throw failed(target, error);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** The hash of everything behind the first block. */
async function readBack(
  file: FileHandle,
  bytes: number,
  { progress, signal }: WriteOptions,
): Promise<{ digest: string }> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(CHUNK);
  for (let at = FIRST_BLOCK; at < bytes; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, bytes - at), at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    progress('verify', at);
  }
  return { digest: hash.digest('hex') };
}

/** The image's bytes; what is compressed with xz is unpacked on the way. */
async function* chunksOf(image: string): AsyncGenerator<Buffer> {
  if (!image.endsWith('.xz')) {
    yield* createReadStream(image, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>;
    return;
  }
  const child = spawn('xz', ['--decompress', '--stdout', '--', image], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // Whoever stops reading, stops it.
  try {
    yield* gathered(child.stdout);
    const code = await ended;
    if (code !== 0) throw failed(`${image} cannot be unpacked: ${said.trim()}`);
  } finally {
    child.kill();
    await ended.catch(() => undefined);
  }
}

/** A pipe gives little at a time, and a card wants much. */
async function* gathered(stream: Readable): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length < CHUNK) continue;
    yield Buffer.concat(parts);
    [parts, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(parts);
}

function failed(what: string, cause?: unknown): BrambleError {
  const message = cause === undefined ? what : `${what}: ${describeError(cause)}`;
  return new BrambleError(ERROR_CODES.STORAGE, message, cause === undefined ? {} : { cause });
}
