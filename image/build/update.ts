import { createHash, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';
import { signatureOf } from './signing.ts';

export interface UpdateOptions {
  /** The directory of a slot as it lies on the FAT partition. */
  slot: string;
  /** The squashfs of its root. */
  root: string;
  version: string;
  arch: string;
  /** Signs it, where there is one. */
  key: KeyObject | undefined;
  date: number;
  out: string;
  log: string;
}

/** What a slot's directory has of its own on each card. */
const LEFT_OUT = /^state$/;
const ROOT = 'root.squashfs';

/**
 * What `bramble os-update` takes: a tar file of the manifest, its signature, the slot's files and
 * its root. The manifest comes first, so that a file that is not ours is known at once.
 */
export async function buildUpdate(options: UpdateOptions): Promise<void> {
  const { slot, root, version, arch, key, date, out, log } = options;
  const work = await mkdtemp(path.join(path.dirname(out), '.update-'));
  try {
    await mkdir(path.join(work, 'boot'));
    const names = (await readdir(slot)).filter((name) => !LEFT_OUT.test(name)).sort();
    for (const name of names) await symlink(path.join(slot, name), path.join(work, 'boot', name));
    await symlink(root, path.join(work, ROOT));
    const boot = await Promise.all(names.map((name) => describe(path.join(slot, name), name)));
    const manifest = { format: 1, version, arch, root: await describe(root, ROOT), boot };
    const text = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await writeFile(path.join(work, 'manifest.json'), text);
    const signed = key === undefined ? [] : ['manifest.json.sig'];
    if (key !== undefined) {
      const signature = `${signatureOf(text, key).toString('base64')}\n`;
      await writeFile(path.join(work, 'manifest.json.sig'), signature);
    }
    await rm(out, { force: true });
    await run(
      'tar',
      [
        ...['-chf', out, `--mtime=@${date}`, '--owner=0', '--group=0', '--numeric-owner'],
        ...['--mode=u=rw,go=r', '--format=ustar', '-C', work, 'manifest.json', ...signed],
        ...names.map((name) => `boot/${name}`),
        ROOT,
      ],
      { log },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function describe(file: string, name: string) {
  return { name, size: (await stat(file)).size, sha256: await sha256Of(file) };
}

/** Of a file of any size, hexadecimal. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
