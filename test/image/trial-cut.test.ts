import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UpdateManifest } from '../../provisioning/board/update-file.ts';
import { builtUpdate, builtVirtualPi } from './built.ts';
import { BOOT, CardMachine } from './card.ts';
import {
  CLUSTER,
  type Cut,
  DISK,
  expectServes,
  expectWhole,
  seconds,
  some,
  untilComputed,
} from './cuts.ts';
import { Ledger } from './mqtt.ts';
import { readFat, readMbr } from './partitions.ts';
import { manifestOf } from './startable.ts';

/** So many of the cards are started, too, which takes minutes. */
const STARTS = Number(process.env.BRAMBLE_STARTS ?? (process.env.BRAMBLE_IMAGE === 'long' ? 9 : 2));
/** About what a machine computes from a reset until it serves, milliseconds. */
const START = 150_000;
/** An update may pass the moment that is waited for while nobody looks. */
const WRITES = 5;
const GLANCE = 20;

interface TrialCut extends Cut {
  /** The slot that starts next. */
  slot: 'a' | 'b';
}

let pi: CardMachine;
let manifest: UpdateManifest;
const ledger = new Ledger();
const cuts: TrialCut[] = [];

beforeAll(async () => {
  manifest = await manifestOf(await builtUpdate());
  pi = await CardMachine.flash({
    files: { 'cluster.yaml': CLUSTER },
    disks: [await builtUpdate()],
  });
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
});
afterAll(() => pi?.[Symbol.asyncDispose]());

/** Takes the power away now; the slot that starts next is that of the card, and not of a look before. */
async function cut(when: (state: string) => string | undefined): Promise<void> {
  const card = await pi.cut(`trial-${cuts.length + 1}.img`);
  const { acknowledged } = ledger;
  const state = await switchState((file) => readFirmware(card, file));
  const said = when(state);
  if (said === undefined) return;
  cuts.push({ card, when: said, slot: state.endsWith('a') ? 'a' : 'b', acknowledged });
}

async function readFirmware(card: string, file: string): Promise<string> {
  const { parts } = await readMbr(card);
  return readFat(card, parts[0]!.start, file);
}

/** What is known of the new slot, and which one starts next: `try0 a`. */
async function switchState(read = (file: string) => pi.read(file)): Promise<string> {
  const [state, config] = await Promise.all([read('b/state'), read('config.txt')]);
  return `${state.trim()} ${/^os_prefix=([ab])\/$/m.exec(config)?.[1]}`;
}

const MOMENTS = new Map([
  ['try0 a', 'the new slot is complete, the old one starts'],
  ['try0 b', 'the new slot starts from now on'],
]);

/** Which of these moments a state is, unless there is a cut of it. */
function missing(state: string): string | undefined {
  const moment = MOMENTS.get(state);
  return cuts.some(({ when }) => when === moment) ? undefined : moment;
}

/**
 * Writes the update, and takes the power away when the new slot is complete and nothing starts it
 * yet, and again as soon as something does.
 */
async function writeUpdate(): Promise<void> {
  let isWritten = false;
  const writing = pi.ssh(`bramble os-update ${DISK} --unsigned`).finally(() => {
    isWritten = true;
  });
  writing.catch(() => {});
  while (!isWritten && cuts.length < MOMENTS.size) {
    // A file that is being replaced cannot be read.
    const state = await switchState().catch(() => '');
    if (missing(state) === undefined) await sleep(GLANCE);
    else await cut(missing);
  }
  await writing;
}

test('power goes before and after the one byte by which a new system is the next to start', async () => {
  void ledger.publish(await pi.door());
  await pi.until('a message is acknowledged', async () => ledger.acknowledged > 0);
  let written = 0;
  for (; cuts.length < MOMENTS.size && written < WRITES; written++) await writeUpdate();
  console.log(`${cuts.map(({ when }) => when).join('; ')} (${written} times written)`);
  expect(cuts.map(({ slot }) => slot).sort()).toEqual(['a', 'b']);
});

test('power goes while the new system is tried, until it is kept', async () => {
  const { machine } = pi;
  const { starts } = machine;
  await pi.ssh('systemctl reboot').catch(() => '');
  await pi.until('a reset', async () => machine.starts > starts);
  expect(machine.slot).toBe('b');
  await cut(() => 'the kernel of the new system starts');
  await pi.until('its try is counted', async () => (await pi.read('b/state')) === 'try1\n', BOOT);
  await cut(() => 'the try is counted');
  for (const share of [0.3, 0.6]) {
    await untilComputed(machine, (share + 0.2 * Math.random()) * START);
    await cut(() => `the new system starts, after ${seconds(machine.computed)}`);
  }
  await pi.serves();
  const before = ledger.acknowledged;
  const enough = new AbortController();
  const publishing = ledger.publish(await pi.door(), enough.signal);
  await pi.until('a message is acknowledged', async () => ledger.acknowledged > before);
  await cut(() => 'the new system serves, and is still tried');
  // On a busy machine it would have time for nothing else.
  enough.abort();
  await publishing;
  expect(await pi.read('b/state')).toBe('try1\n');
  await pi.until('it is kept', async () => (await pi.read('b/state')) === 'good\n');
  await cut(() => 'the new system is kept');
  expect(await pi.read('a/state')).toBe('good\n');
  await pi.machine.powerOff();
});

test('whenever it was, a whole system starts next, and no message is lost', async () => {
  const system = await builtVirtualPi();
  let whole = 0;
  for (const each of cuts) {
    expect(await expectWhole(each, manifest, system, ledger), each.when).toBe(each.slot);
    whole += 1;
  }
  console.log(`${whole} cards are whole`);
  expect(whole).toBe(8);
});

test(`${STARTS} of the cards are started`, async () => {
  let started = 0;
  for (const each of some(cuts, STARTS)) {
    await expectServes(pi, each, each.slot, ledger);
    started += 1;
  }
  expect(started).toBe(Math.min(STARTS, cuts.length));
});
