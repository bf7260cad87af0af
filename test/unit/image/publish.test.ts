import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { blockMap } from '../../../image/build/bmap.ts';
import { osList } from '../../../image/build/os-list.ts';
import { type PackageLock, sbom } from '../../../image/build/sbom.ts';
import { publicPem, readSigningKey, signatureOf } from '../../../image/build/signing.ts';

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
const DATE = 1_700_000_000;
const work = mkdtempSync(path.join(tmpdir(), 'bramble-publish-'));
afterAll(() => rmSync(work, { recursive: true }));

test('a block map skips zeros only where nothing reads them, and its sums are right', async () => {
  const image = Buffer.alloc(8 * 4096 + 100);
  image.fill('boot', 0, 4096);
  image.fill('root', 3 * 4096, 4 * 4096);
  const file = path.join(work, 'image');
  writeFileSync(file, image);
  const text = await blockMap(file, [{ start: 3 * 4096, end: 8 * 4096 }]);
  const sum = (from: number, to: number) =>
    createHash('sha256').update(image.subarray(from, to)).digest('hex');
  // Blocks 1 and 2 are zeros that count; the last one is shorter than the others.
  expect(
    [...text.matchAll(/<Range chksum="(\w+)"> (\S+) <\/Range>/g)].map((m) => m.slice(1)),
  ).toEqual([
    [sum(0, 4 * 4096), '0-3'],
    [sum(8 * 4096, image.length), '8'],
  ]);
  expect(text).toContain('<MappedBlocksCount> 5 <');
  const own = /<BmapFileChecksum> (\w+) </.exec(text)?.[1] ?? '';
  const zeroed = text.replace(own, '0'.repeat(64));
  expect(createHash('sha256').update(zeroed).digest('hex')).toBe(own);
});

test('the SBOM names all that is on the card, in the same bytes each time', () => {
  const lock = JSON.parse(readFileSync(path.join(CHECKOUT, 'package-lock.json'), 'utf8'));
  const debian = new Map([['libc6', '2.41-12+deb13u4']]);
  const make = () =>
    sbom({
      name: 'bramble',
      version: '1.0.0',
      arch: 'arm64',
      debian,
      jars: ['kafka_2.13-4.2.0.jar', 'kafka-clients-4.2.0.jar'],
      lock: lock as PackageLock,
      date: DATE,
    });
  expect(make()).toBe(make());
  const { packages, relationships, spdxVersion } = JSON.parse(make()) as {
    packages: { SPDXID: string; name: string; licenseDeclared: string }[];
    relationships: unknown[];
    spdxVersion: string;
  };
  expect(spdxVersion).toBe('SPDX-2.3');
  const names = packages.map(({ name }) => name);
  for (const name of ['libc6', 'aedes', 'express', 'kafkajs', 'kafka_2.13'])
    expect(names).toContain(name);
  // For development alone.
  expect(names).not.toContain('vitest');
  expect(new Set(packages.map(({ SPDXID }) => SPDXID)).size).toBe(packages.length);
  for (const { SPDXID } of packages) expect(SPDXID).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  expect(relationships).toHaveLength(packages.length);
  console.log(`${packages.length} packages in the SBOM`);
});

test('the list for Raspberry Pi Imager has what it needs to write names and keys', () => {
  const text = osList({
    ...{ version: '1.0.0', url: 'http://localhost/x.img.xz', size: 5, sha256: 'aa' },
    ...{ downloadSize: 3, downloadSha256: 'bb', date: DATE },
  });
  const [entry] = JSON.parse(text).os_list;
  expect(entry).toMatchObject({
    init_format: 'cloudinit',
    release_date: '2023-11-14',
    extract_size: 5,
    image_download_size: 3,
  });
  expect(entry.devices).toContain('pi5-64bit');
});

test('a signature is one that others can check, and no other kind of key is taken', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const file = path.join(work, 'key.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const key = await readSigningKey(file);
  const text = Buffer.from('sums');
  expect(verify(null, text, publicPem(key), signatureOf(text, key))).toBe(true);
  const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(file, other.export({ type: 'pkcs8', format: 'pem' }));
  await expect(readSigningKey(file)).rejects.toThrow('not an Ed25519 key');
});
