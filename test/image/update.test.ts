import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { buildUpdate } from '../../image/build/update.ts';
import { builtUpdate } from './built.ts';
import { BOOT, CardMachine } from './card.ts';

const SLOT_FILES = fileURLToPath(new URL('../../image/out/boot/a', import.meta.url));
/** The disk on which the machine finds an update. */
const DISK = '/dev/vdb';
const CUTS = process.env.BRAMBLE_IMAGE === 'long' ? 10 : 3;

let work = '';
afterAll(async () => {
  if (work !== '') await rm(work, { recursive: true, force: true });
});

/** A signed update would start; this one's root is no file system. */
async function brokenUpdate(): Promise<string> {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-broken-'));
  const root = path.join(work, 'root');
  await writeFile(root, Buffer.alloc(4 * 1024 * 1024, 'no root'));
  await mkdir(path.join(work, 'out'));
  const out = path.join(work, 'out', 'broken.update');
  await buildUpdate({
    ...{ slot: SLOT_FILES, root, version: '9.9.9', arch: 'arm64', key: undefined, date: 1, out },
    log: path.join(work, 'log'),
  });
  return out;
}

test('an update is tried, and kept once it serves', async () => {
  await using pi = await CardMachine.flash({ disk: await builtUpdate() });
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
  const from = performance.now();
  console.log(await pi.ssh(`bramble os-update ${DISK} --unsigned`));
  console.log(`written in ${((performance.now() - from) / 1000).toFixed(0)} s`);
  expect(await pi.read('b/state')).toBe('try0\n');
  expect(await pi.read('a/state')).toBe('good\n');
  const { starts } = pi.machine;
  await pi.ssh('systemctl reboot').catch(() => '');
  await pi.until('a reset', async () => pi.machine.starts > starts);
  expect(pi.machine.slot).toBe('b');
  await pi.serves();
  await pi.until('the new system is kept', async () => (await pi.read('b/state')) === 'good\n');
  expect(await pi.ssh('cat /proc/cmdline')).toContain('bramble.slot=b');
  // Its configuration came along.
  expect(await pi.ssh('hostname')).toBe('attic\n');
});

test('an update that does not come up is given up after three tries, and told', async () => {
  await using pi = await CardMachine.flash({ disk: await brokenUpdate() });
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
  await pi.ssh(`bramble os-update ${DISK} --unsigned`);
  const { starts } = pi.machine;
  await pi.ssh('systemctl reboot').catch(() => '');
  await pi.until('it goes back', async () => (await pi.read('b/state')) === 'bad \n', 3 * BOOT);
  await pi.until('a reset', async () => pi.machine.slot === 'a');
  console.log(`${pi.machine.starts - starts} starts until the system from before`);
  expect(pi.machine.starts - starts).toBe(5);
  await pi.serves();
  await pi.until('it is told', async () =>
    (await pi.read('STATUS.txt')).includes('System b: the update did not come up'),
  );
});

test(`power goes ${CUTS} times while an update is written, and a whole system starts each time`, async () => {
  await using pi = await CardMachine.flash({ disk: await builtUpdate() });
  await pi.serves();
  const slots: string[] = [];
  for (let cut = 0; cut < CUTS; cut++) {
    await pi.until('SSH', () => pi.ssh('true'));
    const writing = pi.ssh(`bramble os-update ${DISK} --unsigned`).then(
      () => 'to its end',
      () => 'cut off',
    );
    await Promise.race([writing, new Promise((next) => setTimeout(next, Math.random() * 60_000))]);
    await pi.machine.powerOff();
    slots.push(await writing);
    await pi.machine.powerOn();
    slots.push(pi.machine.slot);
    await pi.serves();
  }
  console.log(`update: ${slots.join(', ')}`);
});

test(`power goes ${CUTS} times during the first start, which then comes to its end`, async () => {
  await using pi = await CardMachine.flash();
  const waits: number[] = [];
  for (let cut = 0; cut < CUTS; cut++) {
    const wait = Math.round(5_000 + Math.random() * 120_000);
    waits.push(Math.round(wait / 1000));
    await new Promise((next) => setTimeout(next, wait));
    await pi.machine.powerOff();
    await pi.machine.powerOn();
  }
  console.log(`power went after ${waits.join(', ')} s`);
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
  expect(await pi.ssh('findmnt -n -o SIZE --bytes /data')).toMatch(/^\s*\d{9,}\n$/);
});
