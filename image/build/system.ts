import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';

export interface SystemOptions {
  /** The tar file of Debian. */
  base: string;
  /** The directory of a built release. */
  release: string;
  /** Seconds since the epoch that every file of ours bears. */
  date: number;
  /** The tar file to write. */
  out: string;
  log: string;
}

/** Where releases lie on a node, and the one that runs. */
const RELEASES = 'opt/bramble/releases';
const CURRENT = '/opt/bramble/current';
const UNITS = 'usr/lib/systemd/system';
/** What systemd starts at boot; it asks for the others. */
const TARGET = 'bramble.target';

/** The kernel lies on the FAT partition, and /dev is made at boot. */
const LEFT_OUT = ['/boot/vmlinuz*', '/boot/initrd*', '/boot/System.map*', '/dev/*'];
/** Directories of the base that ours would bring once more. */
const OURS = ['/opt/bramble', '/opt/bramble/*', '/usr/local/bin', '/usr/lib/clock-epoch'];

/**
 * The whole system as a tar file: Debian with our release in it, its units known to systemd and
 * its commands in the PATH. Nothing runs in the new system, so this takes seconds.
 */
export async function buildSystem({ base, release, date, out, log }: SystemOptions): Promise<void> {
  const work = await mkdtemp(path.join(path.dirname(out), '.system-'));
  try {
    const root = path.join(work, 'root');
    await layOut(root, release);
    const ours = path.join(work, 'ours.tar');
    const name = path.basename(release);
    await run(
      'tar',
      [
        ...['-cf', ours, '--sort=name', `--mtime=@${date}`, '--mode=u=rwX,go=rX'],
        ...['--owner=0', '--group=0', '--numeric-owner'],
        `--transform=s,^\\./${name},./${RELEASES}/${name},S`,
        ...['-C', root, ...(await topLevel(root)), '-C', path.dirname(release), `./${name}`],
      ],
      { log },
    );
    const excludes = [...LEFT_OUT, ...OURS].map((glob) => `--path-exclude=${glob}`);
    await run('sh', ['-c', 'exec mmtarfilter "$@" <"$BASE" >"$OUT"', 'sh', ...excludes], {
      log,
      env: { BASE: base, OUT: out },
    });
    await run('tar', ['--concatenate', '-f', out, ours], { log });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What lies around the release: which one is current, its units, its commands. */
async function layOut(root: string, release: string): Promise<void> {
  const link = async (target: string, file: string): Promise<void> => {
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await symlink(target, path.join(root, file));
  };
  await mkdir(path.join(root, RELEASES), { recursive: true });
  await link(`releases/${path.basename(release)}`, CURRENT.slice(1));
  for (const command of await readdir(path.join(release, 'bin'))) {
    await link(`${CURRENT}/bin/${command}`, `usr/local/bin/${command}`);
  }
  for (const file of await unitFiles(release)) {
    const unit = path.posix.basename(file);
    // The unit belongs to the release: rolling back takes the old one again.
    await link(`${CURRENT}/${file}`, `${UNITS}/${unit}`);
    const text = await readFile(path.join(release, file), 'utf8');
    for (const wanted of wantedBy(text))
      await link(`../${unit}`, `${UNITS}/${wanted}.wants/${unit}`);
  }
  // systemd never sets the clock earlier than the date of this file.
  await writeFile(path.join(root, 'usr/lib/clock-epoch'), '');
  const preset = `enable ${TARGET}\n`;
  await mkdir(path.join(root, 'usr/lib/systemd/system-preset'), { recursive: true });
  await writeFile(
    path.join(root, 'usr/lib/systemd/system-preset/05-bramble-release.preset'),
    preset,
  );
}

/** Unit files of a release, relative to it. */
export async function unitFiles(release: string): Promise<string[]> {
  const files = await readdir(path.join(release, 'services'), { recursive: true });
  return files
    .filter((file) => /(^|\/)bramble[a-z-]*\.(service|target|timer)$/.test(file))
    .map((file) => path.posix.join('services', file))
    .sort();
}

/** What a unit's `[Install]` section has it started by. */
export function wantedBy(unit: string): string[] {
  return [...unit.matchAll(/^WantedBy=(.*)$/gm)].flatMap(([, names]) =>
    (names ?? '').split(/\s+/).filter((name) => name !== ''),
  );
}

/**
 * The paths of which tar shall carry nothing above: directories that the base has keep its modes
 * and dates, and no entry is there twice.
 */
async function topLevel(root: string): Promise<string[]> {
  const found = ['./opt/bramble', './usr/local/bin', './usr/lib/clock-epoch'];
  const entries = await readdir(path.join(root, 'usr/lib/systemd'), {
    recursive: true,
    withFileTypes: true,
  });
  for (const entry of entries) {
    const full = path.join(entry.parentPath, entry.name);
    const own = entry.isDirectory()
      ? entry.name.startsWith('bramble')
      : !/bramble[^/]*\.wants$/.test(entry.parentPath);
    if (own) found.push(`./${path.relative(root, full)}`);
  }
  return found.sort();
}
