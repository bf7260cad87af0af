import { expect, test } from 'vitest';
import { seconds } from './duration.ts';
import { expectNothingLost, STALL_MAX } from './promises.ts';
import { report, rowOf } from './report.ts';
import { runScenario } from './scenario.ts';

test('rolling restart of all nodes', async (context) => {
  const outcome = await runScenario({
    hold: seconds(0.5, 5),
    async fault(lab) {
      for (const node of lab.nodes) {
        await node.broker.kill('SIGTERM');
        await node.engine.kill('SIGTERM');
        await node.start();
        // As an update does: the next one only when this one has caught up.
        await new Promise((resolve) => setTimeout(resolve, seconds(1, 5)));
      }
    },
    heal() {},
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  expect(outcome.publish.p99, 'p99 of publishing').toBeLessThan(STALL_MAX);
});
