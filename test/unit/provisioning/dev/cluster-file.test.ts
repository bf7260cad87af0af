import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import {
  newClusterYaml,
  ownClusterFile,
  withChanges,
  withNodes,
} from '../../../../provisioning/dev/cluster-file.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-cluster-'));
  file = path.join(dir, 'cluster.yaml');
});
afterEach(() => rmSync(dir, { recursive: true }));

const names = (text: string) => parseCluster(text).nodes.map(({ name }) => name);

test('a first run writes a valid file that only its owner can read', () => {
  const { cluster, note } = ownClusterFile(file, undefined);
  expect(cluster.nodes.map(({ name }) => name)).toEqual(['pi1', 'pi2']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(note).toContain(file);
  expect(cluster.mqtt.users).toMatchObject([{ name: 'bramble', admin: true }]);
});

test('no two files share a credential', () => {
  const secrets = [1, 2].flatMap(() => {
    const { cluster, mqtt, balancer } = parseCluster(newClusterYaml(1));
    return [cluster.secret, mqtt.users[0]!.password, balancer.stats!.password];
  });
  expect(new Set(secrets).size).toBe(6);
});

test('a later run uses the file as it is', () => {
  ownClusterFile(file, 3);
  const before = readFileSync(file, 'utf8');
  const { cluster, note } = ownClusterFile(file, undefined);
  expect(cluster.nodes).toHaveLength(3);
  expect(note).toBeUndefined();
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test('another number of nodes changes the list of nodes alone, and says so', () => {
  const { cluster: before } = ownClusterFile(file, 2);
  writeFileSync(file, `${readFileSync(file, 'utf8')}# mine\n`);
  const { cluster: after, note } = ownClusterFile(file, 4);
  expect(after.nodes.map(({ name }) => name)).toEqual(['pi1', 'pi2', 'pi3', 'pi4']);
  expect({ ...after, nodes: [] }).toEqual({ ...before, nodes: [] });
  expect(note).toContain('had 2 nodes, now 4');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain('# mine');
  expect(text).toContain('# MQTT clients log in as one of these');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('nodes keep their names when the list grows or shrinks', () => {
  const text = newClusterYaml(3).replace('pi2', 'kitchen');
  expect(names(withNodes(text, 1))).toEqual(['pi1']);
  expect(names(withNodes(text, 2))).toEqual(['pi1', 'kitchen']);
  expect(names(withNodes(text, 5))).toEqual(['pi1', 'kitchen', 'pi3', 'pi2', 'pi4']);
});

test('anonymous access is added to a copy, whatever stood there', () => {
  const base =
    'cluster: { name: a, secret: 0123456789abcdef }\nnodes: [{ name: a, address: 10.0.0.1 }]\n';
  for (const mqtt of ['', 'mqtt: {}\n', 'mqtt:\n  anonymous: false # never\n']) {
    const changes = { anonymous: true, kafka: undefined };
    expect(parseCluster(withChanges(base + mqtt, '/home', changes)).mqtt.anonymous).toBe(true);
  }
});

test('a Kafka of its own takes the place of the one that is named; mappings stay', () => {
  const base =
    'cluster: { name: a, secret: 0123456789abcdef }\nnodes: [{ name: a, address: 10.0.0.1 }]\n';
  const changes = { anonymous: false, kafka: '127.0.0.1:9092' };
  const bare = parseCluster(withChanges(base, '/home', changes));
  expect(bare.kafka?.bootstrap).toEqual(['127.0.0.1:9092']);
  expect(bare.bridge?.toKafka).toMatchObject([{ filters: ['#'], qos: 0 }]);
  const own = `${base}kafka: { bootstrap: ['k:1'], sasl: { mechanism: plain, user: u, password: p } }
bridge: { toKafka: [{ name: mine, filters: [x], topic: y }] }\n`;
  const changed = parseCluster(withChanges(own, '/home', changes));
  expect(changed.kafka).toMatchObject({ bootstrap: ['127.0.0.1:9092'] });
  expect(changed.kafka?.sasl).toBeUndefined();
  expect(changed.bridge?.toKafka.map(({ name }) => name)).toEqual(['mine']);
});

test('errors of the owner are told with their place', () => {
  writeFileSync(file, newClusterYaml(2).replace('admin: true', 'admim: true'));
  expect(() => ownClusterFile(file, 3)).toThrow(
    /cluster\.yaml:\d+:\d+: unknown key .*did you mean "admin"/,
  );
});
