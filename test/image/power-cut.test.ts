import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UpdateManifest } from '../../provisioning/board/update-file.ts';
import { builtUpdate, builtVirtualPi } from './built.ts';
import { CardMachine } from './card.ts';
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
import { expectStartable, manifestOf } from './startable.ts';

const LONG = process.env.BRAMBLE_IMAGE === 'long';
/** Of a first start, and of an update: each of these cards is looked at byte by byte. */
const CUTS = Number(process.env.BRAMBLE_CUTS ?? (LONG ? 20 : 10));
/** So many of each are started, too, which takes minutes. */
const STARTS = Math.min(CUTS, Number(process.env.BRAMBLE_STARTS ?? (LONG ? 4 : 1)));
/** About what a machine computes until a first start serves, and until an update is written; ms. */
const FIRST_START = 220_000;
const UPDATE = 150_000;

let pi: CardMachine;
let manifest: UpdateManifest;
const ledger = new Ledger();
const firstStart: Cut[] = [];
const update: Cut[] = [];

beforeAll(async () => {
  manifest = await manifestOf(await builtUpdate());
  pi = await CardMachine.flash({
    files: { 'cluster.yaml': CLUSTER },
    disks: [await builtUpdate()],
  });
});
afterAll(() => pi?.[Symbol.asyncDispose]());

/** Takes the power away at moments that are random, each once about as much more was computed. */
async function takeCuts(cuts: Cut[], name: string, gap: number): Promise<void> {
  const { machine } = pi;
  const from = machine.computed;
  while (cuts.length < CUTS) {
    await untilComputed(machine, machine.computed + Math.random() * 2 * gap);
    const number = cuts.length + 1;
    const card = await pi.cut(`${name.replaceAll(' ', '-')}-${number}.img`);
    const when = `cut ${number} of ${name}, after ${seconds(machine.computed - from)}`;
    cuts.push({ card, when, acknowledged: ledger.acknowledged });
  }
}

test(`power goes ${CUTS} times during a first start: what the next one needs is whole`, async () => {
  await takeCuts(firstStart, 'a first start', FIRST_START / CUTS);
  await pi.serves();
  for (const { card, when } of firstStart) {
    const { slot, states } = await expectStartable(card, manifest);
    console.log(`${when} (${states})`);
    expect(slot).toBe('a');
  }
});

test(`power goes ${CUTS} times while an update is written: a system is whole, no message is lost`, async () => {
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
  const publishing = ledger.publish(await pi.door());
  await pi.until('a message is acknowledged', async () => ledger.acknowledged > 0);
  const write = async (): Promise<void> => {
    // Over and over: whatever one takes, a moment of it is as likely as any other.
    while (update.length < CUTS) {
      await pi.ssh(`bramble os-update ${DISK} --unsigned`);
      console.log(`an update was written, and ${update.length} cuts were taken by then`);
    }
  };
  const writing = write();
  // It ends with the machine, and before that it must not fail.
  writing.catch(() => {});
  await Promise.race([takeCuts(update, 'an update', UPDATE / CUTS), writing]);
  await pi.machine.powerOff();
  await publishing;
  const system = await builtVirtualPi();
  let whole = 0;
  for (const cut of update) {
    await expectWhole(cut, manifest, system, ledger);
    whole += 1;
  }
  expect(whole).toBe(CUTS);
});

test(`${STARTS} of the cards of each kind are started`, async () => {
  for (const cut of [...some(firstStart, STARTS), ...some(update, STARTS)]) {
    const { slot } = await expectStartable(cut.card, manifest);
    // The one from before, or all of the new one.
    await expectServes(pi, cut, slot, ledger);
  }
});
