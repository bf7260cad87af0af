import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { renderNode } from '../../provisioning/render/node.ts';
import type { ClusterSnapshot } from '../../services/stats/model/snapshot.ts';
import { eventually } from '../support/broker.ts';
import { canCreateNamespaces, createNetwork, type Network } from '../support/namespaces.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PATIENCE = 60_000;
const LOGIN = { username: 'home', password: 'an-owner-s-password' };

const permitted = canCreateNamespaces();
const children: ChildProcess[] = [];
let work = '';
let network: Network;

beforeAll(async () => {
  if (!permitted) return;
  work = mkdtempSync(path.join(tmpdir(), 'bramble-nodes-'));
  network = createNetwork(3);
  const nodes = network.nodes.map(
    ({ clusterAddress }, i) => `  - { name: pi${i + 1}, address: ${clusterAddress} }`,
  );
  const clusterFile = path.join(work, 'cluster.yaml');
  const text = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes:
${nodes.join('\n')}
mqtt: { users: [{ name: ${LOGIN.username}, password: ${LOGIN.password} }] }
`;
  writeFileSync(clusterFile, text);
  for (const i of network.nodes.keys()) await startNode(i, text, clusterFile);
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(
    children.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'exit')),
  );
  network?.remove();
  if (work !== '') rmSync(work, { recursive: true, force: true });
});

/** Everything that a Pi runs, from the files that it would have. */
async function startNode(index: number, text: string, clusterFile: string): Promise<void> {
  const own = path.join(work, `pi${index + 1}`);
  await mkdir(own);
  const files = renderNode({
    cluster: parseCluster(text),
    clusterFile,
    name: `pi${index + 1}`,
    by: 'a test',
    natsSyncInterval: false,
  });
  for (const [name, content] of files) {
    // A Pi's own directories are not this machine's.
    const moved = ['/var/lib/bramble', '/run/bramble', '/etc/bramble'].reduce(
      (text, directory) => text.replaceAll(directory, own),
      content,
    );
    writeFileSync(path.join(own, name), moved);
  }
  const { namespace } = network.nodes[index]!;
  const run = (command: string, ...args: string[]): void => {
    const inside = ['netns', 'exec', namespace, command, ...args];
    const env = { ...process.env, BRAMBLE_HEALTH: '127.0.0.1:21885' };
    children.push(spawn('ip', inside, { env, stdio: 'ignore' }));
  };
  const service = (name: string, ...args: string[]): void =>
    run(process.execPath, path.join(ROOT, 'services', name, 'main.ts'), ...args);
  run('nats-server', '-c', path.join(own, 'nats.conf'));
  service('broker', '--config', path.join(own, 'broker.yaml'));
  service('balancer', '-db', '-f', path.join(own, 'balancer.cfg'));
  service('stats', '--config', path.join(own, 'stats.yaml'));
  await mkdir(path.join(own, 'watchdog'));
  service('watchdog', '--config', path.join(own, 'watchdog.yaml'));
}

const addressOf = (index: number): string => network.nodes[index]!.clientAddress;

const connect = (index: number) =>
  mqtt.connectAsync(`mqtt://${addressOf(index)}:1883`, { ...LOGIN, reconnectPeriod: 500 });

test.runIf(permitted)(
  'three nodes with the files rendered for each are one cluster, and each page shows all',
  async () => {
    await eventually(
      'every node takes clients',
      async () => {
        const attempts = network.nodes.map(async (_, index) => (await connect(index)).endAsync());
        return (await Promise.allSettled(attempts)).every(({ status }) => status === 'fulfilled');
      },
      PATIENCE,
    );
    const subscriber = await connect(2);
    const received: string[] = [];
    subscriber.on('message', (_topic, payload) => received.push(String(payload)));
    await subscriber.subscribeAsync('house/#', { qos: 2 });
    const publisher = await connect(0);
    const sent = Array.from({ length: 30 }, (_, i) => String(i));
    for (const text of sent) await publisher.publishAsync('house/hall', text, { qos: 1 });
    await eventually('all arrive', () => received.length >= sent.length, PATIENCE);
    expect(received).toEqual(sent);
    await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
    for (const index of network.nodes.keys()) {
      let seen: ClusterSnapshot | undefined;
      await eventually(
        `the page of pi${index + 1}`,
        async () => {
          seen = (await (
            await fetch(`http://${addressOf(index)}/api/cluster`)
          ).json()) as ClusterSnapshot;
          return seen.nodes.every(
            ({ vitals, broker, nats, watchdog }) =>
              vitals.state === 'fresh' &&
              broker?.status.state === 'fresh' &&
              nats?.state === 'fresh' &&
              watchdog?.state === 'fresh' &&
              watchdog.value.services.every(({ state }) => state === 'up'),
          );
        },
        PATIENCE,
      );
      expect(seen?.balancers.map(({ node, status }) => [node, status.state])).toEqual([
        ['pi1', 'fresh'],
        ['pi2', 'fresh'],
        ['pi3', 'fresh'],
      ]);
    }
  },
);

test.runIf(permitted)('what is for the machine alone is not reached from outside', async () => {
  for (const port of [4222, 8222, 21_885, 21_886, 21_890]) {
    await expect(fetch(`http://${addressOf(0)}:${port}/`), `port ${port}`).rejects.toThrow();
  }
});
