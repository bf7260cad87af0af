import { expect, test } from 'vitest';
import { isCurrentEngine } from '../support/faults/engine.ts';
import {
  canCutPower,
  createPowerDisk,
  cutPower,
  type Flush,
  type PowerDisk,
} from '../support/faults/power-disk.ts';
import { LONG, seconds } from './duration.ts';
import { expectNothingLost } from './promises.ts';
import { report, rowOf } from './report.ts';
import { type Outcome, runScenario } from './scenario.ts';

const DEAD = seconds(1, 10);
/** Sessions must be older than what may be lost, milliseconds. */
const SETTLED = seconds(4, 10);
const NODES = 3;
const DISK = 512 << 20;
/** `durability.flush`, milliseconds. */
const FLUSH = 1_000;
/** What a disk that is told to write may take for it, milliseconds. */
const DISK_SLOW = 1_000;

// What the kernel has taken survives the death of every process, so here nothing may be lost.
test('kill -9 of everything at one instant, and a restart', async (context) => {
  const outcome = await runScenario({
    hold: DEAD,
    fault: (lab) => lab.killAll(),
    async heal(lab) {
      await Promise.all(lab.nodes.map((node) => node.start()));
    },
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
});

/** Takes the power from all nodes: what the kernel had not written is gone. */
async function cutScenario(flush: Flush, rate: number): Promise<Outcome & { cutAt: number }> {
  // Since 2.10 nats-server writes to the disk at an interval by itself; else the disk does.
  const own = isCurrentEngine();
  const disks: PowerDisk[] = [];
  let cutAt = 0;
  try {
    for (let i = 0; i < NODES; i++) disks.push(createPowerDisk(DISK, own ? 'kernel' : flush));
    const syncInterval = flush === 'always' ? 'always' : `${FLUSH}ms`;
    const outcome = await runScenario({
      lab: {
        store: (index) => disks[index]?.directory,
        ...(own ? { syncInterval } : {}),
      },
      rate,
      before: SETTLED,
      hold: DEAD,
      async fault(lab) {
        cutAt = performance.now();
        await lab.killAll();
        cutPower(disks);
      },
      async heal(lab) {
        for (const disk of disks) disk.restore();
        await Promise.all(lab.nodes.map((node) => node.start()));
      },
    });
    return { ...outcome, cutAt };
  } finally {
    for (const disk of disks) disk.remove();
  }
}

/** How long before the cut the oldest of these times was, ms; and how many came when all was back. */
function spreadOf(times: readonly number[], cutAt: number): { age: number; after: number } {
  const oldest = times[0];
  return {
    age: oldest === undefined ? 0 : Math.round(cutAt - oldest),
    // Until the restart only what was on its way when the power went can be heard.
    after: times.filter((at) => at > cutAt + DEAD).length,
  };
}

// Needs root; elsewhere these count as skipped.
const root = canCutPower();
const permitted = test.runIf(root);

permitted('power cut of all nodes, disks flushed once a second', async (context) => {
  const outcome = await cutScenario('second', 40);
  const lost = spreadOf(outcome.lostAt, outcome.cutAt);
  const doubled = spreadOf(outcome.doubledAt, outcome.cutAt);
  const note =
    `lost: acknowledged up to ${lost.age} ms before the cut, ${lost.after} after it; ` +
    `twice: taken up to ${doubled.age} ms before the cut, ${doubled.after} after it`;
  report(context, rowOf(outcome, note));
  expect(lost.age, 'ms before the cut').toBeLessThanOrEqual(FLUSH + DISK_SLOW);
  expect(lost.after, 'lost although acknowledged after the cut').toBe(0);
  // What a subscriber has confirmed is written as late as what a publisher has sent.
  expect(doubled.age, 'ms before the cut').toBeLessThanOrEqual(FLUSH + DISK_SLOW);
  expect(doubled.after, 'twice although taken first after the cut').toBe(0);
  expect(outcome.sessionsLost, 'sessions lost').toBe(0);
  expect(outcome.open, 'publishes without an answer').toBe(0);
});

// Every write waits for three disks here, so it takes a minute.
test.runIf(root && LONG)('power cut of all nodes, each write flushed', async (context) => {
  const outcome = await cutScenario('always', 5);
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
});
