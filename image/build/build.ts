import { createHash, type KeyObject } from 'node:crypto';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Architecture } from '../release/node-binary.ts';
import { buildRelease } from '../release/release.ts';
import { buildBase } from './base.ts';
import { buildBoot } from './boot.ts';
import { buildDisk, SIZES } from './disk.ts';
import { fetchJars } from './kafka.ts';
import { buildLayer } from './layer.ts';
import { publish } from './publish.ts';
import { type Kind, readLayer, readRecipe } from './recipe.ts';
import { run } from './run.ts';
import { publicPem, readSigningKey } from './signing.ts';
import type { Steps } from './steps.ts';
import { buildSystem } from './system.ts';
import { buildUpdate } from './update.ts';

/** Where `bramble os-update` looks for the key that signs updates. */
const UPDATE_KEY = 'usr/lib/bramble/update-key.pub';

/** Where Kafka's jars lie in a system that has them. */
const KAFKA = 'opt/kafka/libs';

export interface BuildOptions {
  checkout: string;
  /** Directory for everything that is built; caches are in it too. */
  out: string;
  log: string;
  /** Seconds since the epoch (SOURCE_DATE_EPOCH). */
  date: number;
  /** Take Debian's newest packages and write the list of versions anew: with `kafka`, that of Java. */
  refresh: boolean;
  /** With Java and Kafka's jars. */
  kafka: boolean;
  steps: Steps;
}

interface System {
  base: string;
  tar: string;
  version: string;
  /** Directory of Kafka's jars, where it has them. */
  jars: string | undefined;
}

export interface ImageOptions extends BuildOptions {
  /** Compress it and make what is handed out beside it; with `url`, where it will be fetched. */
  release: { url: string } | undefined;
  /** File of the private key that updates and sums are signed with. */
  key: string | undefined;
}

/** `bramble-VERSION-arm64.img` and the update to it. Resolves with the image's path. */
export async function buildImage(options: ImageOptions): Promise<string> {
  const { checkout, out, date, log, steps, release } = options;
  const key = options.key === undefined ? undefined : await readSigningKey(options.key);
  const { base, tar, version, jars } = await system('pi', 'arm64', options, key);
  const name = path.join(out, `bramble-${version}-arm64${suffix(options)}`);
  const signature = createHash('sha256').update(`${version} ${date}`).digest('hex').slice(0, 8);
  const root = `${name}.squashfs`;
  await steps.run('root', () => squash(tar, root, date, log));
  await rm(tar);
  const size = (await stat(root)).size;
  if (size > SIZES.slot * 1024 * 1024) {
    throw new Error(`the root needs ${mib(size)}, its partition has ${SIZES.slot} MiB`);
  }
  const boot = path.join(out, 'boot');
  const { initramfs: scripts } = await readRecipe('pi', 'arm64');
  await steps.run('boot', () => buildBoot({ base, out: boot, signature, scripts, date, log }));
  const image = `${name}.img`;
  await steps.run('disk', () => buildDisk({ boot, root, signature, date, out: image, log }));
  const update = `${name}.update`;
  const slot = path.join(boot, 'a');
  await steps.run('update', () =>
    buildUpdate({ slot, root, version, arch: 'arm64', key, date, out: update, log }),
  );
  steps.say(`${image}: ${mib((await stat(image)).size)}, its root ${mib(size)}`);
  if (release === undefined) return image;
  const packages = await run('tar', ['-xOf', base, './usr/lib/bramble-packages']);
  const { url } = release;
  const java = jars === undefined ? [] : await readdir(jars);
  await publish({
    ...{
      jars: java,
      checkout,
      image,
      rootSize: size,
      update,
      version,
      packages,
      key,
      url,
      date,
      log,
      steps,
    },
  });
  return image;
}

/** The system of a virtual Pi for this machine, as a tar file. Resolves with its path. */
export async function buildVirtual(options: BuildOptions): Promise<string> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const { tar, version } = await system('virtual', arch, options);
  const file = path.join(options.out, `bramble-${version}-virtual-${arch}${suffix(options)}.tar`);
  await rename(tar, file);
  options.steps.say(`${file}: ${mib((await stat(file)).size)}`);
  return file;
}

async function system(
  kind: Kind,
  arch: Architecture,
  options: BuildOptions,
  key?: KeyObject,
): Promise<System> {
  const { checkout, out, log, date, refresh, kafka, steps } = options;
  const recipe = await readRecipe(kind, arch);
  const release = await steps.run('release', () =>
    buildRelease({ checkout, out: path.join(out, 'release'), arch, date, progress: () => {} }),
  );
  const cache = path.join(out, 'cache');
  const plain = await steps.run('Debian', () =>
    buildBase({ recipe, cache, log, refresh: refresh && !kafka }),
  );
  const layer = kafka ? await readLayer('kafka', recipe) : undefined;
  const base =
    layer === undefined
      ? plain
      : await steps.run('Java', () =>
          buildLayer({ recipe, layer, base: plain, cache, log, refresh }),
        );
  const overlays = [...recipe.overlays, ...(layer === undefined ? [] : [layer.overlay])];
  const jars = kafka
    ? await steps.run('Kafka', () => fetchJars({ checkout, cache, log }))
    : undefined;
  const directories = jars === undefined ? {} : { [KAFKA]: jars };
  // Another build may run beside this one.
  const tar = path.join(out, `.${kind}-${arch}${suffix(options)}.${process.pid}.tar`);
  const files = key === undefined ? {} : { [UPDATE_KEY]: publicPem(key) };
  await steps.run('system', () =>
    buildSystem({
      ...{ base, overlays, files, directories, release, date, out: tar, log },
    }),
  );
  const { version } = JSON.parse(await readFile(path.join(checkout, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { base, tar, version, jars };
}

function suffix({ kafka }: BuildOptions): string {
  return kafka ? '-kafka' : '';
}

/** Owners and dates are those of the tar file, so nobody needs to be root. */
async function squash(tar: string, out: string, date: number, log: string): Promise<void> {
  const options = [
    // The next levels take eight times as long for less than a tenth.
    ...['-comp', 'zstd', '-Xcompression-level', '9', '-b', '256K'],
    // The tar file's own root, "./", is not looked at.
    ...['-root-mode', '755', '-root-uid', '0', '-root-gid', '0', '-root-time', `${date}`],
    '-noappend',
    '-quiet',
    '-no-progress',
    '-reproducible',
  ];
  await rm(out, { force: true });
  await run('sh', ['-c', 'exec mksquashfs - "$@" <"$TAR"', 'sh', out, '-tar', ...options], {
    log,
    env: { TAR: tar, SOURCE_DATE_EPOCH: `${date}` },
  });
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}
