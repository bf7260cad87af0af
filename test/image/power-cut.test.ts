import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { builtUpdate } from './built.ts';
import { CardMachine } from './card.ts';
import { Ledger } from './mqtt.ts';
import { readFat, readMbr } from './partitions.ts';

const CUTS = Number(process.env.BRAMBLE_CUTS ?? (process.env.BRAMBLE_IMAGE === 'long' ? 10 : 3));
/** The disk on which the machine finds an update. */
const DISK = '/dev/vdb';
/** What is acknowledged is on the disk, so all of it has to be there after a cut. */
const CLUSTER = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes: [{ name: attic, address: 10.0.2.15 }]
mqtt: { anonymous: true, durability: power-loss }
`;
/** About what a first start computes until it serves, and how long an update takes; milliseconds. */
const FIRST_START = 150_000;
const UPDATE = 90_000;
const GLANCE = 100;

const random = (from: number, to: number): number => from + Math.random() * (to - from);
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(0)} s`;

/** A card from which the power was taken, and what is known of that moment. */
interface Cut {
  card: string;
  after: string;
  acknowledged: number;
}

/** What a start has found of the slots: the one that is started next, and the states of both. */
async function slotsOf(card: string): Promise<{ starts: string; states: string }> {
  const { parts } = await readMbr(card);
  const text = (file: string) => readFat(card, parts[0]!.start, file);
  const state = (slot: string) => text(`${slot}/state`).catch(() => 'none');
  const starts = /^os_prefix=(\w)/m.exec(await text('config.txt'))?.[1] ?? '';
  return { starts, states: `a ${(await state('a')).trim()}, b ${(await state('b')).trim()}` };
}

/** A start after a cut has come to its end: everything serves, and from the card. */
async function expectWhole(pi: CardMachine): Promise<void> {
  await pi.until('SSH', () => pi.ssh('true'));
  expect(await pi.ssh('ls /run/bramble-boot')).not.toContain('no-data');
  expect(await pi.ssh('systemctl list-units --failed --no-legend --plain')).toBe('');
}

test(`power goes ${CUTS} times while an update is written, and nothing is lost`, async () => {
  await using pi = await CardMachine.flash({
    files: { 'cluster.yaml': CLUSTER },
    disks: [await builtUpdate()],
  });
  await pi.serves();
  await pi.until('SSH', () => pi.ssh('true'));
  const ledger = new Ledger();
  const publishing = ledger.publish(await pi.door());
  await pi.until('a message is acknowledged', async () => ledger.acknowledged > 0);
  const from = performance.now();
  const cuts: Cut[] = [];
  const write = async (): Promise<void> => {
    // Over and over: whatever one takes, a moment of it is as likely as any other.
    while (cuts.length < CUTS) {
      await pi.ssh(`bramble os-update ${DISK} --unsigned`);
      console.log(`an update was written after ${seconds(performance.now() - from)}`);
    }
  };
  const take = async (): Promise<void> => {
    while (cuts.length < CUTS) {
      await sleep(random(0, (2 * UPDATE) / CUTS));
      const after = seconds(performance.now() - from);
      const card = await pi.cut(`cut-${cuts.length}.img`);
      cuts.push({ card, after, acknowledged: ledger.acknowledged });
    }
    await pi.machine.powerOff();
  };
  const writing = write();
  // Which ends with the machine; before that it must not.
  writing.catch(() => {});
  await Promise.race([take(), writing]);
  await publishing;
  let lostOfAll = 0;
  for (const [number, { card, after, acknowledged }] of cuts.entries()) {
    const { starts, states } = await slotsOf(card);
    await pi.insert(card);
    // The one from before, or all of the new one: it would not serve if it were not whole.
    await pi.serves();
    const lost = await ledger.missing(await pi.door(), acknowledged);
    lostOfAll += lost.length;
    console.log(
      `cut ${number + 1} after ${after} (${states}): ${pi.machine.slot} serves; ${acknowledged} acknowledged, ${lost.length} lost`,
    );
    expect(lost).toEqual([]);
    // Nothing was given up on the way.
    expect(pi.machine.slot).toBe(starts);
    await expectWhole(pi);
    await pi.until('it is kept', async () => {
      return (await pi.read(`${pi.machine.slot}/state`)) === 'good\n';
    });
  }
  console.log(`${cuts.length} cuts of an update, ${lostOfAll} of ${ledger.acknowledged} lost`);
});

test(`power goes ${CUTS} times during a first start, and the second comes to its end`, async () => {
  await using pi = await CardMachine.flash();
  const moments = Array.from({ length: CUTS }, () => random(0, FIRST_START)).sort((a, b) => a - b);
  const cuts: Cut[] = [];
  for (const moment of moments) {
    while (pi.machine.computed < moment) {
      pi.machine.expectRunning();
      await sleep(GLANCE);
    }
    const last = pi.machine.console.trim().split('\n').at(-1) ?? '';
    const after = `${seconds(moment)} of computing`;
    cuts.push({ card: await pi.cut(`cut-${cuts.length}.img`), after, acknowledged: 0 });
    console.log(`cut ${cuts.length} after ${after}: ${last.slice(0, 100)}`);
  }
  for (const [number, { card, after }] of cuts.entries()) {
    const from = performance.now();
    await pi.insert(card);
    await pi.serves();
    console.log(
      `cut ${number + 1} after ${after}: served ${seconds(performance.now() - from)} after the power came back`,
    );
    await pi.until('the data partition has grown', () => pi.isGrown());
    await expectWhole(pi);
    expect(await pi.read('STATUS.txt')).toContain('Bramble on attic, ');
  }
  console.log(`${cuts.length} cuts of a first start`);
});
