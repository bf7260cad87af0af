import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { type Lab, lab } from './lab/lab.ts';
import { Owners } from './lab/owners.ts';
import { Prober } from './lab/prober.ts';

const PATIENCE = 60_000;

let home: Lab;
let second: Owners;
let other: Prober;

/** Two nodes and two virtual addresses, one for each. */
beforeAll(async () => {
  home = await lab(2, { addresses: 2 });
  const address = home.network.virtualAddress(1);
  second = await Owners.watch(home, address);
  await second.settled();
  other = new Prober(address, 1883);
  await other.calm();
});
afterAll(async () => {
  await other?.[Symbol.asyncDispose]();
  await second?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
});

test('each address has one owner, and both are served', async () => {
  await home.allFit();
  expect(home.owners.now).toHaveLength(1);
  expect(second.now).toHaveLength(1);
});

test('started together, each node takes the address that prefers it', async () => {
  const units = ['bramble-keepalived', 'bramble-vip'];
  for (const pi of home.pis) await pi.exec('systemctl', 'stop', ...units);
  const none = () => home.owners.now.length + second.now.length === 0;
  await eventually('nobody has them', none, PATIENCE);
  await Promise.all(home.pis.map((pi) => pi.exec('systemctl', 'start', ...units)));
  const both = () => home.owners.now.length * second.now.length === 1;
  await eventually('both are had', both, PATIENCE);
  console.log(`${home.owners.now[0]} has the first address, ${second.now[0]} the second`);
  expect([home.owners.now[0], second.now[0]]).toEqual(['pi1', 'pi2']);
});

test('two that do not hear each other and one without its gateway: that one gives all up', async () => {
  await home.allFit();
  const cut = home.owner();
  const index = home.pis.indexOf(cut);
  await home.split([index]);
  const given = (): boolean => ![...home.owners.now, ...second.now].includes(cut.name);
  await eventually('the one that is cut off has none', given, PATIENCE);
  const rest = home.pis[1 - index]!;
  const has = (): boolean => [home.owners.now, second.now].every((now) => now.join() === rest.name);
  await eventually('the other has both', has, PATIENCE);
  expect(await cut.exec('cat', '/run/bramble-vip/fault')).toBe('1\n');
  const from = Date.now();
  await home.prober.calm(from);
  await other.calm(from);
  await home.heal([index]);
  await home.allFit();
  expect(has(), 'coming back is no reason to move anything').toBe(true);
});

test('one that dies leaves both to the other', async () => {
  await home.allFit();
  const dead = home.owner();
  const rest = home.pis.find((pi) => pi !== dead)!;
  const from = Date.now();
  await dead.powerOff(async () => {
    await home.owners.lose(dead);
    await second.lose(dead);
  });
  const has = (): boolean => [home.owners.now, second.now].every((now) => now.join() === rest.name);
  await eventually('the other has both', has, PATIENCE);
  await home.prober.calm(from);
  await other.calm(from);
  const [first, next] = [home.prober, other].map((one) => one.blackout(from).length.toFixed(0));
  console.log(
    `two nodes, one dead: ${first} ms without the first address, ${next} without the second`,
  );
  expect(await rest.exec('cat', '/run/bramble-vip/fault')).toBe('0\n');
});
