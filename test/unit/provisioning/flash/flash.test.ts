import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { findProgram } from '../../../../provisioning/dev/find-program.ts';
import { readDevices } from '../../../../provisioning/flash/devices.ts';
import { fatOffset, seedCard, userData } from '../../../../provisioning/flash/personalise.ts';
import { FIRST_BLOCK, writeImage } from '../../../../provisioning/flash/write-image.ts';
import { newCluster } from '../../../../provisioning/init/cluster-text.ts';
import { bramble } from '../../../support/dev.ts';

// The command is started several times, on machines that are busy.
vi.setConfig({ testTimeout: 60_000 });

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-flash-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const at = (name: string) => path.join(dir, name);
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const quiet = { progress: () => {} };

/** An image with a partition table and a FAT partition at 2 MiB. */
function image(size = 9_000_001): Buffer {
  const bytes = randomBytes(size);
  bytes.fill(0, 446, 510);
  bytes[450] = 0x0c;
  bytes.writeUInt32LE((2 << 20) / 512, 454);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

test('what is written is the image, read back, and nothing behind it is touched', async () => {
  const bytes = image();
  writeFileSync(at('a.img'), bytes);
  writeFileSync(at('card'), Buffer.alloc(12_000_000, 7));
  const seen: string[] = [];
  const written = await writeImage({
    image: at('a.img'),
    target: at('card'),
    progress: (step) => seen.push(step),
  });
  expect(written).toEqual({ bytes: bytes.length, hash: sha(bytes) });
  const card = readFileSync(at('card'));
  expect(card.subarray(0, bytes.length).equals(bytes)).toBe(true);
  expect(card.subarray(bytes.length).every((byte) => byte === 7)).toBe(true);
  expect(new Set(seen)).toEqual(new Set(['write', 'verify']));
});

test('broken off at any point, the card has no first block', async () => {
  writeFileSync(at('a.img'), image());
  writeFileSync(at('card'), image(12_000_000));
  for (const after of [1, 2, 3, 4]) {
    const stop = new AbortController();
    let calls = 0;
    const writing = writeImage({
      image: at('a.img'),
      target: at('card'),
      signal: stop.signal,
      progress: () => {
        if (++calls === after) stop.abort(new Error('broken off'));
      },
    });
    await expect(writing).rejects.toThrow('broken off');
    expect(
      readFileSync(at('card'))
        .subarray(0, FIRST_BLOCK)
        .every((byte) => byte === 0),
    ).toBe(true);
  }
  const failing = writeImage({
    image: at('a.img'),
    target: at('card'),
    ...quiet,
    personalise: () => Promise.reject(new Error('no')),
  });
  await expect(failing).rejects.toThrow('no');
  expect(() => fatOffset(readFileSync(at('card')))).toThrow('no FAT partition');
});

test('packed with xz, and packed wrongly', async () => {
  const bytes = image(5_000_000);
  writeFileSync(at('a.img'), bytes);
  writeFileSync(at('card'), '');
  execFileSync('xz', ['-0', '-k', at('a.img')]);
  await expect(
    writeImage({ image: at('a.img.xz'), target: at('card'), ...quiet }),
  ).resolves.toMatchObject({ hash: sha(bytes) });
  const packed = readFileSync(at('a.img.xz'));
  writeFileSync(at('b.img.xz'), packed.subarray(0, packed.length / 2));
  await expect(writeImage({ image: at('b.img.xz'), target: at('card'), ...quiet })).rejects.toThrow(
    'cannot be unpacked',
  );
  expect(
    readFileSync(at('card'))
      .subarray(0, 512)
      .every((byte) => byte === 0),
  ).toBe(true);
});

test('only a card is a card', () => {
  const disk = (changes: object) => ({
    name: 'sdb',
    path: '/dev/sdb',
    size: 32e9,
    rm: true,
    ro: false,
    type: 'disk',
    tran: 'usb',
    model: 'Reader ',
    mountpoints: [null],
    ...changes,
  });
  const refused = (changes: object) =>
    readDevices(JSON.stringify({ blockdevices: [disk(changes)] }))[0]?.refused;
  expect(refused({})).toBeUndefined();
  expect(refused({ name: 'mmcblk0', rm: false, tran: null })).toBeUndefined();
  expect(refused({ rm: false, tran: 'nvme' })).toBe('not removable');
  expect(refused({ ro: true })).toBe('write-protected');
  expect(refused({ size: 2e9 })).toContain('too small');
  expect(refused({ size: 2e12 })).toContain('too large');
  expect(
    refused({ children: [disk({ type: 'part', mountpoints: ['/boot/firmware'] })] }),
  ).toContain('runs from it');
  expect(refused({ children: [disk({ type: 'part', mountpoints: ['/'] })] })).toContain(
    'runs from it',
  );
  expect(refused({ children: [disk({ type: 'part', mountpoints: ['/media/me/x'] })] })).toContain(
    'mounted at /media/me/x',
  );
  expect(
    readDevices(JSON.stringify({ blockdevices: [disk({ type: 'loop' }), disk({ size: 0 })] })),
  ).toEqual([]);
});

test.runIf(findProgram('mcopy') && findProgram('mkfs.vfat'))(
  'the FAT partition gets cluster.yaml and the name of the node',
  async () => {
    execFileSync('truncate', ['-s', '40M', at('card')]);
    execFileSync('mkfs.vfat', ['--offset', String((2 << 20) / 512), at('card'), '32768'], {
      stdio: 'ignore',
    });
    await seedCard(at('card'), 2 << 20, {
      node: 'pi1',
      cluster: 'a: 1\n',
      sshKey: 'ssh-ed25519 AAAA me\n',
    });
    const read = (name: string) =>
      execFileSync('mtype', ['-i', `${at('card')}@@${2 << 20}`, `::${name}`], { encoding: 'utf8' });
    expect(read('cluster.yaml')).toBe('a: 1\n');
    expect(read('user-data')).toBe(
      userData({ node: 'pi1', cluster: '', sshKey: 'ssh-ed25519 AAAA me' }),
    );
  },
);

test('the command: nothing is erased that was not named twice', async () => {
  writeFileSync(at('a.img'), image());
  writeFileSync(at('card'), 'precious');
  const run = (...args: string[]) => bramble(['flash', at('a.img'), ...args]);
  expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining('to which card') });
  expect(await run('--to', at('card'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('--erase card'),
  });
  expect(await run('--to', at('card'), '--erase', 'sdb')).toMatchObject({ code: 2 });
  expect(await run('--to', '/dev/null', '--erase', 'null')).toMatchObject({
    code: 2,
    err: expect.stringContaining('is no disk'),
  });
  expect(readFileSync(at('card'), 'utf8')).toBe('precious');
  expect(await run('--to', at('card'), '--erase', 'card')).toMatchObject({
    code: 0,
    out: expect.stringContaining('is ready'),
  });
  expect(readFileSync(at('card')).length).toBe(9_000_001);
});

test('the command: a node that cluster.yaml does not name is refused before anything is written', async () => {
  writeFileSync(at('a.img'), image());
  const cluster = at('cluster.yaml');
  writeFileSync(
    cluster,
    newCluster({
      name: 'a',
      nodes: [{ name: 'pi1', address: '10.0.0.1' }],
      vip: undefined,
      user: 'a',
    }),
  );
  const { code, err } = await bramble([
    'flash',
    at('a.img'),
    '--to',
    at('new'),
    '--node',
    'pi9',
    '--cluster',
    cluster,
  ]);
  expect(code).toBe(2);
  expect(err).toContain('its nodes are: pi1');
  expect(existsSync(at('new'))).toBe(false);
});
