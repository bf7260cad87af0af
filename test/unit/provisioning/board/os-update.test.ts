import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configTxt } from '../../../../image/build/boot-files.ts';
import { publicPem } from '../../../../image/build/signing.ts';
import { buildUpdate } from '../../../../image/build/update.ts';
import { watchUntilSteady } from '../../../../provisioning/board/mark-good.ts';
import {
  type Card,
  ownCommandLine,
  thisCard,
  writeUpdate,
} from '../../../../provisioning/board/os-update.ts';
import { slotState } from '../../../../provisioning/board/slots.ts';
import { readManifest } from '../../../../provisioning/board/update-file.ts';

/** Each file is flushed to the disk, and a busy disk takes seconds for it. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const ROOT = Buffer.alloc(3_000_000, 'new root');
let work = '';
let card: Card;
let update = '';
let key: KeyObject;

beforeEach(async () => {
  work = mkdtempSync(path.join(MEMORY, 'bramble-update-'));
  const at = (...names: string[]) => path.join(work, ...names);
  mkdirSync(at('slot'));
  writeFileSync(at('slot/vmlinuz'), 'new kernel');
  writeFileSync(at('slot/cmdline.txt'), 'ro root=PARTUUID=ffffffff-02 bramble.slot=a panic=10\n');
  writeFileSync(at('slot/state'), 'good\n');
  writeFileSync(at('root'), ROOT);
  key = generateKeyPairSync('ed25519').privateKey;
  update = at('x.update');
  await buildUpdate({
    ...{ slot: at('slot'), root: at('root'), version: '2.0.0', arch: 'arm64', key, date: 1 },
    ...{ out: update, log: at('log') },
  });
  mkdirSync(at('firmware/a'), { recursive: true });
  mkdirSync(at('firmware/b'));
  writeFileSync(at('firmware/config.txt'), configTxt('a'));
  writeFileSync(at('firmware/a/state'), 'good\n');
  writeFileSync(at('firmware/b/stale.dtb'), 'old');
  for (const slot of ['a', 'b']) writeFileSync(at(`root-${slot}`), Buffer.alloc(4_000_000, slot));
  card = {
    firmware: at('firmware'),
    running: 'a',
    signature: '0badcafe',
    device: (slot) => at(`root-${slot}`),
  };
});
afterEach(() => rmSync(work, { recursive: true }));

const read = (file: string) => readFileSync(path.join(work, file), 'utf8');

test('an update is put beside the system that runs, and starts next', async () => {
  const manifest = await readManifest(update, publicPem(key));
  expect(await writeUpdate(update, manifest, card)).toBe('b');
  const written = readFileSync(path.join(work, 'root-b')).subarray(0, ROOT.length);
  expect(written.equals(ROOT)).toBe(true);
  expect(readFileSync(path.join(work, 'root-a'))[0]).toBe('a'.charCodeAt(0));
  expect(readdirSync(path.join(work, 'firmware/b')).sort()).toEqual([
    'cmdline.txt',
    'state',
    'vmlinuz',
  ]);
  expect(read('firmware/b/cmdline.txt')).toBe(
    'ro panic=10 root=PARTUUID=0badcafe-03 bramble.slot=b\n',
  );
  expect(slotState(card.firmware, 'b')).toBe('try0');
  expect(slotState(card.firmware, 'a')).toBe('good');
  expect(read('firmware/config.txt')).toBe(configTxt('b'));
});

test('nothing is changed by a file that is not signed, or not by the right key', async () => {
  const other = publicPem(generateKeyPairSync('ed25519').privateKey);
  await expect(readManifest(update, other)).rejects.toThrow('is not signed with the key');
  writeFileSync(path.join(work, 'junk'), 'junk');
  await expect(readManifest(path.join(work, 'junk'), other)).rejects.toThrow('is no update');
  await expect(readManifest(path.join(work, 'none'), undefined)).rejects.toMatchObject({
    code: 'BRAMBLE_CONFIG_INVALID',
  });
});

test('a manifest that was changed is not the one that was signed', async () => {
  const directory = path.join(work, 'changed');
  mkdirSync(directory);
  execFileSync('tar', ['-xf', update, '-C', directory]);
  const file = path.join(directory, 'manifest.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('2.0.0', '2.0.1'));
  const changed = path.join(work, 'changed.update');
  execFileSync('tar', ['-cf', changed, '-C', directory, '.'], { stdio: 'pipe' });
  execFileSync('tar', ['-cf', changed, '-C', directory, 'manifest.json', 'manifest.json.sig']);
  await expect(readManifest(changed, publicPem(key))).rejects.toThrow('is not signed');
  expect((await readManifest(changed, undefined)).version).toBe('2.0.1');
});

test('at each byte where an update may be cut off, the old system goes on', async () => {
  const manifest = await readManifest(update, publicPem(key));
  const whole = readFileSync(update);
  const cuts = Array.from({ length: 12 }, (_, n) => Math.floor((whole.length * n) / 12));
  for (const cut of cuts) {
    const file = path.join(work, 'cut.update');
    writeFileSync(file, whole.subarray(0, cut));
    await expect(writeUpdate(file, manifest, card)).rejects.toMatchObject({
      code: 'BRAMBLE_CONFIG_INVALID',
    });
    expect(read('firmware/config.txt')).toBe(configTxt('a'));
    expect(slotState(card.firmware, 'b')).toBe('void');
  }
  console.log(`${cuts.length} cuts`);
});

test('a byte that differs is found before anything starts from it', async () => {
  const manifest = await readManifest(update, publicPem(key));
  const whole = readFileSync(update);
  const place = whole.indexOf('new root') + 1_000_000;
  whole.writeUInt8(whole.readUInt8(place) ^ 1, place);
  writeFileSync(update, whole);
  await expect(writeUpdate(update, manifest, card)).rejects.toThrow('is damaged');
  expect(read('firmware/config.txt')).toBe(configTxt('a'));
});

test('a system that is larger than its partition is refused before anything is written', async () => {
  const manifest = await readManifest(update, publicPem(key));
  writeFileSync(path.join(work, 'root-b'), 'small');
  await expect(writeUpdate(update, manifest, card)).rejects.toMatchObject({
    code: 'BRAMBLE_STORAGE',
  });
  expect(slotState(card.firmware, 'b')).toBeUndefined();
});

test('while a system is on trial the good one beside it stays', async () => {
  const manifest = await readManifest(update, publicPem(key));
  const on = { ...card, running: 'b' } as const;
  writeFileSync(path.join(work, 'firmware/b/state'), 'try1\n');
  await expect(writeUpdate(update, manifest, on)).rejects.toThrow('still being tried');
  expect(slotState(card.firmware, 'a')).toBe('good');
  // With nothing good beside it there is nothing to lose.
  writeFileSync(path.join(work, 'firmware/a/state'), 'bad \n');
  expect(await writeUpdate(update, manifest, on)).toBe('a');
});

test('a machine that has no such card says so', () => {
  expect(() => thisCard('/boot/firmware', path.join(work, 'nothing'))).toThrow('two systems');
  expect(ownCommandLine('', '0badcafe', 'a')).toBe('root=PARTUUID=0badcafe-02 bramble.slot=a\n');
});

test('a system is good once all have answered for a while without a gap', async () => {
  let asked = 0;
  const probe = (answers: (n: number) => boolean) => ({
    name: 'broker',
    answers: async () => answers(asked++),
  });
  const patience = { steady: 40, limit: 5_000, interval: 5 };
  // Silent for the first ten questions and once more later.
  expect(await watchUntilSteady([probe((n) => n > 10 && n !== 12)], patience)).toEqual([]);
  expect(asked).toBeGreaterThan(14);
  const never = { name: 'page', answers: () => Promise.reject(new Error('refused')) };
  const short = { ...patience, limit: 60 };
  expect(await watchUntilSteady([probe(() => true), never], short)).toEqual(['page']);
});
