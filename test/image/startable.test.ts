import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UpdateManifest } from '../../provisioning/board/update-file.ts';
import { builtImage, builtUpdate } from './built.ts';
import { type Partition, readMbr, writeFat } from './partitions.ts';
import { expectStartable, manifestOf } from './startable.ts';

const MIB = 1024 * 1024;
let work = '';
let manifest: UpdateManifest;
beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-startable-'));
  manifest = await manifestOf(await builtUpdate());
});
afterAll(() => rm(work, { recursive: true, force: true }));

type Parts = [Partition, Partition, Partition, Partition];

/** A card with the image, and one thing wrong with it. */
async function damaged(damage: (card: string, parts: Parts) => Promise<void>): Promise<string> {
  const card = path.join(work, 'card.img');
  await promisify(execFile)('cp', ['--sparse=always', await builtImage(), card]);
  await damage(card, (await readMbr(card)).parts as Parts);
  return card;
}

async function overwrite(card: string, at: number, bytes: Buffer): Promise<void> {
  const file = await open(card, 'r+');
  await file.write(bytes, 0, bytes.length, at);
  await file.close();
}

test('the card as it is flashed starts from slot A', async () => {
  const card = await damaged(async () => {});
  expect(await expectStartable(card, manifest)).toMatchObject({ slot: 'a' });
});

test.each<[string, (card: string, parts: Parts) => Promise<void>, RegExp]>([
  [
    'a slot that is half written',
    (card, [{ start }]) => writeFat(card, start, 'a/state', 'void\n'),
    /^a void, b none, starts a$/,
  ],
  [
    'a slot that was given up',
    (card, [{ start }]) => writeFat(card, start, 'a/state', 'bad \n'),
    /^a bad/,
  ],
  [
    'another command line',
    (card, [{ start }]) => writeFat(card, start, 'a/cmdline.txt', 'root=PARTUUID=0-02 \n'),
    /root=PARTUUID=0-02/,
  ],
  [
    'a kernel of another system',
    (card, [{ start }]) => writeFat(card, start, 'a/vmlinuz', 'MZ'),
    /a\/vmlinuz is not whole/,
  ],
  [
    'one byte of the root',
    (card, [, { start }]) => overwrite(card, start + 100 * MIB, Buffer.from('!')),
    /the root of a is not whole/,
  ],
  [
    'data that need a person',
    (card, [, , , { start }]) => overwrite(card, start, Buffer.alloc(MIB, 'x')),
    /e2fsck -p/,
  ],
])('%s is noticed', async (_, damage, what) => {
  await expect(expectStartable(await damaged(damage), manifest)).rejects.toThrow(what);
});
