import { expect, test } from 'vitest';
import { seconds } from './duration.ts';
import { expectNothingLost, expectShortStall, STALL_MAX } from './promises.ts';
import { report, rowOf } from './report.ts';
import { runScenario } from './scenario.ts';

const HOLD = seconds(5, 30);

test('no fault', async (context) => {
  const outcome = await runScenario({ hold: seconds(3, 30), fault() {}, heal() {} });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  expect(outcome.books.doubled + outcome.books.repeated, 'repetitions').toBe(0);
});

test('kill -9 of a broker', async (context) => {
  const outcome = await runScenario({
    hold: HOLD,
    fault: (lab) => lab.nodes[0]!.broker.kill('SIGKILL'),
    heal: (lab) => lab.nodes[0]!.start(),
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  expect(outcome.publish.p99, 'p99 of publishing').toBeLessThan(STALL_MAX);
});

test('kill -9 of a nats-server', async (context) => {
  const outcome = await runScenario({
    hold: HOLD,
    fault: (lab) => lab.nodes[0]!.engine.kill('SIGKILL'),
    heal: (lab) => lab.nodes[0]!.start(),
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  expectShortStall(outcome);
});

test('kill -9 of broker and nats-server of a node', async (context) => {
  const outcome = await runScenario({
    hold: HOLD,
    async fault(lab) {
      const { broker, engine } = lab.nodes[0]!;
      await Promise.all([broker.kill('SIGKILL'), engine.kill('SIGKILL')]);
    },
    heal: (lab) => lab.nodes[0]!.start(),
  });
  report(context, rowOf(outcome));
  expectNothingLost(outcome);
  expectShortStall(outcome);
});
