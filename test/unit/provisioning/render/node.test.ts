import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { parseYaml } from '#core/config/yaml-file.ts';
import {
  bridgeConfigSchema,
  brokerConfigSchema,
  statsConfigSchema,
} from '#core/contracts/service-config.ts';
import { renderNode } from '../../../../provisioning/render/node.ts';

const ROOT = path.resolve(import.meta.dirname, '../../../..');
const CLUSTER = `
cluster: { name: home, secret: 0123456789abcdef0123 }
vip: 192.168.1.10
nodes:
  - { name: pi1, address: 192.168.1.11 }
  - { name: pi2, address: 192.168.1.12, roles: [broker, bridge] }
  - { name: pi3, address: 192.168.1.13, roles: [balancer] }
  - { name: pi4, address: 192.168.1.14 }
balancer: { stats: { user: admin, password: an-owner-s-password } }
bridge: { toKafka: [{ name: all, filters: ['#'], topic: mqtt }] }
kafka: { bootstrap: ['192.168.1.20:9092'] }
`;

const render = (name: string, text = CLUSTER) =>
  renderNode({
    cluster: parseCluster(text),
    clusterFile: '/etc/bramble/cluster.yaml',
    name,
    by: 'a test',
    natsSyncInterval: false,
  });

let work = '';
beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'bramble-node-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the files of a node', () => {
  test('are those of what it runs', () => {
    const withoutVip = CLUSTER.replace(/^vip:.*$/m, '');
    const names = (node: string) => [...render(node, withoutVip).keys()].sort();
    const engine = ['broker.yaml', 'nats.conf', 'routes-authority.pem', 'routes.pem'];
    const always = ['stats.yaml', 'watchdog.yaml'];
    expect(names('pi1')).toEqual(['balancer.cfg', ...engine, ...always]);
    expect(names('pi2')).toEqual(['bridge.yaml', ...engine, ...always]);
    expect(names('pi3')).toEqual(['balancer.cfg', ...always]);
  });

  test('let balancers and its own node alone tell its broker who a client is, and keep the rest to the machine', () => {
    const broker = parseYaml(render('pi2').get('broker.yaml')!, 'broker.yaml', brokerConfigSchema);
    expect(broker.listen.mqtt).toEqual({
      host: '192.168.1.12',
      port: 11_883,
      proxyProtocol: true,
    });
    expect(broker.listen.health.host).toBe('127.0.0.1');
    expect(broker.nats?.url).toBe('nats://127.0.0.1:4222');
    expect(broker.trusted).toEqual([
      '127.0.0.1',
      '::1',
      '192.168.1.11',
      '192.168.1.13',
      '192.168.1.14',
      '192.168.1.12',
    ]);
    const bridge = parseYaml(render('pi2').get('bridge.yaml')!, 'bridge.yaml', bridgeConfigSchema);
    expect(bridge.health.host).toBe('127.0.0.1');
    // It has no balancer itself.
    expect(bridge.mqtt).toEqual({
      url: 'mqtt://192.168.1.11:1884',
      more: ['mqtt://192.168.1.13:1884', 'mqtt://192.168.1.14:1884'],
    });
    const beside = CLUSTER.replace('[broker, bridge]', '[balancer, broker, bridge]');
    const near = parseYaml(render('pi2', beside).get('bridge.yaml')!, 'b', bridgeConfigSchema);
    expect(near.mqtt).toEqual({ url: 'mqtt://127.0.0.1:1884' });
  });

  test('let its page ask its own services, and of the others their pages', () => {
    const stats = parseYaml(render('pi1').get('stats.yaml')!, 'stats.yaml', statsConfigSchema);
    expect(stats.mqtt).toEqual({ host: '192.168.1.10', port: 1883 });
    expect(stats.nodes.map(({ vitals }) => vitals)).toEqual([
      'local',
      'http://192.168.1.12:80/api/vitals',
      'http://192.168.1.13:80/api/vitals',
      'http://192.168.1.14:80/api/vitals',
    ]);
    expect(stats.nodes[1]).toMatchObject({
      broker: 'http://192.168.1.12:80/api/node/broker',
      nats: 'http://192.168.1.12:80/api/node/nats',
      bridge: 'http://192.168.1.12:80/api/node/bridge',
    });
    expect(stats.nodes.filter(({ bridge }) => bridge).map(({ name }) => name)).toEqual(['pi2']);
    expect(stats.nodes[2]?.broker).toBeUndefined();
    expect(stats.balancers.map(({ status }) => status)).toEqual([
      'http://127.0.0.1:21885/status',
      'http://192.168.1.13:80/api/node/balancer',
      'http://192.168.1.14:80/api/node/balancer',
    ]);
  });

  test('are understood by nats-server and by the balancer, also with IPv6', () => {
    for (const text of [CLUSTER, CLUSTER.replace(/192\.168\.1\.(1\d)/g, 'fd00::$1')]) {
      const files = render('pi1', text);
      const nats = path.join(work, 'nats.conf');
      writeFileSync(nats, files.get('nats.conf')!.replaceAll('/etc/bramble', work));
      for (const name of ['routes.pem', 'routes-authority.pem'])
        writeFileSync(path.join(work, name), files.get(name)!);
      execFileSync('nats-server', ['-t', '-c', nats], { stdio: 'pipe' });
      expect(files.get('nats.conf')).toContain(
        text === CLUSTER ? '@192.168.1.12:6222' : '@[fd00::12]:6222',
      );
      const balancer = path.join(work, 'balancer.cfg');
      writeFileSync(balancer, files.get('balancer.cfg')!);
      execFileSync(path.join(ROOT, 'bin', 'bramble-balancer'), ['-c', '-q', '-f', balancer]);
    }
  });

  test('of a node that is not named are refused, with those that are', () => {
    expect(() => render('pi9')).toThrow(/cluster\.yaml names no node "pi9"/);
  });
});

test('bramble render writes them for their group alone, and says what changed', {
  timeout: 60_000,
}, () => {
  const cluster = path.join(work, 'cluster.yaml');
  writeFileSync(cluster, CLUSTER);
  const run = () =>
    JSON.parse(
      execFileSync(
        path.join(ROOT, 'bin', 'bramble'),
        [
          'render',
          '--cluster',
          cluster,
          '--node',
          'pi1',
          '--out',
          path.join(work, 'etc'),
          '--json',
        ],
        { encoding: 'utf8' },
      ),
    ) as { node: string; files: { file: string; changed: boolean }[] };
  expect(run().files.every(({ changed }) => changed)).toBe(true);
  const again = run().files;
  expect(again.some(({ changed }) => changed)).toBe(false);
  const listed = execFileSync('stat', ['-c', '%a', ...again.map(({ file }) => file)], {
    encoding: 'utf8',
  });
  expect(new Set(listed.trim().split('\n'))).toEqual(new Set(['640']));
});
