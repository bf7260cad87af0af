import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bridgeStatusSchema } from '#core/contracts/bridge.ts';
import {
  balancerStatusSchema,
  brokerStatusSchema,
  eventSchema,
  supervisorStatusSchema,
} from '#core/contracts/status.ts';
import { vitalsSchema } from '#core/contracts/vitals.ts';
import { bridgeOf } from '../../../services/stats/model/bridge.ts';
import { EventLog } from '../../../services/stats/model/event-log.ts';
import { assess } from '../../../services/stats/model/problems.ts';
import { renderBody } from '../../../services/stats/page/page.ts';
import {
  balancerStatus,
  bridgeStatus,
  brokerStatus,
  statRow,
  supervisorStatus,
  vitals,
} from '../../support/stats-peers.ts';
import { fresh, NOW, node, snapshot } from './snapshots.ts';

/** Any number that JSON can carry. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const text = fc.string({ unit: 'binary', maxLength: 20 });

/** A body in which each number is any number and each text any text, as long as the schema agrees. */
function distorted(body: unknown): fc.Arbitrary<unknown> {
  if (typeof body === 'number') return fc.oneof(fc.constant(body), number);
  if (typeof body === 'string') return fc.oneof(fc.constant(body), text);
  if (Array.isArray(body)) return fc.tuple(...body.map(distorted));
  if (body !== null && typeof body === 'object') {
    const fields = Object.entries(body).map(([key, value]) => [key, distorted(value)] as const);
    return fc.record(Object.fromEntries(fields));
  }
  return fc.constant(body);
}

test('whatever a peer says within its contract, the page is rendered and nothing breaks out', () => {
  const lastExit = { at: NOW, reason: 'killed' };
  const process = { name: 'a', state: 'ready', pid: 1, startedAt: NOW, restarts: 1, lastExit };
  const event = { at: NOW, level: 'info', subject: 'a', text: 'b' } as const;
  const bodies = fc.record({
    broker: distorted(brokerStatus()),
    vitals: distorted(vitals()),
    balancer: distorted(balancerStatus([statRow('mqtt', 'pi1', { check_status: 'L4OK' })])),
    bridge: distorted(bridgeStatus()),
    supervisor: distorted({ ...supervisorStatus([]), processes: [process], events: [event] }),
  });
  let rendered = 0;
  fc.assert(
    fc.property(bodies, (told) => {
      const broker = brokerStatusSchema.safeParse(told.broker);
      const machine = vitalsSchema.safeParse(told.vitals);
      const balancer = balancerStatusSchema.safeParse(told.balancer);
      const supervisor = supervisorStatusSchema.safeParse(told.supervisor);
      const bridge = bridgeStatusSchema.safeParse(told.bridge);
      const log = new EventLog();
      log.add((supervisor.data?.events ?? []).map((e) => eventSchema.parse(e)));
      const history = { messagesIn: [1, null, 2], messagesOut: [] };
      const nodes = [
        node('pi1', {
          ...(broker.data ? { broker: { status: fresh(broker.data), history } } : {}),
          ...(machine.data ? { vitals: fresh(machine.data) } : {}),
          ...(bridge.data ? { bridge: { status: fresh(bridge.data), rates: {} } } : {}),
        }),
      ];
      const whole = bridgeOf(nodes);
      const state = snapshot({
        nodes,
        ...(whole ? { bridge: whole } : {}),
        ...(balancer.data ? { balancers: [{ node: 'pi1', status: fresh(balancer.data) }] } : {}),
        ...(supervisor.data ? { supervisor: fresh(supervisor.data) } : {}),
        events: log.events,
      });
      const { body } = renderBody({ ...state, health: assess(state, undefined) });
      if (
        broker.success ||
        machine.success ||
        balancer.success ||
        supervisor.success ||
        bridge.success
      )
        rendered++;
      expect(body.text).not.toMatch(/<script|undefined|\[object/);
    }),
    { numRuns: 300 },
  );
  console.info(`${rendered} of 300 pages held a distorted answer`);
  expect(rendered).toBeGreaterThan(100);
});
