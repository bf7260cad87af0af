import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UpdateManifest } from '../../provisioning/board/update-file.ts';
import { builtUpdate, builtVirtualPi } from './built.ts';
import { CardMachine } from './card.ts';
import { Ledger } from './mqtt.ts';
import { expectStartable, manifestOf } from './startable.ts';
import { serveStored } from './stored.ts';

const LONG = process.env.BRAMBLE_IMAGE === 'long';
/** Of a first start, and of an update: each of these cards is looked at byte by byte. */
const CUTS = Number(process.env.BRAMBLE_CUTS ?? (LONG ? 20 : 10));
/** So many of each are started, too, which takes minutes. */
const STARTS = Math.min(CUTS, Number(process.env.BRAMBLE_STARTS ?? (LONG ? 4 : 1)));
/** The disk on which the machine finds an update. */
const DISK = '/dev/vdb';
/** What is acknowledged is on the disk, so all of it has to be there after a cut. */
const CLUSTER = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes: [{ name: attic, address: 10.0.2.15 }]
mqtt: { anonymous: true, durability: power-loss }
`;
/** About what a machine computes until a first start serves, and until an update is written; ms. */
const FIRST_START = 220_000;
const UPDATE = 150_000;
const GLANCE = 50;

/** A card from which the power was taken, and what is known of that moment. */
interface Cut {
  card: string;
  /** What the machine had computed, milliseconds. */
  after: number;
  acknowledged: number;
}

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

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** Takes the power away at moments that are random, each once about as much more was computed. */
async function takeCuts(cuts: Cut[], name: string, gap: number): Promise<void> {
  const { machine } = pi;
  const from = machine.computed;
  while (cuts.length < CUTS) {
    const next = machine.computed + Math.random() * 2 * gap;
    while (machine.computed < next) {
      machine.expectRunning();
      await sleep(GLANCE);
    }
    const card = await pi.cut(`${name}-${cuts.length + 1}.img`);
    cuts.push({ card, after: machine.computed - from, acknowledged: ledger.acknowledged });
  }
}

/** So many of them at random. */
function some<T>(all: readonly T[], count: number): T[] {
  const drawn = all.map((one) => ({ one, draw: Math.random() }));
  drawn.sort((a, b) => a.draw - b.draw);
  return drawn.slice(0, count).map(({ one }) => one);
}

test(`power goes ${CUTS} times during a first start: what the next one needs is whole`, async () => {
  await takeCuts(firstStart, 'first-start', FIRST_START / CUTS);
  await pi.serves();
  for (const [number, { card, after }] of firstStart.entries()) {
    const { slot, states } = await expectStartable(card, manifest);
    console.log(`cut ${number + 1} of a first start, after ${seconds(after)} (${states})`);
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
  await Promise.race([takeCuts(update, 'update', UPDATE / CUTS), writing]);
  await pi.machine.powerOff();
  await publishing;
  const system = await builtVirtualPi();
  let whole = 0;
  for (const [number, { card, after, acknowledged }] of update.entries()) {
    let lost: number[] = [];
    const { states } = await expectStartable(card, manifest, async (data) => {
      lost = await serveStored(data, system, CLUSTER, (door) => ledger.missing(door, acknowledged));
    });
    console.log(
      `cut ${number + 1} of an update, after ${seconds(after)} (${states}): ${acknowledged} acknowledged, ${lost.length} lost`,
    );
    expect(lost).toEqual([]);
    whole += 1;
  }
  expect(whole).toBe(CUTS);
});

test(`${STARTS} of the cards of each kind are started`, async () => {
  for (const { card, after, acknowledged } of [
    ...some(firstStart, STARTS),
    ...some(update, STARTS),
  ]) {
    const { slot } = await expectStartable(card, manifest);
    await pi.insert(card);
    // The one from before, or all of the new one.
    await pi.serves();
    const lost = await ledger.missing(await pi.door(), acknowledged);
    console.log(
      `cut after ${seconds(after)}: ${pi.machine.slot} serves; ${acknowledged} acknowledged, ${lost.length} lost`,
    );
    expect(lost).toEqual([]);
    // Nothing was given up on the way.
    expect(pi.machine.slot).toBe(slot);
    await pi.until('the data partition has grown', () => pi.isGrown());
    await pi.until('SSH', () => pi.ssh('true'));
    expect(await pi.ssh('ls /run/bramble-boot')).not.toContain('no-data');
    expect(await pi.ssh('systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await pi.read('STATUS.txt')).toContain('Bramble on attic, ');
    await pi.until('it is kept', async () => (await pi.read(`${slot}/state`)) === 'good\n');
  }
});
