import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { cluster } from '../cluster/lab/cluster.ts';
import { clusterYaml } from '../cluster/lab/config.ts';
import { eventually } from '../support/broker.ts';
import { builtVirtualPi } from './built.ts';
import { type Held, heldBy, heldText, LOOK, sum } from './memory.ts';
import { bootVirtualPi, succeeds } from './virtual-pi.ts';

const MIB = 1024;
/** What all of ours and nats-server may hold on a node at rest, KiB. */
const TARGET = 350 * MIB;
/** Until what the start needed has been given back. */
const REST = 60_000;
const START = 180_000;
const ALONE = ['nats', 'broker', 'balancer', 'stats', 'watchdog'];
const WITH_ADDRESS = [...ALONE, 'vip', 'keepalived'];

type Run = (program: string, args: readonly string[]) => Promise<string>;

/** What each unit holds once all of these run and have rested. */
async function atRest(
  name: string,
  run: Run,
  units: readonly string[],
): Promise<Map<string, Held>> {
  const services = units.map((unit) => `bramble-${unit}.service`);
  const active = () => succeeds(() => run('systemctl', ['is-active', ...services]));
  await eventually('all services run', active, START);
  await sleep(REST);
  const held = heldBy(await run('sh', ['-c', LOOK]));
  console.log(`${name}:\n${heldText(held)}`);
  for (const unit of units) expect(held.get(unit)?.rss, unit).toBeGreaterThan(0);
  return held;
}

test('a node alone: the RSS of all its services together', async () => {
  await using pi = await bootVirtualPi(await builtVirtualPi());
  const held = await atRest('alone', (program, args) => pi.run(program, args), ALONE);
  expect(sum(held).rss).toBeLessThan(TARGET);
});

// The code of Node lies in memory once, however many processes have it in their RSS.
test('a node of two, with a virtual address: what its services take of the memory (PSS)', async () => {
  await using home = await cluster(2, { config: clusterYaml() });
  for (const pi of home.pis) {
    const run: Run = (program, args) => pi.exec(program, ...args);
    expect(sum(await atRest(pi.name, run, WITH_ADDRESS)).pss).toBeLessThan(TARGET);
  }
});
