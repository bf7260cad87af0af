import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cached } from './base.ts';
import { expectVersions, makeSystem, packageList, packOverlays, SOURCES } from './debian.ts';
import { parsePins, pinsText, readSnapshot } from './pins.ts';
import { type Layer, layerHash, type Recipe } from './recipe.ts';

export interface LayerOptions {
  recipe: Recipe;
  layer: Layer;
  /** The tar file of the recipe's system. */
  base: string;
  cache: string;
  log: string;
  /** Take what Debian has now for the layer, and write its list of versions anew. */
  refresh: boolean;
}

const JAVA_STORE = path.join(import.meta.dirname, 'java-store.ts');
/** Java's copy of the system's. */
const CERTIFICATES = '/etc/ssl/certs/java/cacerts';

/** Apt runs on this machine, dpkg in the system: its name resolution is that of a node. */
const INSTALL = [
  'APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes',
  '-o Dir::Bin::dpkg=env -o DPkg::Options::=--unset=TMPDIR -o DPkg::Options::=dpkg',
  '-o DPkg::Chroot-Directory="$1" install',
].join(' ');

/**
 * More packages on a system that is there, as another tar file: minutes, where a system takes most
 * of an hour for another architecture. The layer's pins are of those packages that it adds; rejects
 * when it would change one that was there, or has other versions than its pins.
 */
export async function buildLayer(options: LayerOptions): Promise<string> {
  const { recipe, layer, base, cache, log, refresh } = options;
  const hash = createHash('sha256').update(`${path.basename(base)}\n${SOURCES}\n`);
  const inputs = hash.update(await layerHash(layer, recipe)).digest('hex');
  return cached({
    ...{ cache, refresh, inputs, pins: layer.pins },
    name: `base-${recipe.kind}-${recipe.arch}-${layer.name}`,
    build: async (work, tar) => {
      const before = parsePins(await packageList(base));
      const { pins, date, day } = await readSnapshot(layer.pins, refresh);
      const wanted = new Map([...before, ...(pins ?? [])]);
      await install(options, { pins: wanted, date }, work, tar);
      const list = await packageList(tar);
      const added = [...parsePins(list)].filter(([name]) => !before.has(name));
      if (pins === undefined) {
        for (const [name, version] of added) wanted.set(name, version);
        const lines = added.map(([name, version]) => `${name}=${version}\n`);
        await writeFile(layer.pins, pinsText(lines.join(''), day));
      }
      expectVersions(wanted, list, layer.pins, log);
    },
  });
}

async function install(
  { recipe, layer, base, log }: LayerOptions,
  { pins, date }: { pins: Map<string, string>; date: number },
  work: string,
  out: string,
): Promise<void> {
  const overlay = path.join(work, 'overlay.tar');
  await packOverlays([layer.overlay], date, overlay, log);
  const { debian: architecture, preferences } = recipe;
  await makeSystem({
    ...{ architecture, variant: 'custom', preferences, pins, date, work, out, log },
    args: [
      // The devices are those that mmdebstrap has made.
      `--setup-hook=mmtarfilter '--path-exclude=/dev/*' <'${base}' | tar -C "$1" -x`,
      // Java's package links its manual pages there, and fails where it cannot.
      '--customize-hook=mkdir -p "$1/usr/share/man/man1"',
      `--customize-hook=tar-in ${overlay} /`,
      `--customize-hook=${INSTALL} ${layer.packages.join(' ')}`,
      `--customize-hook='${process.execPath}' '${JAVA_STORE}' "$1${CERTIFICATES}" ${date}`,
      `--customize-hook=${recipe.customize}`,
    ],
  });
}
