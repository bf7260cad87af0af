import { renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { lineDiff } from './diff.ts';
import { isDirectory, listed, pointedTo, readText, writeText } from './files.ts';
import { CLUSTER_FILE, type Layout, RELEASE_NAME } from './layout.ts';
import { maskSecrets } from './mask.ts';

/** Everything of a node that one command changes and another takes back. */
export interface Generation {
  /** Name of the release; undefined: none is installed. */
  release: string | undefined;
  /** Files of /etc/bramble, by name. */
  files: ReadonlyMap<string, string>;
}

export interface FileChange {
  file: string;
  what: 'new' | 'changed' | 'removed';
  /** Without secrets. */
  diff: string;
}

/** What lies between two generations. */
export interface Changes {
  release: { from: string | null; to: string } | null;
  files: FileChange[];
}

const NEXT = 'next';
const PREVIOUS = 'previous';
const RELEASE = 'release';
/** The first lines of every file that we render: see render/plan.ts. */
const RENDERED = /^# Rendered by bramble render /m;
/** Lines that are looked at for that. */
const HEADER = 400;

const isOurs = (text: string): boolean => RENDERED.test(text.slice(0, HEADER));

/** What runs now: the release, cluster.yaml and what was rendered. Other files there are the owner's. */
export function currentGeneration(layout: Layout): Generation {
  const files = new Map<string, string>();
  for (const name of listed(layout.etc)) {
    if (!isFileName(name)) continue;
    const file = path.join(layout.etc, name);
    if (isDirectory(file)) continue;
    const text = readText(file);
    if (text !== undefined && (name === CLUSTER_FILE || isOurs(text))) files.set(name, text);
  }
  return { release: pointedTo(layout.current), files };
}

function isFileName(name: string): boolean {
  return /^[a-z][a-z0-9.-]*$/.test(name) && !name.endsWith('.new');
}

/** What changes from one to the other. */
export function compareGenerations(from: Generation, to: Generation): Changes {
  const files: FileChange[] = [];
  for (const name of [...new Set([...from.files.keys(), ...to.files.keys()])].sort()) {
    const [before, after] = [from.files.get(name), to.files.get(name)];
    if (before === after) continue;
    const what = before === undefined ? 'new' : after === undefined ? 'removed' : 'changed';
    // A file that comes or goes as a whole is no news line by line.
    const diff = what === 'changed' ? lineDiff(before ?? '', after ?? '', maskSecrets) : '';
    files.push({ file: path.posix.join('/etc/bramble', name), what, diff });
  }
  const release =
    to.release === undefined || to.release === from.release
      ? null
      : { from: from.release ?? null, to: to.release };
  return { release, files };
}

export function nothing({ release, files }: Changes): boolean {
  return release === null && files.length === 0;
}

/** Keeps a generation under a name; what had the name is gone only when the new one is whole. */
export function keep(layout: Layout, name: 'next' | 'previous', generation: Generation): void {
  const place = path.join(layout.generations, name);
  const work = `${place}.new`;
  rmSync(work, { recursive: true, force: true });
  for (const [file, text] of generation.files) writeText(path.join(work, 'etc', file), text, 0o600);
  writeText(path.join(work, RELEASE), `${generation.release ?? ''}\n`, 0o600);
  rmSync(place, { recursive: true, force: true });
  renameSync(work, place);
}

/** Throws STORAGE where there is none, or a broken one. */
export function kept(layout: Layout, name: 'next' | 'previous'): Generation {
  const place = path.join(layout.generations, name);
  const release = readText(path.join(place, RELEASE))?.trim();
  if (release === undefined) {
    throw new BrambleError(ERROR_CODES.STORAGE, `there is no ${name} configuration on this node`, {
      hint: name === PREVIOUS ? 'nothing has been changed since the first one' : 'stage one first',
    });
  }
  if (release !== '') requireRelease(layout, release);
  const files = new Map<string, string>();
  for (const file of listed(path.join(place, 'etc'))) {
    const text = isFileName(file) ? readText(path.join(place, 'etc', file)) : undefined;
    if (text !== undefined) files.set(file, text);
  }
  return { release: release === '' ? undefined : release, files };
}

export function discardNext(layout: Layout): void {
  rmSync(path.join(layout.generations, NEXT), { recursive: true, force: true });
}

/** Throws STORAGE for a release that is not whole on this node, USAGE for what is no name of one. */
export function requireRelease(layout: Layout, name: string): void {
  if (!RELEASE_NAME.test(name)) {
    throw new BrambleError(ERROR_CODES.USAGE, `"${name}" is no name of a release`);
  }
  if (readText(path.join(layout.releases, name, 'RELEASE')) !== undefined) return;
  throw new BrambleError(ERROR_CODES.STORAGE, `release ${name} is not on this node`, {
    hint: `there are: ${listed(layout.releases).join(', ') || 'none'}`,
  });
}
