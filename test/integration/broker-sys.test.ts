import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mosquitto } from '../bench/mosquitto.ts';
import { eventually, startBrokers, type TestBrokers } from '../support/broker.ts';
import { Peer } from '../support/broker-peer.ts';

/** It publishes its topics every ten seconds, as ours does. */
const PATIENCE = 30_000;

const mosquitto = new Mosquitto();
let cluster: TestBrokers;
const peers: Peer[] = [];
beforeAll(async () => {
  await mosquitto.start();
  cluster = await startBrokers({ count: 1 });
});
afterAll(async () => {
  for (const peer of peers) peer.socket.destroy();
  await mosquitto.close();
  await cluster?.stop();
});

async function open(port: number, options = {}): Promise<Peer> {
  const peer = await Peer.open(port);
  peers.push(peer);
  await peer.connect({ version: 5, ...options });
  return peer;
}

/** What it says of itself, by name; it grows. */
async function listen(port: number): Promise<() => Map<string, string>> {
  const peer = await open(port);
  await peer.subscribe('$SYS/broker/#');
  return () => {
    const values = new Map<string, string>();
    for (const packet of peer.received) {
      if (packet.cmd === 'publish') values.set(packet.topic, String(packet.payload));
    }
    return values;
  };
}

test('every name under which Mosquitto tells of itself is there, with a value of its kind', async () => {
  const theirs = await listen(mosquitto.port);
  const ours = await listen(cluster.brokers[0]!.mqttPort);
  // Some come only with what they count.
  for (const port of [mosquitto.port, cluster.brokers[0]!.mqttPort]) {
    const publisher = await open(port);
    for (let i = 0; i < 10; i++) await publisher.publish('some/topic', 'seven b', { qos: 1 });
  }
  await eventually(
    'the rounds after that',
    () =>
      [theirs, ours].every((one) => Number(one().get('$SYS/broker/publish/bytes/received')) >= 70),
    PATIENCE,
  );
  await eventually('their loads', () => theirs().has('$SYS/broker/load/sockets/1min'), PATIENCE);
  const names = [...theirs().keys()];
  const absent = names.filter((name) => !ours().has(name));
  console.log(`Mosquitto tells ${names.length} things, all but ${absent.length} are told here`);
  expect(names.length).toBeGreaterThan(40);
  expect(absent).toEqual([]);
  for (const name of names) {
    const kind = (value: string) =>
      value.replaceAll(/[0-9.]+/g, '0').replace(/^mosquitto/, 'bramble');
    expect(`${name} ${kind(ours().get(name)!)}`).toBe(`${name} ${kind(theirs().get(name)!)}`);
  }
  // The same was done to both: what only that decides is the same.
  for (const name of ['publish/messages/received', 'publish/bytes/received']) {
    expect(ours().get(`$SYS/broker/${name}`)).toBe(theirs().get(`$SYS/broker/${name}`));
  }
});

test('sessions whose clients stay away are counted when they end', async () => {
  const port = cluster.brokers[0]!.mqttPort;
  for (let i = 0; i < 3; i++) {
    const away = await open(port, {
      clientId: `away-${i}`,
      properties: { sessionExpiryInterval: 1 },
    });
    away.socket.destroy();
  }
  const back = await open(port, { clientId: 'back', properties: { sessionExpiryInterval: 60 } });
  back.socket.destroy();
  const metric = /^bramble_broker_sessions_expired_total\{.*\} 3$/m;
  await eventually(
    'three have ended',
    async () => metric.test(await cluster.brokers[0]!.metrics()),
    PATIENCE,
  );
  const values = await listen(port);
  await eventually(
    'and $SYS tells it',
    () => values().get('$SYS/broker/clients/expired') === '3',
    PATIENCE,
  );
});
