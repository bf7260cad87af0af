import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { FAULTS } from './lab/faults.ts';
import { type Lab, LONG, lab } from './lab/lab.ts';
import { watchdogOf } from './lab/watchdogs.ts';

const PATIENCE = 90_000;
const NODES = 6;
const BALANCERS = 3;

let home: Lab;

/** Three balancers in front, three brokers behind them; all six vote. */
beforeAll(async () => {
  if (!LONG) return;
  const from = performance.now();
  home = await lab(NODES, { roles: (index) => [index < BALANCERS ? 'balancer' : 'broker'] });
  console.log(`six nodes serve after ${((performance.now() - from) / 1000).toFixed(0)} s`);
});
afterAll(() => home?.[Symbol.asyncDispose]());

test.runIf(LONG)('a node runs what its roles need, and nothing of it fails', async () => {
  for (const [index, pi] of home.pis.entries()) {
    const isActive = async (unit: string): Promise<string> =>
      (await pi.exec('systemctl', 'is-active', unit).catch(() => 'inactive')).trim();
    const balancer = index < BALANCERS;
    expect(await isActive('bramble-balancer')).toBe(balancer ? 'active' : 'inactive');
    expect(await isActive('bramble-keepalived')).toBe(balancer ? 'active' : 'inactive');
    expect(await isActive('bramble-broker')).toBe(balancer ? 'inactive' : 'active');
    expect(await isActive('bramble-vip')).toBe('active');
    expect(await pi.exec('systemctl', 'list-units', '--failed', '--no-legend', '--plain')).toBe('');
    // What it cannot ask it takes for down, and restarts.
    const well = async () =>
      (await watchdogOf(pi))?.services.every(({ state }) => state === 'up') ?? false;
    await eventually(`the watchdog of ${pi.name} has all up`, well, PATIENCE);
  }
});

test.runIf(LONG)('three failovers, and never two owners for long', async () => {
  for (const fault of FAULTS.filter(({ name }) => /balancer|switch|power/.test(name))) {
    await home.allFit();
    await home.prober.calm();
    const owner = home.owner();
    const from = Date.now();
    await fault.act(home, owner);
    const next = await home.owners.settled(owner.name);
    await home.prober.calm(from);
    await fault.mend?.(home, owner);
    const { length } = home.prober.blackout(from);
    const both = home.owners.overlap(from);
    console.log(
      `six nodes, ${fault.name}: ${owner.name} → ${next}, ${length.toFixed(0)} ms, two owners ${both.toFixed(0)} ms`,
    );
    expect(both).toBeLessThanOrEqual(100);
  }
});

test.runIf(LONG)('of six, three are no majority: neither half has the address', async () => {
  await home.allFit();
  // The client stays with the half that pi4 to pi6 are in.
  await home.split([0, 1, 2]);
  await eventually('nobody has it', () => home.owners.now.length === 0, PATIENCE);
  await home.heal([0, 1, 2]);
  await home.owners.settled();
  await home.prober.calm(Date.now());
});

test.runIf(LONG)('a full disk of one node moves nothing', async () => {
  await home.allFit();
  const [before] = home.owners.now;
  const broker = home.pis[NODES - 1]!;
  await broker.diskFull();
  const from = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  expect(home.owners.now).toEqual([before]);
  await home.prober.calm(from);
  await broker.diskFree();
});
