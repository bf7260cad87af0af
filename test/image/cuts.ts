import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { UpdateManifest } from '../../provisioning/board/update-file.ts';
import type { CardMachine } from './card.ts';
import type { Ledger } from './mqtt.ts';
import { expectStartable } from './startable.ts';
import { serveStored } from './stored.ts';

/** What is acknowledged is on the disk, so all of it has to be there after a cut. */
export const CLUSTER = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes: [{ name: attic, address: 10.0.2.15 }]
mqtt: { anonymous: true, durability: power-loss }
`;
/** The disk on which the machine finds an update. */
export const DISK = '/dev/vdb';
const GLANCE = 50;

/** A card from which the power was taken, and what is known of that moment. */
export interface Cut {
  card: string;
  /** In words. */
  when: string;
  /** Messages acknowledged by then. */
  acknowledged: number;
}

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** Waits until a machine has computed so much since it was powered on or reset, milliseconds. */
export async function untilComputed(
  machine: { readonly computed: number; expectRunning: () => void },
  until: number,
): Promise<void> {
  while (machine.computed < until) {
    machine.expectRunning();
    await sleep(GLANCE);
  }
}

/**
 * Looks at a card byte by byte for what its next start needs, and serves what its data partition
 * has with the programs of `system`. Resolves to the slot that starts next.
 */
export async function expectWhole(
  { card, when, acknowledged }: Cut,
  manifest: UpdateManifest,
  system: string,
  ledger: Ledger,
): Promise<string> {
  let lost: number[] = [];
  const { slot, states } = await expectStartable(card, manifest, async (data) => {
    lost = await serveStored(data, system, CLUSTER, (door) => ledger.missing(door, acknowledged));
  });
  console.log(`${when} (${states}): ${acknowledged} acknowledged, ${lost.length} lost`);
  expect(lost).toEqual([]);
  return slot;
}

/**
 * Puts a card from which the power was taken into the machine, and expects all that a node is there
 * for of the slot that was to start: messages, data, no failed unit, and that it is kept.
 */
export async function expectServes(
  pi: CardMachine,
  { card, when, acknowledged }: Cut,
  slot: string,
  ledger: Ledger,
): Promise<void> {
  const from = performance.now();
  await pi.insert(card);
  await pi.serves();
  const lost = await ledger.missing(await pi.door(), acknowledged);
  console.log(
    `${when}: ${pi.machine.slot} serves after ${seconds(performance.now() - from)}; ${acknowledged} acknowledged, ${lost.length} lost`,
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

/** So many of them at random. */
export function some<T>(all: readonly T[], count: number): T[] {
  const drawn = all.map((one) => ({ one, draw: Math.random() }));
  drawn.sort((a, b) => a.draw - b.draw);
  return drawn.slice(0, count).map(({ one }) => one);
}
