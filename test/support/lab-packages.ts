import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { CHECKOUT } from './dev.ts';

const run = promisify(execFile);
/** Where a virtual Pi has them. */
const PLACE = '/var/lib/lab-packages';

/** Packages that virtual Pis can install by apt, though they reach no network. */
export class LabPackages {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Fetches them, with what they want beside the packages in `tar`. */
  static async fetch(tar: string, names: readonly string[]): Promise<LabPackages> {
    const work = await mkdtemp(path.join(tmpdir(), 'bramble-packages-'));
    const packages = new LabPackages(work);
    try {
      const status = 'var/lib/dpkg/status';
      await run('tar', ['-xf', tar, '--warning=no-unknown-keyword', '-C', work, `./${status}`]);
      const script = path.join(CHECKOUT, 'test/tools/debian-parts.sh');
      await run(script, [path.join(work, 'debs'), path.join(work, status), ...names]);
      await packages.#index();
      return packages;
    } catch (error) {
      await packages[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Has apt in a virtual Pi's root take them from there, and from nowhere else. */
  async furnish(root: string): Promise<void> {
    await cp(path.join(this.#directory, 'debs'), path.join(root, PLACE), { recursive: true });
    await rm(path.join(root, 'etc/apt/sources.list.d'), { recursive: true, force: true });
    await mkdir(path.join(root, 'etc/apt/sources.list.d'));
    await writeFile(
      path.join(root, 'etc/apt/sources.list'),
      `deb [trusted=yes] file:${PLACE} ./\n`,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true });
  }

  /** `Packages`, by which apt knows what there is. */
  async #index(): Promise<void> {
    const directory = path.join(this.#directory, 'debs');
    const entries: string[] = [];
    for (const name of (await readdir(directory)).sort()) {
      const file = path.join(directory, name);
      const { stdout } = await run('dpkg-deb', ['-f', file]);
      const sum = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
      const { size } = await stat(file);
      entries.push(`${stdout.trim()}\nFilename: ./${name}\nSize: ${size}\nSHA256: ${sum}\n`);
    }
    await writeFile(path.join(directory, 'Packages'), entries.join('\n'));
  }
}
