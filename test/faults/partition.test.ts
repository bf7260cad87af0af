import { test } from 'vitest';
import { isCurrentEngine } from '../support/faults/engine.ts';
import { canCreateNamespaces } from '../support/namespaces.ts';
import { seconds } from './duration.ts';
import { expectNothingLost, expectOthersPublish, expectOthersUnharmed } from './promises.ts';
import { report, rowOf } from './report.ts';
import { runScenario } from './scenario.ts';

const HOLD = seconds(8, 30);

// Needs root; elsewhere these count as skipped.
const permitted = test.runIf(canCreateNamespaces());

for (const [whom, from] of [
  ['the other nodes, while clients reach it', 'nodes'],
  ['everybody', 'all'],
] as const) {
  permitted(`partition of a node from ${whom}`, async (context) => {
    const outcome = await runScenario({
      lab: { namespaces: true },
      hold: HOLD,
      fault: (lab) => lab.network!.cut(0, from),
      async heal(lab) {
        lab.network!.heal(0);
        await lab.nodes[0]!.whenReady();
      },
    });
    report(context, rowOf(outcome));
    expectNothingLost(outcome);
    // A node that comes back deposes leaders; before 2.10 others take up to nine seconds to follow.
    if (isCurrentEngine()) expectOthersUnharmed(outcome);
    else expectOthersPublish(outcome);
  });
}
