import { expect, test } from 'vitest';
import { parseYaml } from '#core/config/yaml-file.ts';
import { devPortSpan } from '#core/contracts/ports.ts';
import { brokerConfigSchema, statsConfigSchema } from '#core/contracts/service-config.ts';
import { wantedPorts } from '../../../../provisioning/dev/ports.ts';
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
  expect(config.drain).toBe(node.drain);
  expect(config.nats).toEqual({
    url: `nats://127.0.0.1:${node.ports.nats}`,
    ...natsLogin(plan.cluster.cluster.secret, 'client'),
    pidFile: node.pidFile,
    store: node.store,
    listener: natsLogin(plan.cluster.cluster.secret, 'listener'),
    monitor: `http://127.0.0.1:${node.ports.natsMonitor}`,
  });
});

test('mqtt.workers become health ports, the first worker having the old one', () => {
  const more = planOf(2);
  more.cluster.mqtt.workers = 3;
  const text = renderAll(more).get('broker-2.yaml')!;
  const config = parseYaml(text, 'broker-2.yaml', brokerConfigSchema);
  const { ports } = more.nodes[1]!;
  expect(config.listen.health.port).toBe(ports.health);
  expect(config.workerHealth).toEqual(ports.workerHealth);
  const wanted = wantedPorts(more.ports, true, true, 3).map(({ port }) => port);
  expect(wanted).toEqual(expect.arrayContaining([...ports.workerHealth]));
  expect(new Set(wanted).size).toBe(wanted.length);
  expect(Math.max(...wanted)).toBeLessThan(40_000 + devPortSpan(2));
});

test('stats.yaml is what the page reads, and names everyone', () => {
  const config = parseYaml(files.get('stats.yaml')!, 'stats.yaml', statsConfigSchema);
  expect(config.nodes.map(({ name }) => name)).toEqual(['pi1', 'pi2', 'pi3']);
  expect(config.supervisor).toBe(`http://127.0.0.1:${plan.ports.supervisorHealth}/status`);
  expect(config.balancers).toHaveLength(1);
  expect(config.mqtt).toEqual({ host: '127.0.0.1', port: plan.ports.mqtt });
});
