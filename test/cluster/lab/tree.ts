import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { builtVirtualPi } from '../../image/built.ts';
import { sh } from './shell.ts';

const PREFIX = 'tree-';
const HOURS = 2 * 3_600_000;

/**
 * The files of a virtual Pi (`make virtual-pi`; BRAMBLE_VIRTUAL_PI names another tar file), unpacked
 * once for all nodes and runs. Nobody writes to them: each node has a layer of its own above.
 */
export async function virtualPiTree(): Promise<string> {
  const tar = process.env.BRAMBLE_VIRTUAL_PI ?? (await builtVirtualPi());
  const { size, mtimeMs } = await stat(tar);
  const cache = path.join(path.dirname(tar), 'cache');
  const tree = path.join(cache, `${PREFIX}${size}-${Math.round(mtimeMs)}`);
  if (await stat(tree).catch(() => undefined)) return tree;
  await mkdir(cache, { recursive: true });
  for (const name of await readdir(cache)) {
    const old = path.join(cache, name);
    // A younger one may have nodes of another run on it.
    if (!name.startsWith(PREFIX) || Date.now() - (await stat(old)).ctimeMs < HOURS) continue;
    await rm(old, { recursive: true, force: true });
  }
  const work = `${tree}.${process.pid}`;
  await mkdir(work);
  await sh('tar', '-xf', tar, '--warning=no-unknown-keyword', '-C', work);
  await rename(work, tree);
  return tree;
}
