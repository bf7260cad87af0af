import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { parseYaml } from '#core/config/yaml-file.ts';
import { bridgeConfigSchema, statsConfigSchema } from '#core/contracts/service-config.ts';
import { renderAll } from '../../../../provisioning/render/all.ts';
import { bridgeNodes } from '../../../../provisioning/render/bridge.ts';
import { renderKafka } from '../../../../provisioning/render/kafka.ts';
import type { Plan } from '../../../../provisioning/render/plan.ts';
import { planOf } from '../plan.ts';

const withBridge = (roles: string[][]): Plan => {
  const plan = planOf(roles.length);
  const nodes = roles.map(
    (list, i) => `{ name: pi${i + 1}, address: 127.0.0.1, roles: [${list.join(', ')}] }`,
  );
  const text = `cluster: { name: a, secret: 0123456789abcdef }
nodes: [${nodes.join(', ')}]
kafka: { bootstrap: ["k:9092"] }
bridge: {}
`;
  return { ...plan, cluster: parseCluster(text) };
};

test('without a bridge in cluster.yaml nothing of it is rendered', () => {
  expect([...renderAll(planOf(2)).keys()].filter((name) => /bridge|kafka/.test(name))).toEqual([]);
});

test('bridges run on the nodes that have the role, or on all', () => {
  const names = (roles: string[][]) => bridgeNodes(withBridge(roles)).map(({ name }) => name);
  expect(names([['balancer', 'broker'], ['broker']])).toEqual(['pi1', 'pi2']);
  expect(
    names([
      ['balancer', 'broker'],
      ['broker', 'bridge'],
    ]),
  ).toEqual(['pi2']);
});

test('its file is what the bridge reads', () => {
  const plan = withBridge([['balancer', 'broker'], ['broker']]);
  const text = renderAll(plan).get('bridge-2.yaml')!;
  const config = parseYaml(text, 'bridge-2.yaml', bridgeConfigSchema);
  expect(config).toMatchObject({
    node: 'pi2',
    health: { port: plan.ports.bridgeHealth[1] },
    mqtt: { url: `mqtt://127.0.0.1:${plan.ports.connectors}` },
  });
  const page = parseYaml(renderAll(plan).get('stats.yaml')!, 'stats.yaml', statsConfigSchema);
  expect(page.nodes.map(({ bridge }) => bridge)).toEqual(
    plan.ports.bridgeHealth.map((port) => `http://127.0.0.1:${port}/status`),
  );
});

test('server.properties is filled in, for one node and for three', () => {
  const node = {
    id: 1,
    host: '10.0.0.1',
    ports: { clients: 9092, inside: 9094, controller: 9093 },
    controllers: ['10.0.0.1:9093'],
    data: '/data/kafka',
  };
  const one = renderKafka({ ...node, nodes: 1 });
  expect(one).not.toContain('{{');
  expect(one).toContain('min.insync.replicas=1\n');
  const three = renderKafka({ ...node, nodes: 3 });
  expect(three).toContain('default.replication.factor=3\n');
  expect(three).toContain('min.insync.replicas=2\n');
  expect(three).toContain('unclean.leader.election.enable=false\n');
});
