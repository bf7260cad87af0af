import { renderBalancer } from './balancer.ts';
import { renderBroker } from './broker.ts';
import { renderNats } from './nats.ts';
import type { Plan } from './plan.ts';
import { renderStats } from './stats.ts';

/** Names of the rendered files, and their text. */
export function renderAll(plan: Plan): Map<string, string> {
  return new Map([
    ...plan.nodes.flatMap((node): [string, string][] => [
      [`nats-${node.number}.conf`, renderNats(plan, node)],
      [`broker-${node.number}.yaml`, renderBroker(plan, node)],
    ]),
    ['balancer.cfg', renderBalancer(plan)],
    ['stats.yaml', renderStats(plan)],
  ]);
}
