import type { KeyObject } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { blockMap, type Spare } from './bmap.ts';
import { SIZES } from './disk.ts';
import { osList } from './os-list.ts';
import { parsePins } from './pins.ts';
import { run } from './run.ts';
import { type PackageLock, sbom } from './sbom.ts';
import { publicPem, signatureOf } from './signing.ts';
import type { Steps } from './steps.ts';
import { sha256Of } from './update.ts';

export interface PublishOptions {
  checkout: string;
  image: string;
  /** Bytes of the root in the first slot. */
  rootSize: number;
  update: string;
  version: string;
  /** Text of `package=version` lines: Debian's packages in the system. */
  packages: string;
  /** Names of the jars in it. */
  jars: readonly string[];
  /** Signs the list of sums, where there is one. */
  key: KeyObject | undefined;
  /** Where all of it will be fetched from, with a slash at the end. */
  url: string;
  date: number;
  log: string;
  steps: Steps;
}

const MIB = 1024 * 1024;

/**
 * Everything that is handed out beside an image: compressed, with its block map, the list for
 * Raspberry Pi Imager, what it is made of, and the sums of all of it. Resolves with the files.
 */
export async function publish(options: PublishOptions): Promise<string[]> {
  const { checkout, image, rootSize, update, version, packages, jars } = options;
  const { key, url, date, log, steps } = options;
  const directory = path.dirname(image);
  const name = path.basename(image, '.img');
  const place = (end: string) => path.join(directory, `${name}${end}`);
  await steps.run('bmap', async () => {
    await writeFile(place('.bmap'), await blockMap(image, [spare(rootSize)]));
  });
  const lock = JSON.parse(
    await readFile(path.join(checkout, 'package-lock.json'), 'utf8'),
  ) as PackageLock;
  const parts = { name: 'bramble', version, arch: 'arm64', lock, date };
  await writeFile(place('.spdx.json'), sbom({ ...parts, debian: parsePins(packages), jars }));
  const sha256 = await steps.run('sha256', () => sha256Of(image));
  const { size } = await stat(image);
  await steps.run('xz', () => run('xz', ['-T0', '-6', '--force', '--keep', image], { log }));
  const compressed = `${image}.xz`;
  await writeFile(
    path.join(directory, 'os_list.json'),
    osList({
      ...{ version, size, sha256, date },
      url: new URL(path.basename(compressed), url).href,
      downloadSize: (await stat(compressed)).size,
      downloadSha256: await sha256Of(compressed),
    }),
  );
  const files = [compressed, place('.bmap'), place('.spdx.json'), update];
  files.push(path.join(directory, 'os_list.json'));
  const sums = path.join(directory, 'SHA256SUMS');
  const lines = await Promise.all(
    files.map(async (file) => `${await sha256Of(file)}  ${path.basename(file)}\n`),
  );
  await writeFile(sums, lines.sort().join(''));
  files.push(sums, ...(await signSums(sums, key)));
  for (const file of files)
    steps.say(`${path.basename(file).padEnd(40)} ${bytes((await stat(file)).size)}`);
  return files;
}

async function signSums(sums: string, key: KeyObject | undefined): Promise<string[]> {
  const [signature, pem] = [`${sums}.sig`, path.join(path.dirname(sums), 'release-key.pub')];
  // One of another key would look as if the sums were wrong.
  await rm(signature, { force: true });
  if (key === undefined) return [];
  await writeFile(signature, signatureOf(await readFile(sums), key));
  await writeFile(pem, publicPem(key));
  return [signature, pem];
}

/** From the root's end to the end of the second slot: nothing there is read before it is written. */
function spare(rootSize: number): Spare {
  const slots = MIB + SIZES.firmware * MIB;
  return { start: slots + rootSize, end: slots + 2 * SIZES.slot * MIB };
}

function bytes(size: number): string {
  return size < MIB ? `${(size / 1024).toFixed(0)} KiB` : `${(size / MIB).toFixed(1)} MiB`;
}
