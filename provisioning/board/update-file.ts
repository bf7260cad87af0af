import { execFile, spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { z } from 'zod';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

const part = z.strictObject({
  /** A plain name: it becomes one on the FAT partition. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/),
  size: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifestSchema = z.strictObject({
  format: z.literal(1),
  version: z.string().min(1).max(100),
  arch: z.enum(['arm64', 'x64']),
  /** The file system of the slot's partition. */
  root: part,
  /** What lies in the slot's directory on the FAT partition. */
  boot: z.array(part).min(1).max(200),
});

export type UpdatePart = z.output<typeof part>;
export type UpdateManifest = z.output<typeof manifestSchema>;

const MANIFEST = 'manifest.json';
const SIGNATURE = 'manifest.json.sig';
const MANIFEST_MAX = 256 * 1024;
const ED25519_BYTES = 64;

/**
 * Reads what an update holds, and believes it when `key` (PEM, Ed25519) has signed it; without a
 * key it is believed as it is. Rejects with CONFIG_INVALID for a file that is none or is not signed.
 */
export async function readManifest(file: string, key: string | undefined): Promise<UpdateManifest> {
  const text = await member(file, MANIFEST);
  if (key !== undefined) {
    const signature = Buffer.from((await member(file, SIGNATURE)).toString('latin1'), 'base64');
    if (!isSigned(text, signature, key)) {
      throw refused(file, 'is not signed with the key that this node trusts');
    }
  }
  try {
    return manifestSchema.parse(JSON.parse(text.toString('utf8')));
  } catch (cause) {
    throw refused(file, `its ${MANIFEST} cannot be read`, cause);
  }
}

function isSigned(text: Buffer, signature: Buffer, key: string): boolean {
  const trusted = createPublicKey(key);
  if (trusted.asymmetricKeyType !== 'ed25519') return false;
  return signature.length === ED25519_BYTES && verify(null, text, trusted, signature);
}

/** A small member of the archive. */
async function member(file: string, name: string): Promise<Buffer> {
  try {
    const { stdout } = await promisify(execFile)(
      'tar',
      ['-xO', '--occurrence=1', '-f', file, name],
      {
        encoding: 'buffer',
        maxBuffer: MANIFEST_MAX,
      },
    );
    return stdout;
  } catch (cause) {
    throw refused(file, `is no update: it has no ${name}`, cause);
  }
}

/** The bytes of a member of any size. Rejects with CONFIG_INVALID when the archive ends early. */
export async function* contents(file: string, name: string): AsyncGenerator<Buffer> {
  const child = spawn('tar', ['-xO', '--occurrence=1', '-f', file, name], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-500);
  });
  const closed = once(child, 'close');
  closed.catch(() => {});
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code] = (await closed) as [number | null];
    if (code !== 0) throw refused(file, `cannot be read to its end: ${words.trim()}`);
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

export function refused(file: string, why: string, cause?: unknown): BrambleError {
  const more = cause === undefined ? '' : ` (${describeError(cause).split('\n')[0]})`;
  return new BrambleError(ERROR_CODES.CONFIG_INVALID, `${file} ${why}${more}`, {
    cause,
    hint: 'nothing was changed; fetch the file once more, and compare it with SHA256SUMS',
  });
}
