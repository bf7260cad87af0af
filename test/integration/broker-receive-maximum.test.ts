import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrokers, type TestBrokers } from '../support/broker.ts';
import { Peer } from '../support/broker-peer.ts';
import { packet, properties, text, uint16 } from '../support/mqtt-bytes.ts';

const PUBLISH_1 = 0x32;
const EXCEEDED = 0x93;

let cluster: TestBrokers;
const peers: Peer[] = [];
beforeAll(async () => {
  cluster = await startBrokers({ count: 1 });
});
afterAll(async () => {
  for (const peer of peers) peer.socket.destroy();
  await cluster?.stop();
});

async function open(version: 4 | 5): Promise<{ peer: Peer; maximum: number }> {
  const peer = await Peer.open(cluster.brokers[0]!.mqttPort);
  peers.push(peer);
  const { properties: told } = await peer.connect({ version });
  return { peer, maximum: Number(told?.receiveMaximum ?? 0) };
}

function publishes(version: 4 | 5, from: number, count: number): Buffer {
  const rest = version === 5 ? [properties()] : [];
  const one = (id: number) => packet(PUBLISH_1, text('much'), uint16(id), ...rest);
  return Buffer.concat(Array.from({ length: count }, (_, i) => one(from + i)));
}

/** While the log does not answer nothing is acknowledged. */
async function withFrozenLog(work: () => Promise<void>): Promise<void> {
  const { process: server } = cluster.brokers[0]!.nats!;
  server.kill('SIGSTOP');
  try {
    await work();
  } finally {
    server.kill('SIGCONT');
  }
}

test('3.3.4: an MQTT 5 client above the Receive Maximum with QoS 1 gets 0x93, one at it does not', async () => {
  const over = await open(5);
  const at = await open(5);
  expect(over.maximum).toBeGreaterThan(0);
  await withFrozenLog(async () => {
    over.peer.raw(publishes(5, 1, over.maximum));
    at.peer.raw(publishes(5, 1, at.maximum));
    await over.peer.expectNothing();
    await at.peer.expectNothing();
    over.peer.raw(publishes(5, over.maximum + 1, 1));
    await over.peer.expectRefusal(EXCEEDED);
  });
  for (let i = 0; i < at.maximum; i++)
    expect((await at.peer.expect('puback')).messageId).toBe(i + 1);
  console.log(`${at.maximum} unacknowledged were taken, one more was not`);
});

test('4.9: each acknowledgement gives room for another one, with an error too', async () => {
  const { peer, maximum } = await open(5);
  for (let round = 0; round < 3; round++) {
    peer.raw(publishes(5, 1, maximum));
    for (let i = 0; i < maximum; i++) await peer.expect('puback');
  }
  for (let i = 0; i < maximum + 10; i++) {
    peer.send({ cmd: 'pubrel', messageId: 7, reasonCode: 0 });
  }
  for (let i = 0; i < maximum + 10; i++)
    expect((await peer.expect('pubcomp')).reasonCode).toBe(0x92);
  // What was never taken is not given back: the maximum holds as before.
  await withFrozenLog(async () => {
    peer.raw(publishes(5, 1, maximum));
    await peer.expectNothing();
    peer.raw(publishes(5, maximum + 1, 1));
    await peer.expectRefusal(EXCEEDED);
  });
});

test('MQTT 3.1.1 knows no such limit: who sends more is read later, and all of it is taken', async () => {
  const { peer } = await open(4);
  const { maximum } = await open(5);
  const count = 2 * maximum + 100;
  await withFrozenLog(async () => {
    peer.raw(publishes(4, 1, count));
    await new Promise((go) => setTimeout(go, 200));
    expect(peer.closed).toBe(false);
    expect(peer.received.slice(1)).toEqual([]);
  });
  for (let i = 0; i < count; i++) expect((await peer.expect('puback')).messageId).toBe(i + 1);
  console.log(`${count} of 3.1.1 acknowledged after the log was back`);
});
