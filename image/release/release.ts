import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { bundle } from './bundle.ts';
import { type Architecture, nodeBinary } from './node-binary.ts';

export interface ReleaseOptions {
  checkout: string;
  /** Directory for releases; the new one is made in it. */
  out: string;
  arch: Architecture;
  /** Seconds since the epoch that every file bears (SOURCE_DATE_EPOCH). */
  date: number;
  /** Told of each step and what it took, milliseconds. */
  progress: (step: string, took: number) => void;
}

/** Programs of ours; what they are called when they are installed is in `bin`. */
const PROGRAMS = [
  'services/balancer/main.ts',
  'services/bridge/main.ts',
  'services/broker/main.ts',
  'services/stats/main.ts',
  'services/vip/main.ts',
  'services/watchdog/main.ts',
  'provisioning/main.ts',
];

/** What programs read at run time, and what is installed from a release as it is. */
const FILES = ['package.json', 'LICENSE', 'services/stats/page/assets'];
const UNITS = 'services';

const LAUNCHERS: Record<string, string> = {
  bramble: 'provisioning/main.js',
  'bramble-balancer': 'services/balancer/main.js',
};

/** Characters of the hash in a release's name. */
const NAME_LENGTH = 12;

/**
 * A release: everything of ours that a Pi runs, in one directory whose name says what is in it, so
 * that the same content has the same name wherever and whenever it was built. Resolves with its
 * path.
 */
export async function buildRelease(options: ReleaseOptions): Promise<string> {
  const { checkout, out, arch, date, progress } = options;
  await mkdir(out, { recursive: true });
  const work = await mkdtemp(path.join(out, '.building-'));
  const step = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const result = await act();
    progress(name, performance.now() - from);
    return result;
  };
  try {
    await step('bundles', () =>
      bundle({ checkout, out: work, programs: PROGRAMS.map((source) => ({ source })) }),
    );
    await step('files', async () => {
      await copyFiles(checkout, work);
      await writeLaunchers(work);
    });
    await step(`Node for ${arch}`, async () => {
      const node = await nodeBinary({ checkout, arch, cache: path.join(out, '.cache') });
      await mkdir(path.join(work, 'node', 'bin'), { recursive: true });
      await copyFile(node, path.join(work, 'node', 'bin', 'node'));
      await copyFile(
        path.join(path.dirname(path.dirname(node)), 'LICENSE'),
        path.join(work, 'node', 'LICENSE'),
      );
    });
    const name = await step('name', () => seal(checkout, work, { arch, date }));
    const release = path.join(out, name);
    await rm(release, { recursive: true, force: true });
    await rename(work, release);
    return release;
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

async function copyFiles(checkout: string, work: string): Promise<void> {
  const units = (await readdir(path.join(checkout, UNITS), { recursive: true }))
    .filter((file) => /(^|\/)bramble[a-z-]*\.(service|target|timer)$/.test(file))
    .map((file) => path.posix.join(UNITS, file));
  for (const file of [...FILES, ...units]) {
    const target = path.join(work, file);
    await mkdir(path.dirname(target), { recursive: true });
    await cp(path.join(checkout, file), target, { recursive: true });
  }
}

async function writeLaunchers(work: string): Promise<void> {
  await mkdir(path.join(work, 'bin'));
  for (const [name, program] of Object.entries(LAUNCHERS)) {
    const text = `#!/bin/sh
# Runs under the Node that came with this release, whatever Node the system has.
release=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
exec "$release/node/bin/node" "$release/${program}" "$@"
`;
    await writeFile(path.join(work, 'bin', name), text);
  }
}

/** Writes what is in it, gives every file the date, and resolves with the release's name. */
async function seal(
  checkout: string,
  work: string,
  { arch, date }: Pick<ReleaseOptions, 'arch' | 'date'>,
): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(checkout, 'package.json'), 'utf8')) as {
    version: string;
  };
  const entries = await readdir(work, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(work, path.join(entry.parentPath, entry.name)))
    .sort();
  const sums: string[] = [];
  for (const file of files) {
    const full = path.join(work, file);
    const content = await readFile(full);
    await chmod(full, /(^|\/)bin\//.test(file) ? 0o755 : 0o644);
    sums.push(`${createHash('sha256').update(content).digest('hex')}  ${file}\n`);
  }
  // As sha256sum writes it, so that `sha256sum -c SHA256SUMS` tells whether a card is sound.
  const list = sums.join('');
  await writeFile(path.join(work, 'SHA256SUMS'), list, { mode: 0o644 });
  const hash = createHash('sha256').update(list).digest('hex').slice(0, NAME_LENGTH);
  await writeFile(path.join(work, 'RELEASE'), `${version}-${hash} ${arch}\n`, { mode: 0o644 });
  const all = await readdir(work, { recursive: true, withFileTypes: true });
  // Deepest first: what is in a directory gives it another date.
  for (const entry of all.toReversed()) {
    await utimes(path.join(entry.parentPath, entry.name), date, date);
  }
  await utimes(work, date, date);
  await chmod(work, 0o755);
  return `bramble-${version}-${hash}`;
}
