import { test } from 'vitest';
import { seconds } from './duration.ts';
import { expectNothingLost, expectOthersUnharmed } from './promises.ts';
import { report, rowOf } from './report.ts';
import { runScenario } from './scenario.ts';

const HOLD = seconds(8, 30);

test('SIGSTOP of a broker, and its return', async (context) => {
  const outcome = await runScenario({
    hold: HOLD,
    fault: (lab) => lab.nodes[0]!.broker.freeze(),
    async heal(lab) {
      lab.nodes[0]!.broker.thaw();
      await lab.nodes[0]!.whenReady();
    },
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  // Its own clients wait until it is out of rotation; nobody else notices.
  expectOthersUnharmed(outcome);
});

test('SIGSTOP of a nats-server, and its return', async (context) => {
  const outcome = await runScenario({
    hold: HOLD,
    fault: (lab) => lab.nodes[0]!.engine.freeze(),
    async heal(lab) {
      lab.nodes[0]!.engine.thaw();
      await lab.nodes[0]!.whenReady();
    },
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  expectOthersUnharmed(outcome);
});
