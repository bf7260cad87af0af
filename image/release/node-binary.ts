import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** As npm names them. */
export const ARCHITECTURES = ['arm64', 'x64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export interface NodeBinaryOptions {
  checkout: string;
  arch: Architecture;
  /** Where what was fetched stays for the next time. */
  cache: string;
}

interface Locked {
  packages: Record<string, { version: string; integrity: string } | undefined>;
}

/**
 * The Node that package-lock.json pins. npm installs only the one that runs here; another machine's
 * is fetched, compared with the hash in the lock file and kept. Resolves with the program's path.
 * Rejects when it cannot be fetched or is not what was locked.
 */
export async function nodeBinary({ checkout, arch, cache }: NodeBinaryOptions): Promise<string> {
  const name = `node-linux-${arch}`;
  const lock = JSON.parse(
    await readFile(path.join(checkout, 'package-lock.json'), 'utf8'),
  ) as Locked;
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json does not name ${name}`);
  const installed = path.join(checkout, 'node_modules', name, 'bin', 'node');
  if (await exists(installed)) return installed;
  const kept = path.join(cache, `${name}-${locked.version}`);
  const program = path.join(kept, 'package', 'bin', 'node');
  if (await exists(program)) return program;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, `${name}-`));
  try {
    const { stdout } = await run('npm', ['pack', '--silent', `${name}@${locked.version}`], {
      cwd: work,
    });
    const archive = path.join(work, stdout.trim().split('\n').at(-1)!);
    await verify(archive, locked.integrity);
    await run('tar', ['-xzf', archive, '-C', work, 'package/bin/node', 'package/LICENSE']);
    await rm(archive);
    await rename(work, kept).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was faster.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}

/** Subresource Integrity (W3C), as npm writes it: algorithm, hyphen, base64. */
async function verify(file: string, integrity: string): Promise<void> {
  const [algorithm = '', expected] = integrity.split(/-(.*)/s);
  const found = createHash(algorithm)
    .update(await readFile(file))
    .digest('base64');
  if (found !== expected) {
    throw new Error(`${path.basename(file)} is not what package-lock.json names: ${found}`);
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
