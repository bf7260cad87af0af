import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { lab } from '../cluster/lab/lab.ts';
import { heldBy, heldText, LOOK, sum } from './memory.ts';

const MIB = 1024;
/** What all of ours and nats-server may hold on a node at rest, KiB. */
const TARGET = 350 * MIB;
/** Until what the start needed has been given back. */
const REST = 60_000;

test('all services of a node at rest, virtual address and watchdog included', async () => {
  await using home = await lab(2);
  await home.allFit();
  await sleep(REST);
  for (const pi of home.pis) {
    const held = heldBy(await pi.exec('sh', '-c', LOOK));
    console.log(`${pi.name}:\n${heldText(held)}`);
    for (const unit of ['nats', 'broker', 'balancer', 'stats', 'watchdog', 'vip', 'keepalived']) {
      expect(held.get(unit)?.rss).toBeGreaterThan(0);
    }
    expect(sum(held).pss).toBeLessThan(TARGET);
  }
});
