import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = path.join(CHECKOUT, 'image/out');
/** A day, so that two builds are of one commit whatever is committed meanwhile. */
const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
/** The image takes minutes to put together, the tree of a virtual Pi seconds. */
const kinds = process.env.BRAMBLE_IMAGE === 'long' ? ['virtual', 'pi'] : ['virtual'];

let work = '';
beforeAll(async () => {
  // On the disk of the cache: what is built is large.
  work = await mkdtemp(path.join(OUT, '.twice-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function build(kind: string, name: string): Promise<string> {
  const out = path.join(work, `${kind}-${name}`);
  await mkdir(out);
  await symlink(path.join(OUT, 'cache'), path.join(out, 'cache'));
  const from = performance.now();
  await run('node', ['image/build/main.ts', kind, '--out', out], { cwd: CHECKOUT, env });
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
