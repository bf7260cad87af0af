import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compare, type Pins, parsePins, pinPreferences } from './pins.ts';
import { run } from './run.ts';

export interface DebianOptions {
  /** As Debian names it. */
  architecture: 'arm64' | 'amd64';
  /** mmdebstrap's name for what there is to begin with. */
  variant: 'apt' | 'custom';
  /** Apt's preferences (apt_preferences(5)), besides those of the pins. */
  preferences: string;
  /** Versions to take, where they are given. */
  pins: Pins | undefined;
  /** Nothing in the system is newer, seconds since the epoch. */
  date: number;
  /** More arguments of mmdebstrap: its packages and hooks, in their order. */
  args: readonly string[];
  /** A directory for what is needed meanwhile. */
  work: string;
  /** The tar file to write. */
  out: string;
  log: string;
}

/** Where the packages are: a mirror, or a snapshot from the day of the pins. */
const DEBIAN = process.env.BRAMBLE_DEBIAN ?? 'http://deb.debian.org/debian';
const SECURITY = process.env.BRAMBLE_DEBIAN_SECURITY ?? 'http://deb.debian.org/debian-security';
const COMPONENTS = 'main non-free-firmware';

export const SOURCES = [
  `deb ${DEBIAN} trixie ${COMPONENTS}`,
  `deb ${DEBIAN} trixie-updates ${COMPONENTS}`,
  `deb ${SECURITY} trixie-security ${COMPONENTS}`,
  `deb ${DEBIAN} trixie-backports ${COMPONENTS}`,
].join('\n');

/** Debian does not have what is pinned, or could not be asked: nothing of ours is at fault. */
export class DebianError extends Error {
  override readonly name = 'DebianError';
}

/** How apt and mmdebstrap say so. */
const APT_FAILED =
  /Failed to fetch|Could not resolve|Could not connect|Connection (?:failed|timed out)|Temporary failure|Unable to (?:fetch|locate package|correct problems)|have unmet dependencies|Version '[^']+' for '[^']+' was not found|no Release file|apt-get (?:update|indextargets)[^\n]* failed/i;

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

/** Runs mmdebstrap. Rejects with DebianError where Debian does not have what is asked for. */
export async function makeSystem(options: DebianOptions): Promise<void> {
  const { architecture, variant, pins, date, args, work, out, log } = options;
  const preferences = path.join(work, 'preferences');
  const pinned = pins === undefined ? '' : pinPreferences(pins);
  await writeFile(preferences, `${options.preferences}\n${pinned}`);
  try {
    await run(
      'mmdebstrap',
      [
        ...['--mode=auto', `--variant=${variant}`, '--format=tar'],
        `--architectures=${architecture}`,
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Retries "5"',
        '--aptopt=Acquire::Languages "none"',
        // Files of the overlay that a package brings too are ours.
        '--dpkgopt=force-confold',
        ...LEFT_OUT,
        '--setup-hook=mkdir -p "$1/etc/apt/preferences.d"',
        `--setup-hook=upload ${preferences} /etc/apt/preferences.d/bramble`,
        ...args,
        '--customize-hook=rm -f "$1/etc/apt/preferences.d/bramble"',
        ...['trixie', out, '-'],
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

/** Overlays as a tar file; owner and modes as in a system, whatever they are in this checkout. */
export async function packOverlays(
  overlays: readonly string[],
  date: number,
  tar: string,
  log: string,
): Promise<void> {
  const from = overlays.flatMap((overlay) => ['-C', overlay, '.']);
  const same = ['--sort=name', `--mtime=@${date}`, '--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', ['-cf', tar, ...same, '--mode=u=rwX,go=rX', ...from], { log });
}

/** The list of `package=version` that a system has of itself. */
export function packageList(tar: string): Promise<string> {
  return run('tar', ['-xOf', tar, './usr/lib/bramble-packages']);
}

/** Throws DebianError when a system has other versions than those that it was to be made of. */
export function expectVersions(pins: Pins, list: string, file: string, log: string): void {
  const differences = compare(pins, parsePins(list));
  if (differences.length === 0) return;
  throw new DebianError(
    `not the versions that ${path.basename(file)} names (take them from a snapshot with BRAMBLE_DEBIAN, or \`make image-pins\`; log: ${log}):\n  ${differences.slice(0, 20).join('\n  ')}`,
  );
}
