import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compare, type Pins, parsePins, pinPreferences, pinsText, readPins } from './pins.ts';
import { type Recipe, recipeHash } from './recipe.ts';
import { run } from './run.ts';

export interface BaseOptions {
  recipe: Recipe;
  /** Where finished systems stay for the next time. */
  cache: string;
  log: string;
  /** Take what Debian has now and write the list of versions anew. */
  refresh: boolean;
}

/** Where the packages are: a mirror, or a snapshot from the day of the pins. */
const DEBIAN = process.env.BRAMBLE_DEBIAN ?? 'http://deb.debian.org/debian';
const SECURITY = process.env.BRAMBLE_DEBIAN_SECURITY ?? 'http://deb.debian.org/debian-security';
const DAY = 86_400_000;

/** Debian does not have what is pinned, or could not be asked: nothing of ours is at fault. */
export class DebianError extends Error {
  override readonly name = 'DebianError';
}

/** How apt and mmdebstrap say so. */
const APT_FAILED =
  /Failed to fetch|Could not resolve|Could not connect|Connection (?:failed|timed out)|Temporary failure|Unable to (?:fetch|locate package|correct problems)|have unmet dependencies|Version '[^']+' for '[^']+' was not found|no Release file|apt-get (?:update|indextargets)[^\n]* failed/i;
const COMPONENTS = 'main non-free-firmware';

const SOURCES = [
  `deb ${DEBIAN} trixie ${COMPONENTS}`,
  `deb ${DEBIAN} trixie-updates ${COMPONENTS}`,
  `deb ${SECURITY} trixie-security ${COMPONENTS}`,
  `deb ${DEBIAN} trixie-backports ${COMPONENTS}`,
].join('\n');

/** What nothing on a node reads. Licences stay. */
const LEFT_OUT = [
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--dpkgopt=path-include=/usr/share/locale/locale.alias',
  '--dpkgopt=path-exclude=/usr/share/info/*',
  '--dpkgopt=path-exclude=/usr/share/lintian/*',
  // They copy kernels onto the FAT partition in place, where a power cut leaves half of one. The
  // first is called by its package too, so the overlay has one that does nothing.
  '--dpkgopt=path-exclude=/etc/kernel/*/z50-raspi-firmware',
  '--dpkgopt=path-exclude=/etc/initramfs/post-update.d/z50-raspi-firmware',
];

/** Versions to take, where they are given, and what no file is newer than. */
interface Snapshot {
  pins: Pins | undefined;
  day: string;
  date: number;
}

/**
 * Debian with the recipe's packages and files, as a tar file; from the cache where nothing has
 * changed. Rejects when the versions are not those of the pins.
 */
export async function buildBase(options: BaseOptions): Promise<string> {
  const { recipe, cache } = options;
  // Before the build: what is edited while it runs is not in it.
  const inputs = await recipeHash(recipe, [SOURCES]);
  const name = async () => {
    const pins = await readFile(recipe.pins, 'utf8').catch(() => '');
    const hash = createHash('sha256').update(`${inputs}\n${pins}`).digest('hex').slice(0, 16);
    return `base-${recipe.kind}-${recipe.arch}-${hash}.tar`;
  };
  const kept = path.join(cache, await name());
  if (!options.refresh && (await exists(kept))) return kept;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, '.building-'));
  try {
    const tar = path.join(work, 'base.tar');
    const snapshot = await readSnapshot(options);
    await debootstrap(options, snapshot, work, tar);
    await checkPins(options, snapshot, tar);
    const base = path.join(cache, await name());
    await rename(tar, base);
    return base;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function readSnapshot({ recipe, refresh }: BaseOptions): Promise<Snapshot> {
  const pinned = refresh ? undefined : await readPins(recipe.pins);
  const date = pinned?.date ?? Math.floor(Date.now() / DAY) * (DAY / 1000);
  return { pins: pinned?.pins, date, day: new Date(date * 1000).toISOString().slice(0, 10) };
}

async function debootstrap(
  { recipe, log }: BaseOptions,
  { pins, date }: Snapshot,
  work: string,
  tar: string,
): Promise<void> {
  const overlay = path.join(work, 'overlay.tar');
  await packOverlay(recipe, date, overlay, log);
  const preferences = path.join(work, 'preferences');
  await writeFile(
    preferences,
    `${recipe.preferences}\n${pins === undefined ? '' : pinPreferences(pins)}`,
  );
  // Java's package links its manual pages there, and fails where it cannot.
  const manuals = recipe.kafka ? ['--essential-hook=mkdir -p "$1/usr/share/man/man1"'] : [];
  const kernelOnly = recipe.kind === 'pi' ? [] : ['--dpkgopt=path-exclude=/boot/*'];
  try {
    await run(
      'mmdebstrap',
      [
        '--mode=auto',
        '--variant=apt',
        '--format=tar',
        `--architectures=${recipe.debian}`,
        `--include=${recipe.packages.join(',')}`,
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Retries "5"',
        '--aptopt=Acquire::Languages "none"',
        // Files of the overlay that a package brings too are ours.
        '--dpkgopt=force-confold',
        ...LEFT_OUT,
        ...kernelOnly,
        '--setup-hook=mkdir -p "$1/etc/apt/preferences.d"',
        `--setup-hook=upload ${preferences} /etc/apt/preferences.d/bramble`,
        // Before the packages: the initramfs is made while the kernel is installed.
        `--essential-hook=tar-in ${overlay} /`,
        ...manuals,
        `--customize-hook=${recipe.customize}`,
        '--customize-hook=rm -f "$1/etc/apt/preferences.d/bramble"',
        'trixie',
        tar,
        '-',
      ],
      {
        log,
        input: SOURCES,
        env: { SOURCE_DATE_EPOCH: `${date}`, DEBIAN_FRONTEND: 'noninteractive' },
      },
    );
  } catch (cause) {
    if (!(cause instanceof Error) || !APT_FAILED.test(cause.message)) throw cause;
    throw new DebianError(cause.message, { cause });
  }
}

/** Owner and modes as in a system, whatever they are in this checkout. */
async function packOverlay(recipe: Recipe, date: number, tar: string, log: string): Promise<void> {
  const from = recipe.overlays.flatMap((overlay) => ['-C', overlay, '.']);
  const same = ['--sort=name', `--mtime=@${date}`, '--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', ['-cf', tar, ...same, '--mode=u=rwX,go=rX', ...from], { log });
}

async function checkPins(
  { recipe, log }: BaseOptions,
  { pins, day }: Snapshot,
  tar: string,
): Promise<void> {
  const list = await run('tar', ['-xOf', tar, './usr/lib/bramble-packages']);
  if (pins === undefined) {
    await mkdir(path.dirname(recipe.pins), { recursive: true });
    await writeFile(recipe.pins, pinsText(list, day));
    return;
  }
  const differences = compare(pins, parsePins(list));
  if (differences.length === 0) return;
  throw new DebianError(
    `not the versions that ${path.basename(recipe.pins)} names (take them from a snapshot with BRAMBLE_DEBIAN, or \`make image-pins\`; log: ${log}):\n  ${differences.slice(0, 20).join('\n  ')}`,
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
