import { createHash } from 'node:crypto';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Architecture } from '../release/node-binary.ts';
import { buildRelease } from '../release/release.ts';
import { buildBase } from './base.ts';
import { buildBoot } from './boot.ts';
import { buildDisk, SIZES } from './disk.ts';
import { type Kind, readRecipe } from './recipe.ts';
import { run } from './run.ts';
import type { Steps } from './steps.ts';
import { buildSystem } from './system.ts';

export interface BuildOptions {
  checkout: string;
  /** Directory for everything that is built; caches are in it too. */
  out: string;
  log: string;
  /** Seconds since the epoch (SOURCE_DATE_EPOCH). */
  date: number;
  /** Take Debian's newest packages and write the lists of versions anew. */
  refresh: boolean;
  steps: Steps;
}

interface System {
  base: string;
  tar: string;
  version: string;
}

/** `bramble-VERSION-arm64.img`, and with `xz` the same compressed. Resolves with its path. */
export async function buildImage(options: BuildOptions & { xz: boolean }): Promise<string> {
  const { out, date, log, steps, xz } = options;
  const { base, tar, version } = await system('pi', 'arm64', options);
  const name = path.join(out, `bramble-${version}-arm64`);
  const signature = createHash('sha256').update(`${version} ${date}`).digest('hex').slice(0, 8);
  const root = `${name}.squashfs`;
  await steps.run('root', () => squash(tar, root, date, log));
  await rm(tar);
  const size = (await stat(root)).size;
  if (size > SIZES.slot * 1024 * 1024) {
    throw new Error(`the root needs ${mib(size)}, its partition has ${SIZES.slot} MiB`);
  }
  const boot = path.join(out, 'boot');
  await steps.run('boot', () => buildBoot({ base, out: boot, signature, date, log }));
  const image = `${name}.img`;
  await steps.run('disk', () => buildDisk({ boot, root, signature, date, out: image, log }));
  steps.say(`${image}: ${mib((await stat(image)).size)}, its root ${mib(size)}`);
  if (!xz) return image;
  await steps.run('xz', () => run('xz', ['-T0', '-3', '--force', '--keep', image], { log }));
  steps.say(`${image}.xz: ${mib((await stat(`${image}.xz`)).size)}`);
  return image;
}

/** The system of a virtual Pi for this machine, as a tar file. Resolves with its path. */
export async function buildVirtual(options: BuildOptions): Promise<string> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const { tar, version } = await system('virtual', arch, options);
  const file = path.join(options.out, `bramble-${version}-virtual-${arch}.tar`);
  await rename(tar, file);
  options.steps.say(`${file}: ${mib((await stat(file)).size)}`);
  return file;
}

async function system(kind: Kind, arch: Architecture, options: BuildOptions): Promise<System> {
  const { checkout, out, log, date, refresh, steps } = options;
  const recipe = await readRecipe(kind, arch);
  const release = await steps.run('release', () =>
    buildRelease({ checkout, out: path.join(out, 'release'), arch, date, progress: () => {} }),
  );
  const base = await steps.run('Debian', () =>
    buildBase({ recipe, cache: path.join(out, 'cache'), log, refresh }),
  );
  const tar = path.join(out, `.${kind}-${arch}.tar`);
  await steps.run('system', () =>
    buildSystem({ base, overlays: recipe.overlays, release, date, out: tar, log }),
  );
  const { version } = JSON.parse(await readFile(path.join(checkout, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { base, tar, version };
}

/** sqfstar keeps owners and dates of the tar file, so nobody needs to be root. */
async function squash(tar: string, out: string, date: number, log: string): Promise<void> {
  const options = [
    '-comp',
    'zstd',
    '-Xcompression-level',
    '15',
    '-b',
    '256K',
    '-noappend',
    '-quiet',
    '-no-progress',
    '-reproducible',
  ];
  await rm(out, { force: true });
  await run('sh', ['-c', 'exec sqfstar "$@" <"$TAR"', 'sh', ...options, out], {
    log,
    env: { TAR: tar, SOURCE_DATE_EPOCH: `${date}` },
  });
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}
