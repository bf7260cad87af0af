import { expect, test } from 'vitest';
import { parseYaml } from '#core/config/yaml-file.ts';
import { brokerConfigSchema, statsConfigSchema } from '#core/contracts/service-config.ts';
import { renderAll } from '../../../../provisioning/render/all.ts';
import { natsLogin } from '../../../../provisioning/render/nats.ts';
import { planOf } from '../plan.ts';

const plan = planOf(3);
const files = renderAll(plan);

test('each node has its files, and the cluster the others', () => {
  expect([...files.keys()].sort()).toEqual(
    [
      ...[1, 2, 3].flatMap((n) => [`nats-${n}.conf`, `broker-${n}.yaml`]),
      'balancer.cfg',
      'stats.yaml',
    ].sort(),
  );
});

test('every file says what it is and where to change it', () => {
  for (const text of files.values()) {
    expect(text).toMatch(/^# \S/);
    expect(text).toContain(plan.clusterFile);
    expect(text.endsWith('\n')).toBe(true);
  }
});

test('broker-N.yaml is what the broker reads', () => {
  const config = parseYaml(files.get('broker-2.yaml')!, 'broker-2.yaml', brokerConfigSchema);
  const node = plan.nodes[1]!;
  expect(config.node).toBe('pi2');
  expect(config.listen.mqtt).toEqual({
    host: '127.0.0.1',
    port: node.ports.mqtt,
    proxyProtocol: true,
  });
  expect(config.nats).toEqual({
    url: `nats://127.0.0.1:${node.ports.nats}`,
    ...natsLogin(plan.cluster.cluster.secret, 'client'),
    pidFile: node.pidFile,
  });
});

test('stats.yaml is what the page reads, and names everyone', () => {
  const config = parseYaml(files.get('stats.yaml')!, 'stats.yaml', statsConfigSchema);
  expect(config.nodes.map(({ name }) => name)).toEqual(['pi1', 'pi2', 'pi3']);
  expect(config.supervisor).toBe(`http://127.0.0.1:${plan.ports.supervisorHealth}/status`);
  expect(config.balancers).toHaveLength(1);
  expect(config.mqtt).toEqual({ host: '127.0.0.1', port: plan.ports.mqtt });
});
