import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildUpdate } from '../../image/build/update.ts';
import { builtUpdate } from './built.ts';
import { BOOT, CardMachine } from './card.ts';

const SLOT_FILES = fileURLToPath(new URL('../../image/out/boot/a', import.meta.url));
/** Where the machine finds the updates. */
const BROKEN = '/dev/vdb';
const WHOLE = '/dev/vdc';
const SECRET = '0123456789abcdef0123';
const CLUSTER = `cluster: { name: home, secret: ${SECRET} }
nodes: [{ name: pi1, address: 10.0.2.15 }]
mqtt: { anonymous: true }
`;

let work = '';
let pi: CardMachine;

beforeAll(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'bramble-broken-'));
  pi = await CardMachine.flash({
    files: { 'cluster.yaml': CLUSTER },
    disks: [await brokenUpdate(), await builtUpdate()],
  });
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
});
afterAll(async () => {
  await pi?.[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

/** All its sums are right, and its root is no file system. */
async function brokenUpdate(): Promise<string> {
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

async function reboot(): Promise<void> {
  const { starts } = pi.machine;
  await pi.ssh('systemctl reboot').catch(() => '');
  await pi.until('a reset', async () => pi.machine.starts > starts);
}

test('a cluster.yaml that lies on a new card is taken at its first start', async () => {
  const status = await pi.read('STATUS.txt');
  expect(status).toContain('cluster.yaml was taken from the card.');
  expect(status).toContain('This node is pi1.');
  // Its logins are those in cluster.yaml: there is none to tell.
  expect(status).not.toContain('Password:');
  expect(await pi.read('cluster.yaml.taken')).not.toContain(SECRET);
  expect(await pi.ssh('hostname')).toBe('pi1\n');
});

test('an update that nobody has signed is taken only when that is asked for', async () => {
  await expect(pi.ssh(`bramble os-update ${WHOLE}`)).rejects.toThrow(/--unsigned/);
  expect(await pi.read('config.txt')).toContain('os_prefix=a/');
});

test('an update that does not come up is given up after three tries, and told', async () => {
  await pi.ssh(`bramble os-update ${BROKEN} --unsigned`);
  const { starts } = pi.machine;
  await reboot();
  expect(pi.machine.slot).toBe('b');
  await pi.until('it goes back', async () => (await pi.read('b/state')) === 'bad \n', 3 * BOOT);
  await pi.until('a reset', async () => pi.machine.slot === 'a');
  console.log(`${pi.machine.starts - starts} starts until the system from before`);
  // Three that come to nothing, one that finds this out, and the one that serves.
  expect(pi.machine.starts - starts).toBe(5);
  await pi.serves();
  await pi.until('it is told', async () =>
    (await pi.read('STATUS.txt')).includes('System b: the update did not come up'),
  );
});

test('an update is tried, and kept once it serves', async () => {
  await pi.until('SSH', () => pi.ssh('true'));
  const from = performance.now();
  console.log(await pi.ssh(`bramble os-update ${WHOLE} --unsigned`));
  console.log(`written in ${((performance.now() - from) / 1000).toFixed(0)} s`);
  expect(await pi.read('b/state')).toBe('try0\n');
  expect(await pi.read('a/state')).toBe('good\n');
  await reboot();
  expect(pi.machine.slot).toBe('b');
  await pi.serves();
  // Nothing is tried on top of what is being tried: the good system would be gone.
  await expect(pi.ssh(`bramble os-update ${WHOLE} --unsigned`)).rejects.toThrow(/being tried/);
  await pi.until('the new system is kept', async () => (await pi.read('b/state')) === 'good\n');
  expect(await pi.read('a/state')).toBe('good\n');
  expect(await pi.ssh('cat /proc/cmdline')).toContain('bramble.slot=b');
  // Its configuration came along.
  expect(await pi.ssh('hostname')).toBe('pi1\n');
});

test('what was kept is what starts from then on', async () => {
  await reboot();
  expect(pi.machine.slot).toBe('b');
  await pi.serves();
  expect(await pi.read('b/state')).toBe('good\n');
});
