import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Architecture } from '../release/node-binary.ts';

/** A Pi's system has a kernel and mounts its disk; a virtual Pi's is started by its host. */
export const KINDS = ['pi', 'virtual'] as const;
export type Kind = (typeof KINDS)[number];

export interface Recipe {
  kind: Kind;
  arch: Architecture;
  /** As Debian names the architecture. */
  debian: 'arm64' | 'amd64';
  packages: string[];
  /** Directories of plain files, laid over the system in this order. */
  overlays: string[];
  customize: string;
  /** Directory of the scripts of a card's start. */
  initramfs: string;
  preferences: string;
  /** The list of `package=version` that this recipe builds from. */
  pins: string;
}

/** Packages and files that go onto a finished system where they are asked for. */
export interface Layer {
  name: string;
  packages: string[];
  overlay: string;
  /** The list of `package=version` of those that it adds. */
  pins: string;
}

const RECIPE = path.resolve(import.meta.dirname, '../recipe');

/** Reads the recipe. Rejects when a file of it is missing. */
export async function readRecipe(kind: Kind, arch: Architecture): Promise<Recipe> {
  const parts = kind === 'pi' ? ['common', 'pi'] : ['common'];
  return {
    kind,
    arch,
    debian: arch === 'x64' ? 'amd64' : arch,
    packages: (await Promise.all(parts.map(packagesOf))).flat(),
    overlays: parts.map((part) => path.join(RECIPE, 'overlay', part)),
    initramfs: path.join(RECIPE, 'initramfs'),
    customize: path.join(RECIPE, 'customize.sh'),
    preferences: await readFile(path.join(RECIPE, 'preferences'), 'utf8'),
    pins: path.join(RECIPE, 'pins', `${kind}-${arch}`),
  };
}

/** Reads a layer of it. */
export async function readLayer(name: 'kafka', { kind, arch }: Recipe): Promise<Layer> {
  return {
    name,
    packages: await packagesOf(name),
    overlay: path.join(RECIPE, 'overlay', name),
    pins: path.join(RECIPE, 'pins', `${kind}-${arch}-${name}`),
  };
}

async function packagesOf(name: string): Promise<string[]> {
  return linesOf(await readFile(path.join(RECIPE, 'packages', name), 'utf8'));
}

/** The lines that say something: without comments and empty ones. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

/** Files of the overlay that act while packages are installed; the others are laid over it later. */
const ACT_EARLY =
  /^etc\/(initramfs-tools|kernel)\/|^usr\/lib\/(sysusers\.d|systemd\/system-preset)\//;

/** Changes with everything that Debian's part is made from, besides the pins. */
export async function recipeHash(recipe: Recipe, more: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  add(hash, recipe.kind, recipe.arch, recipe.preferences, ...recipe.packages, ...more);
  add(hash, await readFile(recipe.customize));
  for (const overlay of recipe.overlays) await addOverlay(hash, overlay);
  return hash.digest('hex');
}

/** Changes with everything that is added to a system of this recipe, besides the pins. */
export async function layerHash({ packages, overlay }: Layer, recipe: Recipe): Promise<string> {
  const hash = createHash('sha256');
  add(hash, recipe.preferences, ...packages, await readFile(recipe.customize));
  await addOverlay(hash, overlay);
  return hash.digest('hex');
}

function add(hash: Hash, ...parts: (string | Buffer)[]): void {
  for (const part of parts) hash.update(part).update('\0');
}

async function addOverlay(hash: Hash, overlay: string): Promise<void> {
  const entries = await readdir(overlay, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    if (!ACT_EARLY.test(path.relative(overlay, file))) continue;
    const runs = ((await stat(file)).mode & 0o100) !== 0;
    add(hash, path.relative(overlay, file), runs ? 'x' : '-', await readFile(file));
  }
}
