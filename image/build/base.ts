import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expectVersions, makeSystem, packageList, packOverlays, SOURCES } from './debian.ts';
import { pinsText, readSnapshot, type Snapshot } from './pins.ts';
import { type Recipe, recipeHash } from './recipe.ts';

export interface BaseOptions {
  recipe: Recipe;
  /** Where finished systems stay for the next time. */
  cache: string;
  log: string;
  /** Take what Debian has now and write the list of versions anew. */
  refresh: boolean;
}

/**
 * Debian with the recipe's packages and files, as a tar file; from the cache where nothing has
 * changed. Rejects when the versions are not those of the pins.
 */
export async function buildBase(options: BaseOptions): Promise<string> {
  const { recipe, cache, refresh } = options;
  // Before the build: what is edited while it runs is not in it.
  const inputs = await recipeHash(recipe, [SOURCES]);
  return cached({
    ...{ cache, refresh, inputs, pins: recipe.pins, name: `base-${recipe.kind}-${recipe.arch}` },
    build: async (work, tar) => {
      const snapshot = await readSnapshot(recipe.pins, refresh);
      await debootstrap(options, snapshot, work, tar);
      const list = await packageList(tar);
      if (snapshot.pins !== undefined)
        return expectVersions(snapshot.pins, list, recipe.pins, options.log);
      await mkdir(path.dirname(recipe.pins), { recursive: true });
      await writeFile(recipe.pins, pinsText(list, snapshot.day));
    },
  });
}

export interface CachedOptions {
  cache: string;
  /** Build it even if it is there. */
  refresh: boolean;
  /** What its file begins with. */
  name: string;
  /** Hash of all that it is made from, besides the pins. */
  inputs: string;
  /** The file of the pins, which the build may write. */
  pins: string;
  /** Writes it to `tar`; `work` goes with it when it is done. */
  build: (work: string, tar: string) => Promise<void>;
}

/** A system from the cache, or one that is built for it. */
export async function cached(options: CachedOptions): Promise<string> {
  const { cache, refresh, inputs, build } = options;
  const place = async () => {
    const pins = await readFile(options.pins, 'utf8').catch(() => '');
    const hash = createHash('sha256').update(`${inputs}\n${pins}`).digest('hex').slice(0, 16);
    return path.join(cache, `${options.name}-${hash}.tar`);
  };
  const kept = await place();
  if (!refresh && (await exists(kept))) return kept;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, '.building-'));
  try {
    const tar = path.join(work, 'base.tar');
    await build(work, tar);
    const made = await place();
    await rename(tar, made);
    return made;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function debootstrap(
  { recipe, log }: BaseOptions,
  { pins, date }: Snapshot,
  work: string,
  out: string,
): Promise<void> {
  const overlay = path.join(work, 'overlay.tar');
  await packOverlays(recipe.overlays, date, overlay, log);
  const { debian: architecture, preferences } = recipe;
  await makeSystem({
    ...{ architecture, variant: 'apt', preferences, pins, date, work, out, log },
    args: [
      `--include=${recipe.packages.join(',')}`,
      ...(recipe.kind === 'pi' ? [] : ['--dpkgopt=path-exclude=/boot/*']),
      // Before the packages: the initramfs is made while the kernel is installed.
      `--essential-hook=tar-in ${overlay} /`,
      `--customize-hook=${recipe.customize}`,
    ],
  });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
