import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, expect, test } from 'vitest';
import { eventually, startBrokers, type TestBrokers } from '../support/broker.ts';

/** Streams that share their work. */
const FAMILIES = ['BRAMBLE_LOG', 'BRAMBLE_SESSIONS'].map((name) =>
  [0, 1, 2].map((shard) => `${name}_${shard}`),
);
const ALL = [...FAMILIES.flat(), 'BRAMBLE_RETAINED'];
const PATIENCE = 60_000;

let cluster: TestBrokers | undefined;
let nats: NatsConnection | undefined;

afterEach(async () => {
  await nats?.close();
  await cluster?.stop();
  cluster = undefined;
  nats = undefined;
});

async function streams(): Promise<StreamInfo[]> {
  if (nats === undefined) {
    const { url, user, password } = cluster!.natsServers.at(-1)!;
    nats = await connect({ servers: url, user, pass: password });
  }
  const manager = await jetstreamManager(nats, { checkAPI: false });
  return Promise.all(ALL.map((name) => manager.streams.info(name)));
}

/** How many servers lead a stream of each family. */
async function leaders(): Promise<number[]> {
  const infos = await streams();
  return FAMILIES.map((names) => {
    const family = infos.filter(({ config }) => names.includes(config.name));
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
