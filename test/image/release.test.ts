import { execFile } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { sha256Of } from '../../image/build/update.ts';
import { builtImage } from './built.ts';

const run = promisify(execFile);
/** What somebody with a slow line fetches; bytes. */
const DOWNLOAD_MAX = 450_000_000;
const MIB = 1024 * 1024;

interface Entry {
  url: string;
  extract_size: number;
  extract_sha256: string;
  image_download_size: number;
  image_download_sha256: string;
  release_date: string;
  init_format: string;
}

let image = '';
let entry: Entry | undefined;
const beside = (name: string) => path.join(path.dirname(image), name);
const named = (end: string) => image.replace(/\.img$/, end);

/** `make image-release` has left one, and it is of the image that lies there. */
beforeAll(async () => {
  image = await builtImage();
  const text = await readFile(beside('os_list.json'), 'utf8').catch(() => '{"os_list":[]}');
  const [first] = (JSON.parse(text) as { os_list: Entry[] }).os_list;
  if (first?.extract_sha256 === (await sha256Of(image))) entry = first;
  else console.log('no release of this image: run `make image-release`');
});

test('the download is small, whole and what Raspberry Pi Imager is told of it', async (context) => {
  if (entry === undefined) return context.skip();
  const file = named('.img.xz');
  const { size } = await stat(file);
  console.log(`${path.basename(file)}: ${(size / 1e6).toFixed(1)} MB`);
  expect(size).toBeLessThan(DOWNLOAD_MAX);
  expect(entry.image_download_size).toBe(size);
  expect(entry.image_download_sha256).toBe(await sha256Of(file));
  expect(path.basename(new URL(entry.url).pathname)).toBe(path.basename(file));
  expect(entry.extract_size).toBe((await stat(image)).size);
  expect(entry.init_format).toBe('cloudinit');
  expect(entry.release_date).toMatch(/^\d{4}-\d\d-\d\d$/);
  // What comes out of it is the image.
  const script = 'xz -dc "$0" | sha256sum';
  expect((await run('sh', ['-c', script, file])).stdout).toContain(entry.extract_sha256);
});

test('every file has its sum, and the sums are signed', async (context) => {
  if (entry === undefined) return context.skip();
  const sums = await readFile(beside('SHA256SUMS'));
  const lines = sums.toString('utf8').trim().split('\n');
  const names = lines.map((line) => line.slice(66));
  const all = ['.bmap', '.img.xz', '.spdx.json', '.update'].map((end) => path.basename(named(end)));
  expect(names.sort()).toEqual([...all, 'os_list.json'].sort());
  for (const line of lines) {
    expect(`${await sha256Of(beside(line.slice(66)))}  ${line.slice(66)}`).toBe(line);
  }
  const signature = await readFile(beside('SHA256SUMS.sig')).catch(() => undefined);
  if (signature === undefined) return console.log('nobody has signed it: KEY=FILE');
  const key = createPublicKey(await readFile(beside('release-key.pub')));
  expect(key.asymmetricKeyType).toBe('ed25519');
  expect(verify(null, sums, key, signature)).toBe(true);
  expect(verify(null, Buffer.concat([sums, Buffer.from(' ')]), key, signature)).toBe(false);
});

test('the block map tells every block that a card needs, each with its sum', async (context) => {
  if (entry === undefined) return context.skip();
  const text = await readFile(named('.bmap'), 'utf8');
  const number = (tag: string) => Number(new RegExp(`<${tag}> (\\d+) <`).exec(text)?.[1]);
  const block = number('BlockSize');
  expect(number('ImageSize')).toBe(entry.extract_size);
  expect(number('BlocksCount')).toBe(Math.ceil(entry.extract_size / block));
  const own = /<BmapFileChecksum> (\w+) </.exec(text)?.[1] ?? '';
  const zeroed = text.replace(own, '0'.repeat(64));
  expect(createHash('sha256').update(zeroed).digest('hex')).toBe(own);
  let mapped = 0;
  for (const [, sum, from, to] of text.matchAll(/"(\w{64})"> (\d+)(?:-(\d+))? </g)) {
    const [first, last] = [Number(from), Number(to ?? from)];
    mapped += last - first + 1;
    const hash = createHash('sha256');
    const range = { start: first * block, end: (last + 1) * block - 1 };
    for await (const chunk of createReadStream(image, { ...range, highWaterMark: MIB }))
      hash.update(chunk);
    expect(hash.digest('hex')).toBe(sum);
  }
  expect(mapped).toBe(number('MappedBlocksCount'));
  console.log(`${((mapped * block) / MIB).toFixed(0)} MiB of it are written to a card`);
});

test('the SBOM has every package that dpkg has put there, and every one of npm', async (context) => {
  if (entry === undefined) return context.skip();
  const sbom = JSON.parse(await readFile(named('.spdx.json'), 'utf8')) as Sbom;
  expect(sbom).toMatchObject({ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0' });
  const ids = new Set(sbom.packages.map(({ SPDXID }) => SPDXID));
  expect(ids.size).toBe(sbom.packages.length);
  for (const { relatedSpdxElement } of sbom.relationships)
    expect(ids).toContain(relatedSpdxElement);
  const there = new Set(sbom.packages.map(({ name, versionInfo }) => `${name}=${versionInfo}`));
  // The system's own list, out of the very root that is on the card.
  const list = ['-cat', named('.squashfs'), 'usr/lib/bramble-packages'];
  const { stdout } = await run('unsquashfs', list, { maxBuffer: 16 * MIB });
  const debian = stdout.trim().split('\n');
  expect(debian.length).toBeGreaterThan(100);
  expect(debian.filter((line) => !there.has(line.replace(/:\w+=/, '=')))).toEqual([]);
  for (const name of ['aedes', 'express', 'mqtt', 'kafkajs'])
    expect(sbom.packages.filter((each) => each.name === name)).toHaveLength(1);
  console.log(`${sbom.packages.length} packages, ${debian.length} of them Debian's`);
});
interface Sbom {
  packages: { SPDXID: string; name: string; versionInfo: string }[];
  relationships: { relatedSpdxElement: string }[];
}
