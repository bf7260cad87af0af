import { expect, test } from 'vitest';
import { seconds } from './duration.ts';
import { expectNothingLost } from './promises.ts';
import { report, rowOf } from './report.ts';
import { runScenario } from './scenario.ts';

// What the kernel has taken survives the death of every process, so here nothing may be lost: the
// bound of `durability.flush` is for what was still in the kernel when the power went.
test('kill -9 of everything at one instant, and a restart', async (context) => {
  const outcome = await runScenario({
    hold: seconds(1, 10),
    fault: (lab) => lab.killAll(),
    async heal(lab) {
      await Promise.all(lab.nodes.map((node) => node.start()));
    },
  });
  report(context, rowOf(outcome, `all dead for ${seconds(1, 10)} ms`));
  expectNothingLost(outcome);
  expect(outcome.books.acknowledged).toBeGreaterThan(0);
});
