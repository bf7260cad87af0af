import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

export const MANIFEST = 'manifest.json';
/** A file of a backup: one of ours, never a way out of its directory. */
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

/** What a backup holds, and what each file of it must look like. */
const manifestSchema = z.object({
  version: z.literal(1),
  cluster: z.string(),
  /** When it was begun, ISO 8601. */
  at: z.string(),
  /** The node that it was taken from, and the release that it ran. */
  node: z.string(),
  release: z.string(),
  streams: z.array(
    z.object({
      file: fileName,
      sha256: z.string(),
      config: z.looseObject({ name: z.string().startsWith('BRAMBLE_') }),
      state: z.looseObject({
        messages: z.number(),
        bytes: z.number(),
        first_seq: z.number(),
        last_seq: z.number(),
      }),
    }),
  ),
  /** Configuration and secrets, as they stood in /etc/bramble. */
  files: z.array(z.object({ file: fileName, sha256: z.string() })),
});
export type Manifest = z.output<typeof manifestSchema>;

/** Of a backup that is whole: every file is what it was. Throws STORAGE. */
export async function readManifest(directory: string): Promise<Manifest> {
  const file = path.join(directory, MANIFEST);
  let told: unknown;
  try {
    told = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new BrambleError(
      ERROR_CODES.STORAGE,
      `${directory} is no backup: ${describeError(cause)}`,
      {
        cause,
        hint: 'name a directory that bramble backup has made',
      },
    );
  }
  const read = manifestSchema.safeParse(told);
  if (!read.success) {
    throw new BrambleError(ERROR_CODES.STORAGE, `${file} is of another version, or broken`);
  }
  for (const { file: name, sha256 } of [...read.data.streams, ...read.data.files]) {
    const found = await hashOf(path.join(directory, name));
    if (found === sha256) continue;
    const what = found === undefined ? 'is missing' : 'is not what was written';
    throw new BrambleError(ERROR_CODES.STORAGE, `${path.join(directory, name)} ${what}`, {
      hint: 'take another backup: nothing has been changed',
    });
  }
  return read.data;
}

/** Undefined for a file that cannot be read. */
export async function hashOf(file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
