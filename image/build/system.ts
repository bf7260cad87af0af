import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';

export interface SystemOptions {
  /** The tar file of Debian. */
  base: string;
  /** Directories of plain files to lay over it, in this order. */
  overlays: readonly string[];
  /** Texts of more files, by path. */
  files: Readonly<Record<string, string>>;
  /** Directories of files to copy, by where they go. */
  directories: Readonly<Record<string, string>>;
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
const UNIT = /^bramble[a-z-]*\.(service|target|timer|path)$/;

/** The kernel lies on the FAT partition, and /dev is made at boot. */
const LEFT_OUT = [
  ...[
    '/boot/vmlinuz*',
    '/boot/initrd*',
    '/boot/System.map*',
    '/boot/config*',
    '/boot/firmware/*',
    '/dev/*',
  ],
  ...[
    '/usr/lib/modules/*/vmlinuz',
    '/usr/lib/modules/*/config',
    '/usr/lib/modules/*/dtb/*',
    '/usr/lib/linux-image-*/*',
  ],
  '/usr/lib/raspi-firmware/*',
];

/**
 * The whole system as a tar file: Debian with our release in it, its units known to systemd and
 * its commands in the PATH. Nothing runs in the new system, so this takes seconds.
 */
export async function buildSystem(options: SystemOptions): Promise<void> {
  const { base, release, date, out, log } = options;
  const work = await mkdtemp(path.join(path.dirname(out), '.system-'));
  try {
    const root = path.join(work, 'root');
    await layOut(root, options);
    const ours = path.join(work, 'ours.tar');
    const list = path.join(work, 'list');
    const { members, replaced } = await compareWith(base, root);
    await writeFile(list, members.map((member) => `${member}\n`).join(''));
    const name = path.basename(release);
    await run(
      'tar',
      [
        ...['-cf', ours, '--sort=name', `--mtime=@${date}`, '--mode=u=rwX,go=rX'],
        ...['--owner=0', '--group=0', '--numeric-owner', '--no-recursion'],
        ...['-C', root, '--verbatim-files-from', '-T', list],
        ...['--recursion', `--transform=s,^\\./${name},./${RELEASES}/${name},S`],
        ...['-C', path.dirname(release), `./${name}`],
      ],
      { log },
    );
    const excludes = [...LEFT_OUT, ...replaced].map((glob) => `--path-exclude=${glob}`);
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
async function layOut(root: string, options: SystemOptions): Promise<void> {
  const { overlays, files, directories, release } = options;
  await mkdir(root);
  for (const overlay of overlays) await cp(overlay, root, { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
  for (const [place, from] of Object.entries(directories)) {
    await cp(from, path.join(root, place), { recursive: true });
  }
  const link = async (target: string, file: string): Promise<void> => {
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await symlink(target, path.join(root, file));
  };
  await mkdir(path.join(root, RELEASES), { recursive: true });
  await link(`releases/${path.basename(release)}`, CURRENT.slice(1));
  for (const command of await readdir(path.join(release, 'bin'))) {
    await link(`${CURRENT}/bin/${command}`, `usr/local/bin/${command}`);
  }
  const units = new Map<string, string>();
  for (const file of await unitFiles(release)) {
    const unit = path.posix.basename(file);
    // The unit belongs to the release: rolling back takes the old one again.
    await link(`${CURRENT}/${file}`, `${UNITS}/${unit}`);
    units.set(unit, path.join(release, file));
  }
  for (const unit of await readdir(path.join(root, UNITS))) {
    if (!UNIT.test(unit)) continue;
    const text = await readFile(units.get(unit) ?? path.join(root, UNITS, unit), 'utf8');
    for (const wanted of wantedBy(text)) {
      await link(`../${unit}`, `${UNITS}/${wanted}.wants/${unit}`);
    }
  }
  // systemd never sets the clock earlier than the date of this file.
  await writeFile(path.join(root, 'usr/lib/clock-epoch'), '');
}

/** Unit files of a release, relative to it. */
export async function unitFiles(release: string): Promise<string[]> {
  const files = await readdir(path.join(release, 'services'), { recursive: true });
  return files
    .filter((file) => UNIT.test(path.posix.basename(file)))
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
 * What of ours goes into the tar file, and which files of the base it replaces. Directories that
 * the base has keep its modes, so that no path is there twice.
 */
async function compareWith(
  base: string,
  root: string,
): Promise<{ members: string[]; replaced: string[] }> {
  const listed = await run('tar', ['-tf', base]);
  const there = new Set(listed.split('\n').map((line) => line.replace(/\/$/, '')));
  const members: string[] = [];
  const replaced: string[] = [];
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const member = `./${path.relative(root, path.join(entry.parentPath, entry.name))}`;
    const double = there.has(member);
    if (double && entry.isDirectory()) continue;
    members.push(member);
    if (double) replaced.push(member.slice(1));
  }
  return { members: members.sort(), replaced };
}
