// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mappings' own templates.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import kafkajs from 'kafkajs';
import { clusterParts, startBridges, type TestBridges } from '../support/bridge.ts';
import { eventually, startBrokers, type TestBrokers } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';

/**
 * MQTT QoS 1 → Kafka, acks=all: how fast a backlog drains beside kafkajs alone that writes the same
 * records in the same run, how long a message takes under a steady load, and what memory a bridge
 * has while Kafka is away.
 *
 *   node test/bench/bridge.ts [--nodes 1|3] [--count 100000] [--backlog 1000000]
 *
 * `--count 0`: only the backlog.
 */
const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '1' },
    count: { type: 'string', default: '100000' },
    backlog: { type: 'string', default: '0' },
  },
});
const NODES = values.nodes === '3' ? 3 : 1;
const COUNT = Number(values.count);
const BACKLOG = Number(values.backlog);
const SIZES = [128, 1024];
const PARTITIONS = 3;
const KEYS = 200;
/** What a record has beside its value, bytes, about. */
const HEADERS = 200;
const WINDOW = 2_000;
const STEADY_RATE = 1_000;
const STEADY_SECONDS = 8;
/** As the bridge's own default. */
const BATCH_BYTES = 512 << 10;

const progress = (text: string): void => void process.stderr.write(`${text}\n`);
const row = (what: string, figure: string): void => console.log(`${what.padEnd(52)} ${figure}`);

function mappings(): object {
  const names = [...SIZES.map((size) => `bulk${size}`), 'steady', 'away'];
  return {
    toKafka: names.map((name) => ({
      name,
      filters: [`${name}/#`],
      topic: name,
      key: '${topic.2}',
    })),
  };
}

const kafka: TestKafka = await startKafka({ nodes: NODES });
let cluster: TestBrokers | undefined;
let bridges: TestBridges | undefined;
try {
  cluster = await startBrokers({
    count: 1,
    mqtt: clusterParts(
      '{ anonymous: true }',
      { bootstrap: kafka.bootstrap, topics: { partitions: PARTITIONS } },
      mappings(),
    ),
  });
  bridges = await startBridges(cluster);
  console.log(`MQTT QoS 1 to Kafka with ${NODES} ${NODES === 1 ? 'node' : 'nodes'}, acks=all`);
  if (COUNT > 0) {
    for (const size of SIZES) await drain(cluster, bridges, size);
    await steady(cluster, bridges);
  }
  if (BACKLOG > 0) await away(cluster, bridges);
} finally {
  await bridges?.stop();
  await cluster?.stop();
  await kafka.stop();
}

async function rowOf(all: TestBridges, name: string) {
  return (await all.bridges[0]!.status()).toKafka.find((one) => one.name === name)!;
}

async function publish(on: TestBrokers, topic: string, size: number, count: number) {
  const client = await on.connect(0);
  let left = count;
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const payload = Buffer.alloc(size, 'x');
      payload.writeDoubleBE(Date.now());
      await client.publishAsync(`${topic}/k${sent++ % KEYS}`, payload, { qos: 1 });
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
  client.end(true);
}

/** The bridge starts when all messages are in the log. */
async function drain(on: TestBrokers, all: TestBridges, size: number): Promise<void> {
  const name = `bulk${size}`;
  const bridge = all.bridges[0]!;
  await bridge.kill('SIGTERM');
  progress(`publishing ${COUNT} messages of ${size} bytes`);
  await publish(on, name, size, COUNT);
  await bridge.start();
  // From the first record on: claims and connections are not what is measured.
  await eventually('it begins', async () => (await rowOf(all, name)).delivered > 0, 60_000);
  const first = (await rowOf(all, name)).delivered;
  const began = performance.now();
  await eventually('it ends', async () => (await rowOf(all, name)).delivered >= COUNT, 300_000);
  const bridged = ((COUNT - first) / (performance.now() - began)) * 1000;
  const alone = await kafkajsAlone(name, size);
  row(`${size} B, bridge`, `${Math.round(bridged)} messages/s`);
  row(`${size} B, kafkajs alone, the same records`, `${Math.round(alone)} messages/s`);
  row(`${size} B, ratio`, (bridged / alone).toFixed(2));
}

/** Reads the records that the bridge wrote and writes them again. */
async function kafkajsAlone(topic: string, size: number): Promise<number> {
  const batch = Math.floor(BATCH_BYTES / (size + HEADERS));
  const client = new kafkajs.Kafka({
    brokers: kafka.bootstrap,
    clientId: 'alone',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const records: kafkajs.Message[] = [];
  const consumer = client.consumer({ groupId: `bench-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { key, value, headers = {}, timestamp } of batch.messages) {
        records.push({ key, value, headers, timestamp });
      }
    },
  });
  await eventually('all is read', () => records.length >= COUNT, 120_000);
  await consumer.disconnect();
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({
    topics: [{ topic: `${topic}-alone`, numPartitions: PARTITIONS, replicationFactor: NODES }],
  });
  await admin.disconnect();
  const producer = client.producer({
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  await producer.send({ topic: `${topic}-alone`, messages: records.slice(0, 10) });
  const began = performance.now();
  for (let at = 0; at < COUNT; at += batch) {
    await producer.send({
      topic: `${topic}-alone`,
      acks: -1,
      messages: records.slice(at, at + batch),
    });
  }
  const rate = (COUNT / (performance.now() - began)) * 1000;
  await producer.disconnect();
  return rate;
}

/** From PUBLISH until a consumer has read the record: an upper bound of Kafka's acknowledgement. */
async function steady(on: TestBrokers, all: TestBridges): Promise<void> {
  await publish(on, 'steady', 128, 100);
  await eventually('it runs', async () => (await rowOf(all, 'steady')).delivered >= 100, 60_000);
  const client = new kafkajs.Kafka({
    brokers: kafka.bootstrap,
    clientId: 'steady',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const consumer = client.consumer({
    groupId: 'bench-steady',
    minBytes: 1,
    maxWaitTimeInMs: 1_000,
  });
  const times: number[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: 'steady', fromBeginning: false });
  await consumer.run({
    eachBatch: async ({ batch }) => {
      const now = Date.now();
      for (const { value } of batch.messages) times.push(now - value!.readDoubleBE());
    },
  });
  await sleep(4_000);
  const publisher = await on.connect(0);
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < STEADY_SECONDS * 1000) {
    const due = ((performance.now() - began) / 1000) * STEADY_RATE;
    for (; sent < due; sent++) {
      const payload = Buffer.alloc(128, 'x');
      payload.writeDoubleBE(Date.now());
      publisher.publish(`steady/k${sent % KEYS}`, payload, { qos: 1 });
    }
    await sleep(2);
  }
  await sleep(2_000);
  await consumer.disconnect();
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? Number.NaN;
  row(
    `${STEADY_RATE}/s, PUBLISH to read from Kafka`,
    `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, of ${times.length}`,
  );
}

/** Kafka is away for the whole of a backlog. */
async function away(on: TestBrokers, all: TestBridges): Promise<void> {
  await Promise.all(kafka.nodes.map((node) => node.kill()));
  const bridge = all.bridges[0]!;
  const rss: number[] = [(await bridge.status()).rss >> 20];
  const STEPS = 10;
  for (let step = 0; step < STEPS; step++) {
    await publish(on, 'away', 128, BACKLOG / STEPS);
    rss.push((await bridge.status()).rss >> 20);
    progress(`${((step + 1) * BACKLOG) / STEPS} behind, RSS ${rss.at(-1)} MiB`);
  }
  row(`RSS before, and by each tenth of ${BACKLOG} behind`, `${rss.join(' ')} MiB`);
  await Promise.all(kafka.nodes.map((node) => node.start()));
  let carrying = 0;
  await eventually('it begins', async () => (await rowOf(all, 'away')).delivered > 0, 60_000);
  const began = performance.now();
  await eventually(
    'all is carried',
    async () => {
      await sleep(250);
      carrying = Math.max(carrying, (await bridge.status()).rss >> 20);
      return (await rowOf(all, 'away')).delivered >= BACKLOG;
    },
    600_000,
  );
  const rate = (BACKLOG / (performance.now() - began)) * 1000;
  row('then carried', `${Math.round(rate)} messages/s`);
  row('highest RSS while all of it is carried', `${carrying} MiB`);
}
