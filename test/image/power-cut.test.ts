import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { builtUpdate } from './built.ts';
import { CardMachine } from './card.ts';
import { Ledger } from './mqtt.ts';

const CUTS = Number(process.env.BRAMBLE_CUTS ?? (process.env.BRAMBLE_IMAGE === 'long' ? 10 : 3));
/** The disk on which the machine finds an update. */
const DISK = '/dev/vdb';
/** What is acknowledged is on the disk, so all of it has to be there after a cut. */
const CLUSTER = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes: [{ name: attic, address: 10.0.2.15 }]
mqtt: { anonymous: true, durability: power-loss }
`;

const random = (from: number, to: number): number => from + Math.random() * (to - from);
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(0)} s`;

test(`power goes ${CUTS} times while an update is written, and nothing is lost`, async () => {
  await using pi = await CardMachine.flash({
    files: { 'cluster.yaml': CLUSTER },
    disks: [await builtUpdate()],
  });
  await pi.serves();
  const ledger = new Ledger();
  /** How long an update takes to be written, which gives the moments of the cuts; first a guess. */
  let whole = 120_000;
  for (let cut = 0; cut < CUTS; cut++) {
    await pi.until('SSH', () => pi.ssh('true'));
    const running = pi.machine.slot;
    const publishing = ledger.publish(await pi.door());
    const from = performance.now();
    let written = false;
    const writing = pi.ssh(`bramble os-update ${DISK} --unsigned`).then(
      () => {
        written = true;
        whole = performance.now() - from;
      },
      () => {},
    );
    await Promise.race([writing, sleep(random(1_000, whole))]);
    const after = written ? 'written' : `cut after ${seconds(performance.now() - from)}`;
    await pi.machine.powerOff();
    await Promise.all([writing, publishing]);
    await pi.machine.powerOn();
    // The one from before, or all of the new one: it would not serve if it were not whole.
    await pi.serves();
    if (written) expect(pi.machine.slot).not.toBe(running);
    const { acknowledged, lost } = await ledger.missing(await pi.door());
    console.log(
      `${after}: slot ${running}, then ${pi.machine.slot}; ${acknowledged} acknowledged, ${lost.length} lost`,
    );
    expect(acknowledged).toBeGreaterThan(0);
    expect(lost).toEqual([]);
    await pi.until('it is kept', async () => {
      return (await pi.read(`${pi.machine.slot}/state`)) === 'good\n';
    });
  }
});

test(`power goes during the first start of ${CUTS} cards, and the second comes to its end`, async () => {
  /** How long a first start takes, which gives the moments of the cuts; first a guess. */
  let whole = 150_000;
  for (let cut = 0; cut < CUTS; cut++) {
    await using pi = await CardMachine.flash();
    const wait = random(2_000, whole);
    await sleep(wait);
    await pi.machine.powerOff();
    const from = performance.now();
    await pi.machine.powerOn();
    await pi.serves();
    whole = performance.now() - from;
    console.log(`power went after ${seconds(wait)}; served ${seconds(whole)} after it came back`);
    await pi.until('the data partition has grown', () => pi.isGrown());
    await pi.until('SSH', () => pi.ssh('true'));
    expect(await pi.ssh('ls /run/bramble-boot')).not.toContain('no-data');
    expect(await pi.ssh('systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await pi.read('STATUS.txt')).toContain('Bramble on attic, ');
  }
});
