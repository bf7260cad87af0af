import { writeFile } from 'node:fs/promises';
import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, expect, test } from 'vitest';
import { Bus } from '#core/jetstream/bus.ts';
import { StreamCare } from '../../services/broker/store/stream-care.ts';
import { createLog } from '../../services/core/log.ts';
import { eventually, inbox, startBrokers, type TestBrokers } from '../support/broker.ts';
import { type NatsServer, startNats } from '../support/nats.ts';

/** Streams that share their work. */
const FAMILIES = ['BRAMBLE_LOG', 'BRAMBLE_SESSIONS'].map((name) =>
  [0, 1, 2].map((shard) => `${name}_${shard}`),
);
const ALL = [...FAMILIES.flat(), 'BRAMBLE_RETAINED'];
const PATIENCE = 60_000;
const SESSION = { protocolVersion: 5, clean: false, clientId: 'away' } as const;
const STAYS = { ...SESSION, properties: { sessionExpiryInterval: 3_600 } };

let cluster: TestBrokers | undefined;
let nats: NatsConnection | undefined;
const endings: (() => unknown)[] = [];

afterEach(async () => {
  await nats?.close();
  for (const end of endings.splice(0).reverse()) await end();
  await cluster?.stop();
  cluster = undefined;
  nats = undefined;
});

async function infos(names: readonly string[], server: NatsServer): Promise<StreamInfo[]> {
  nats ??= await connect({ servers: server.url, user: server.user, pass: server.password });
  const manager = await jetstreamManager(nats, { checkAPI: false });
  return Promise.all(names.map((name) => manager.streams.info(name)));
}

/** How many servers lead a stream of each family. */
async function leaders(): Promise<number[]> {
  const streams = await infos(ALL, cluster!.natsServers[2]!);
  return FAMILIES.map((names) => {
    const family = streams.filter(({ config }) => names.includes(config.name));
    return new Set(family.map((info) => info.cluster?.leader)).size;
  });
}

test('soon after the first start the leaders stand on three servers', async () => {
  cluster = await startBrokers({ count: 3 });
  const began = performance.now();
  const first = await leaders();
  await eventually('spread', async () => String(await leaders()) === '3,3', PATIENCE);
  const took = Math.round(performance.now() - began);
  console.log(`servers that lead at first ${first.join()}, on three each after ${took} ms`);
});

test('leaders that stand on one server are spread, and stay when they are', async () => {
  const { servers, stop } = await startNats(3);
  endings.push(stop);
  const { url, user, password } = servers[0]!;
  const log = createLog({ service: 'care', node: 'n1', level: 'silent' });
  const bus = new Bus({ url, user, password, name: 'n1', log });
  endings.push(() => bus.close());
  await bus.start(AbortSignal.timeout(PATIENCE));
  const names = ['CARE_0', 'CARE_1', 'CARE_2'];
  const manager = await jetstreamManager(bus.nats);
  for (const name of names) await manager.streams.add({ name, subjects: [name], num_replicas: 3 });
  const led = async (): Promise<(string | undefined)[]> =>
    (await infos(names, servers[1]!)).map((info) => info.cluster?.leader);
  const stepDown = (name: string) =>
    bus.nats.request(`$JS.API.STREAM.LEADER.STEPDOWN.${name}`, '', { timeout: 5_000 });
  await eventually(
    'leaders',
    async () => (await led()).every((leader) => leader !== undefined),
    PATIENCE,
  );
  const home = (await led())[0];
  await eventually(
    'one server leads all',
    async () => {
      const now = await led();
      const other = now.findIndex((leader) => leader !== home);
      if (other >= 0 && now[other] !== undefined) await stepDown(names[other]!);
      return now.every((leader) => leader === home);
    },
    PATIENCE,
  );
  let responsible = false;
  const care = new StreamCare({
    bus,
    families: [{ names }],
    nodes: () => 3,
    responsible: () => responsible,
    log,
    soon: 200,
  });
  endings.push(() => care.close());
  await care.start();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(new Set(await led()).size, 'nobody else moves leaders').toBe(1);
  responsible = true;
  const began = performance.now();
  let spread: (string | undefined)[] = [];
  await eventually(
    'three leaders',
    async () => {
      // A stream whose leader moves does not always answer in time.
      spread = await led().catch(() => []);
      return new Set(spread).size === 3 && !spread.includes(undefined);
    },
    PATIENCE,
  );
  console.log(`spread after ${Math.round(performance.now() - began)} ms`);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await led(), 'no more moves').toEqual(spread);
});

test('one node in cluster.yaml becomes three, without a restart', async () => {
  cluster = await startBrokers({ count: 3, startNow: 0 });
  const list = (count: number): Promise<void> => {
    const nodes = Array.from({ length: count }, (_, i) => `{name: pi${i + 1}, address: 127.0.0.1}`);
    const text = `cluster: { name: test, secret: 0123456789abcdef }\nnodes: [${nodes.join()}]\nmqtt: { anonymous: true }\n`;
    return writeFile(cluster!.clusterFile, text);
  };
  await list(1);
  const [first, second, third] = cluster.brokers;
  await first!.start();
  const replicas = async (): Promise<number[]> =>
    (await infos(ALL, cluster!.natsServers[0]!)).map(({ config }) => config.num_replicas);
  expect(await replicas()).toEqual(ALL.map(() => 1));
  const away = await cluster.connect(0, STAYS);
  await away.subscribeAsync('kept/#', { qos: 2 });
  await away.endAsync();
  const publisher = await cluster.connect(0);
  await publisher.publishAsync('state', 'retained', { qos: 1, retain: true });
  for (let i = 0; i < 100; i++) await publisher.publishAsync(`kept/${i}`, `${i}`, { qos: 1 });

  await list(3);
  await Promise.all([second!.start(), third!.start()]);
  const { pid } = first!.process!;
  first!.process!.kill('SIGHUP');
  await eventually(
    'three replicas, up to date, led from three servers',
    async () => {
      // While a stream grows it may be without a leader for a moment, and nobody answers.
      const streams = await infos(ALL, cluster!.natsServers[0]!).catch(() => undefined);
      if (streams === undefined) return false;
      const current = streams.every(
        (info) =>
          info.config.num_replicas === 3 &&
          info.cluster?.replicas?.filter((replica) => replica.current).length === 2,
      );
      return current && String(await leaders()) === '3,3';
    },
    PATIENCE,
  );
  expect(first!.process?.pid).toBe(pid);
  expect(first!.process?.exitCode).toBeNull();
  await first!.kill();
  await cluster.natsServers[0]!.kill();
  const back = await cluster.connect(1, STAYS);
  await eventually('all that waited', () => inbox(back).length === 100, PATIENCE);
  const reader = await cluster.connect(2);
  await reader.subscribeAsync('state');
  await eventually('retained', () => inbox(reader).some(({ retain }) => retain), PATIENCE);
  console.log(
    `after growth and the first node's death: ${inbox(back).length}/100 and the retained one`,
  );
});
