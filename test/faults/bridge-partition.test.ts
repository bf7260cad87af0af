// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BRIDGE_STREAM, type BridgeStatus, bridgeStatusSchema } from '#core/contracts/bridge.ts';
import { registerStreams } from '#core/jetstream/register-store.ts';
import { BRIDGE_LIMITS } from '../../provisioning/dev/specs.ts';
import { clusterParts, Publisher } from '../support/bridge.ts';
import { eventually, pause } from '../support/broker.ts';
import { ClusterLab } from '../support/cluster-lab.ts';
import { LabProcess } from '../support/faults/lab-process.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { auditRecords, readTopic, staleKeys } from '../support/kafka/read.ts';
import { canCreateNamespaces } from '../support/namespaces.ts';
import { freePorts } from '../support/ports.ts';
import { seconds } from './duration.ts';
import { report } from './report.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const START = 300_000;
const RATE = 300;
const HEALTH_PORT = 11_090;
/** What a hand-over may take, milliseconds. */
const HAND_OVER = 5_000;

interface LabBridge {
  readonly index: number;
  readonly process: LabProcess;
  status(): Promise<BridgeStatus>;
}

/** Three nodes with a broker each and bridges on two of them, each in a namespace of its own. */
describe.runIf(canCreateNamespaces())('a bridge is cut off', () => {
  let folder: string;
  let lab: ClusterLab;
  let kafka: TestKafka;
  let bridges: LabBridge[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'bramble-cut-'));
    const [port] = await freePorts(1);
    lab = await ClusterLab.start({
      namespaces: true,
      mqtt: (door) =>
        clusterParts(
          '{ anonymous: true }',
          { bootstrap: [`${door}:${port}`], topics: { partitions: 3 } },
          {
            toKafka: ['nodes', 'all'].map((name) => ({
              name,
              filters: [`${name}/#`],
              topic: name,
              key: '${topic.2}',
            })),
          },
        ),
    });
    kafka = await startKafka({ host: lab.network!.door, ports: [port!] });
    bridges = await Promise.all([0, 1].map(startBridge));
  }, START);

  afterAll(async () => {
    await Promise.all(bridges.map(({ process }) => process.kill('SIGKILL')));
    await lab?.stop();
    await kafka?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const startBridge = async (index: number): Promise<LabBridge> => {
    const { name: node, host, port } = lab.nodes[index]!;
    const file = path.join(folder, `bridge-${index}.yaml`);
    await writeFile(
      file,
      JSON.stringify({
        node,
        cluster: lab.clusterFile,
        health: { host, port: HEALTH_PORT },
        nats: { url: 'nats://127.0.0.1:4222', user: 'test', password: 'test-secret' },
        mqtt: { url: `mqtt://${host}:${port}` },
      }),
    );
    const process = new LabProcess(
      [path.join(ROOT, 'bin/node'), ...BRIDGE_LIMITS, 'services/bridge/main.ts', '--config', file],
      { cwd: ROOT, namespace: lab.network!.nodes[index]!.namespace },
    );
    process.start();
    const bridge: LabBridge = {
      index,
      process,
      async status() {
        const answer = await fetch(`http://${host}:${HEALTH_PORT}/status`, {
          signal: AbortSignal.timeout(1_000),
        });
        return bridgeStatusSchema.parse(await answer.json());
      },
    };
    await eventually(
      'a bridge answers',
      () =>
        bridge.status().then(
          ({ ready }) => ready,
          () => false,
        ),
      60_000,
    );
    return bridge;
  };

  const rowOf = async (bridge: LabBridge, name: string) =>
    (await bridge.status()).toKafka.find((row) => row.name === name)!;

  const ownerOf = async (name: string): Promise<LabBridge> => {
    let owner: LabBridge | undefined;
    await eventually(
      'one carries',
      async () => {
        for (const bridge of bridges) {
          if ((await rowOf(bridge, name)).state === 'carrying') owner = bridge;
        }
        return owner !== undefined;
      },
      20_000,
    );
    return owner!;
  };

  for (const [from, whom] of [
    ['nodes', 'the other nodes, while it reaches Kafka'],
    ['all', 'everybody'],
  ] as const) {
    test(`from ${whom}`, async (context) => {
      const { host, port } = lab.nodes[2]!;
      const client = await mqtt.connectAsync(`mqtt://${host}:${port}`, { protocolVersion: 5 });
      const publisher = new Publisher(client, { topic: from });
      publisher.startLoad(RATE);
      await pause(3_000);
      const owner = await ownerOf(from);
      const other = bridges.find((bridge) => bridge !== owner)!;
      // Of the streams that keep the claims, one may lose its leader. The brokers see to it that no
      // node leads more of them, which takes them a while after the last partition.
      let led = 0;
      await eventually(
        'its node leads one of the claims at most',
        async () => {
          const known = await lab.nodes[2]!.leaders();
          const leaders = registerStreams(BRIDGE_STREAM).map((name) => known.get(name));
          led = leaders.filter((name) => name === lab.nodes[owner.index]!.name).length;
          return !leaders.includes(undefined) && led <= 1;
        },
        120_000,
      );
      lab.network!.cut(owner.index, from);
      const began = performance.now();
      await eventually(
        'the other takes over',
        async () => (await rowOf(other, from)).state === 'carrying',
        60_000,
      );
      const took = performance.now() - began;
      await pause(seconds(6, 20));
      lab.network!.heal(owner.index);
      await pause(8_000);
      await publisher.stopLoad();
      client.end(true);
      const { acknowledged } = publisher;
      let found = await readTopic(kafka.bootstrap, from);
      await eventually(
        'all is in Kafka',
        async () => {
          found = await readTopic(kafka.bootstrap, from);
          return auditRecords(acknowledged, found).missing.length === 0;
        },
        60_000,
      ).catch(() => {});
      const audit = auditRecords(acknowledged, found);
      report(context, {
        acknowledged: `${acknowledged.length}/${publisher.sent}`,
        received: found.length,
        repeated: audit.copies,
        lost: audit.missing.length,
        disorder: audit.disordered,
        note: `taken over after ${Math.round(took)} ms, ${led} of the claims' streams without leader`,
      });
      expect(acknowledged.length).toBeGreaterThan(RATE);
      expect(audit.missing).toEqual([]);
      expect(audit.disordered).toBe(0);
      expect(staleKeys(found)).toEqual([]);
      expect(took).toBeLessThan(HAND_OVER);
    }, 300_000);
  }
});
