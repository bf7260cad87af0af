import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually, inbox, startBrokers, type TestBrokers } from '../support/broker.ts';

let cluster: TestBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

test('a drained node says so, sends its clients away and loses nothing of theirs', async () => {
  cluster = await startBrokers({ count: 2 });
  const [first, second] = cluster.brokers as [
    (typeof cluster.brokers)[0],
    (typeof cluster.brokers)[0],
  ];
  const session = {
    clean: false,
    clientId: 'porch',
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 600 },
  } as const;
  const subscriber = await cluster.connect(0, session);
  await subscriber.subscribeAsync('door/#', { qos: 1 });
  const packets: number[] = [];
  subscriber.on('packetreceive', (packet) => {
    if (packet.cmd === 'disconnect') packets.push(packet.reasonCode ?? 0);
  });
  const gone = new Promise<void>((resolve) => subscriber.once('close', () => resolve()));

  await mkdir(first.drain);
  await writeFile(join(first.drain, 'watchdog'), '');
  await writeFile(join(first.drain, 'operator'), '');
  await eventually('it is unready', async () => !(await first.ready()).ready);
  expect((await first.ready()).reasons).toEqual(['drained by operator', 'drained by watchdog']);
  expect((await second.ready()).ready).toBe(true);
  await gone;
  expect(packets).toEqual([0x8b]);
  await eventually('nobody is left', async () => (await first.status()).clients === 0);

  const publisher = await cluster.connect(1, { clientId: 'bell' });
  for (let i = 0; i < 50; i++) await publisher.publishAsync('door/bell', `${i}`, { qos: 1 });
  const back = await cluster.connect(1, session);
  const heard = () => inbox(back).map(({ payload }) => payload);
  await eventually('all arrived', () => heard().length >= 50);
  expect(heard()).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));

  // One who asked goes back to work, the other has not.
  await rm(join(first.drain, 'watchdog'));
  await eventually('one is left', async () => (await first.ready()).reasons.length === 1);
  await rm(first.drain, { recursive: true });
  await eventually('it takes clients again', async () => (await first.ready()).ready);
  const again = await cluster.connect(0, { clientId: 'again' });
  await again.publishAsync('door/last', 'x', { qos: 1 });
  await eventually('and serves them', () => heard().includes('x'));
}, 60_000);
