import { renderBalancer } from './balancer.ts';
import { bridgeNodes, renderBridge } from './bridge.ts';
import { renderBroker } from './broker.ts';
import { renderKafka } from './kafka.ts';
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
    ...bridgeNodes(plan).map((node): [string, string] => [
      `bridge-${node.number}.yaml`,
      renderBridge(plan, node),
    ]),
    ...(plan.kafka === undefined ? [] : [kafkaFile(plan, plan.kafka.data)]),
    ['balancer.cfg', renderBalancer(plan)],
    ['stats.yaml', renderStats(plan)],
  ]);
}

/** The one Kafka of a dev cluster. */
function kafkaFile({ host, ports }: Plan, data: string): [string, string] {
  const controllers = [`${host}:${ports.kafka.controller}`];
  const node = { id: 1, host, ports: ports.kafka, controllers, data, nodes: 1 };
  return ['kafka.properties', renderKafka(node)];
}
