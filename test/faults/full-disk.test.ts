import { test } from 'vitest';
import { canMount, mountSmallDisk } from '../support/faults/small-disk.ts';
import { seconds } from './duration.ts';
import { expectNothingLost, expectOthersUnharmed } from './promises.ts';
import { report, rowOf } from './report.ts';
import { runScenario } from './scenario.ts';

/** Room for what the load writes before and after. */
const DISK = 256 << 20;

// Needs root; elsewhere this counts as skipped.
test.runIf(canMount())('disk full on a node', async (context) => {
  const disk = mountSmallDisk(DISK);
  try {
    const outcome = await runScenario({
      lab: { store: (index) => (index === 0 ? disk.directory : undefined) },
      hold: seconds(5, 30),
      fault: () => disk.fill(),
      async heal(lab) {
        disk.free();
        // An engine that has given up on its disk comes back as systemd would bring it.
        await lab.nodes[0]!.engine.kill('SIGTERM');
        await lab.nodes[0]!.start();
      },
    });
    report(context, rowOf(outcome));
    expectNothingLost(outcome);
    expectOthersUnharmed(outcome);
  } finally {
    disk.remove();
  }
});
