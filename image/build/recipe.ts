import { createHash } from 'node:crypto';
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
  /** With Java among them. */
  kafka: boolean;
  /** Directories of plain files, laid over the system in this order. */
  overlays: string[];
  customize: string;
  /** Directory of the scripts of a card's start. */
  initramfs: string;
  preferences: string;
  /** The list of `package=version` that this recipe builds from. */
  pins: string;
}

const RECIPE = path.resolve(import.meta.dirname, '../recipe');

/** Reads the recipe; with `kafka`, what Apache Kafka needs too. Rejects when a file of it is missing. */
export async function readRecipe(kind: Kind, arch: Architecture, kafka = false): Promise<Recipe> {
  const plain = kind === 'pi' ? ['common', 'pi'] : ['common'];
  const layers = kafka ? [...plain, 'kafka'] : plain;
  const lists = layers.map((layer) => readFile(path.join(RECIPE, 'packages', layer), 'utf8'));
  return {
    kind,
    arch,
    debian: arch === 'x64' ? 'amd64' : arch,
    packages: (await Promise.all(lists)).flatMap(linesOf),
    kafka,
    overlays: layers.map((layer) => path.join(RECIPE, 'overlay', layer)),
    initramfs: path.join(RECIPE, 'initramfs'),
    customize: path.join(RECIPE, 'customize.sh'),
    preferences: await readFile(path.join(RECIPE, 'preferences'), 'utf8'),
    pins: path.join(RECIPE, 'pins', `${kind}-${arch}${kafka ? '-kafka' : ''}`),
  };
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
  const add = (...parts: (string | Buffer)[]): void => {
    for (const part of parts) hash.update(part).update('\0');
  };
  add(recipe.kind, recipe.arch, recipe.preferences, ...recipe.packages, ...more);
  add(await readFile(recipe.customize));
  for (const overlay of recipe.overlays) {
    const entries = await readdir(overlay, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    for (const file of files.sort()) {
      if (!ACT_EARLY.test(path.relative(overlay, file))) continue;
      const runs = ((await stat(file)).mode & 0o100) !== 0;
      add(path.relative(overlay, file), runs ? 'x' : '-', await readFile(file));
    }
  }
  return hash.digest('hex');
}
