import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = path.join(CHECKOUT, 'image/out');
/** A day: the copy that is built from knows of no commit. */
const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
/** The image takes minutes to put together, the tree of a virtual Pi seconds. */
const kinds = process.env.BRAMBLE_IMAGE === 'long' ? ['virtual', 'pi'] : ['virtual'];

let work = '';
beforeAll(async () => {
  // On the disk of the cache: what is built is large.
  work = await mkdtemp(path.join(OUT, '.twice-'));
  await copyCheckout();
});
afterAll(() => rm(work, { recursive: true, force: true }));

/** Between the two builds somebody may go on writing. */
async function copyCheckout(): Promise<void> {
  const copy = path.join(work, 'checkout');
  await mkdir(copy);
  const files = 'git ls-files -coz --exclude-standard';
  const pack = 'tar -c --null --ignore-failed-read --no-recursion -T -';
  await run('sh', ['-c', `${files} | ${pack} 2>/dev/null | tar -x -C "$0"`, copy], {
    cwd: CHECKOUT,
  });
  await symlink(path.join(CHECKOUT, 'node_modules'), path.join(copy, 'node_modules'));
}

async function build(kind: string, name: string): Promise<string> {
  const out = path.join(work, `${kind}-${name}`);
  await mkdir(out);
  await symlink(path.join(OUT, 'cache'), path.join(out, 'cache'));
  // Node's own program for the Pi, which was fetched once.
  await mkdir(path.join(out, 'release'));
  await symlink(path.join(OUT, 'release/.cache'), path.join(out, 'release/.cache'));
  const from = performance.now();
  await run('node', ['image/build/main.ts', kind, '--out', out], {
    ...{ cwd: path.join(work, 'checkout'), env },
  });
  console.log(`${kind}: ${((performance.now() - from) / 1000).toFixed(0)} s`);
  const files = (await readdir(out)).filter((file) => /^bramble-.*\.(img|tar|update)$/.test(file));
  expect(files.length).toBeGreaterThan(0);
  return out;
}

test.each(kinds)('%s: two builds of one commit are the same, byte for byte', async (kind) => {
  const [one, other] = [await build(kind, 'one'), await build(kind, 'other')];
  const files = (await readdir(one)).filter((file) => /^bramble-.*\.(img|tar|update)$/.test(file));
  for (const file of files) {
    const differs = await run('cmp', [path.join(one, file), path.join(other, file)]).then(
      () => '',
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    );
    expect(differs).toBe('');
  }
  console.log(`the same: ${files.join(', ')}`);
});
