import { afterEach, expect, test } from 'vitest';
import { eventually, inbox, pause, startBrokers, type TestBrokers } from '../support/broker.ts';

let cluster: TestBrokers | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

test('kill -9 of one broker: the other goes on at once, its clients come back anywhere', async () => {
  cluster = await startBrokers({ count: 2 });
  const subscriber = await cluster.connect(1);
  const got = inbox(subscriber);
  await subscriber.subscribeAsync('kill/#', { qos: 1 });
  const publisher = await cluster.connect(1);
  await cluster.connect(0, { clientId: 'orphan', clean: false });
  let sent = 0;
  let slowest = 0;
  const until = performance.now() + 3_000;
  const killed = pause(500).then(() => cluster!.brokers[0]!.kill());
  while (performance.now() < until) {
    const from = performance.now();
    await publisher.publishAsync('kill/x', String(sent++), { qos: 1 });
    slowest = Math.max(slowest, performance.now() - from);
    await pause(2);
  }
  await killed;
  const from = performance.now();
  const back = await cluster.connect(1, { clientId: 'orphan', clean: false });
  const took = performance.now() - from;
  await eventually('all arrive', () => got.length >= sent);
  console.log(
    `kill -9: acknowledged ${sent}, received ${got.length}, slowest ${slowest.toFixed(0)} ms, reconnect ${took.toFixed(0)} ms`,
  );
  expect(got.length).toBe(sent);
  expect(back.connected).toBe(true);
  expect(took).toBeLessThan(3_000);
  await cluster.brokers[0]!.start();
  const again = await cluster.connect(0);
  await again.publishAsync('kill/back', 'x', { qos: 1 });
  await eventually('the node is back in the cluster', () =>
    got.some((m) => m.topic === 'kill/back'),
  );
});

test('a frozen broker delays a reconnect by a bounded time only', async () => {
  cluster = await startBrokers({ count: 2 });
  await cluster.connect(0, { clientId: 'iced', clean: false });
  cluster.brokers[0]!.process!.kill('SIGSTOP');
  const from = performance.now();
  await cluster.connect(1, { clientId: 'iced', clean: false });
  const took = performance.now() - from;
  console.log(`reconnect while the owner is frozen: ${took.toFixed(0)} ms`);
  expect(took).toBeLessThan(4_000);
});

test('retained messages outlive all brokers, and a late node has them', async () => {
  cluster = await startBrokers({ count: 2, startNow: 1 });
  const publisher = await cluster.connect(0);
  for (let i = 0; i < 200; i++) {
    await publisher.publishAsync(`keep/${i}`, `v${i}`, { qos: 1, retain: true });
  }
  await publisher.publishAsync('keep/0', '', { qos: 1, retain: true });
  await cluster.brokers[1]!.start();
  const late = await cluster.connect(1);
  await late.subscribeAsync('keep/+');
  await eventually('the late node has all', () => inbox(late).length === 199);
  await Promise.all(cluster.brokers.map((broker) => broker.kill()));
  await Promise.all(cluster.brokers.map((broker) => broker.start()));
  for (const node of [0, 1]) {
    const reader = await cluster.connect(node);
    await reader.subscribeAsync('keep/+');
    await eventually('all are there again', () => inbox(reader).length === 199);
    expect(inbox(reader).every((m) => m.retain)).toBe(true);
    console.log(
      `retained after a restart of all brokers, node ${node + 1}: ${inbox(reader).length} of 199`,
    );
  }
});

test('nats-server gone or frozen: not ready within three seconds with the reason, ready on its return', async () => {
  cluster = await startBrokers({ count: 1 });
  const [broker] = cluster.brokers;
  const [server] = cluster.natsServers;
  const client = await cluster.connect(0);
  await client.subscribeAsync('local/#');
  for (const [how, stop, go] of [
    ['kill -9', () => server!.kill(), () => server!.restart()],
    [
      'SIGSTOP',
      () => void server!.process.kill('SIGSTOP'),
      () => void server!.process.kill('SIGCONT'),
    ],
  ] as const) {
    const from = performance.now();
    await stop();
    await eventually('not ready', async () => !(await broker!.ready()).ready);
    const took = performance.now() - from;
    console.log(
      `${how}: not ready after ${took.toFixed(0)} ms: ${(await broker!.ready()).reasons.join()}`,
    );
    expect(took).toBeLessThan(6_000);
    expect((await broker!.ready()).reasons.join()).toMatch(/nats-server/);
    expect((await broker!.status()).natsConnected).toBe(false);
    // QoS 0 needs no log; QoS 1 would wait for it.
    await client.publishAsync('local/x', 'still served', { qos: 0 });
    await go();
    await eventually('ready again', async () => (await broker!.ready()).ready, 20_000);
    await client.publishAsync('local/kept', how, { qos: 1, retain: true });
  }
});

test('a retained publish that cannot be stored is not acknowledged', async () => {
  cluster = await startBrokers({ count: 1 });
  const client = await cluster.connect(0, { protocolVersion: 5 });
  await client.publishAsync('store/x', 'x', { qos: 1, retain: true });
  await cluster.natsServers[0]!.kill();
  const outcome = await client
    .publishAsync('store/x', 'y', { qos: 1, retain: true })
    .then(() => 'acknowledged')
    .catch((error: Error & { code?: number }) => `refused ${error.code}`);
  expect(outcome).toBe('refused 131');
});

test('users and rules are read again on SIGHUP; nobody is dropped but those who lost their user', async () => {
  const users = (more: string) =>
    `{ users: [ { name: ada, password: a, acl: [ { topic: "a/#", access: readwrite } ] } ${more} ] }`;
  cluster = await startBrokers({
    count: 1,
    nats: false,
    mqtt: users(', { name: eve, password: e }'),
  });
  const ada = await cluster.connect(0, { username: 'ada', password: 'a', protocolVersion: 5 });
  const eve = await cluster.connect(0, { username: 'eve', password: 'e', protocolVersion: 5 });
  await expect(ada.publishAsync('b/x', 'x', { qos: 1 })).rejects.toThrow();
  await ada.subscribeAsync('a/#');
  await cluster.writeCluster(users(', { name: new, password: n }').replace('a/#', '+/#'));
  cluster.brokers[0]!.process!.kill('SIGHUP');
  await eventually('eve is gone', () => !eve.connected);
  expect(ada.connected).toBe(true);
  await ada.publishAsync('b/x', 'x', { qos: 1 });
  await cluster.connect(0, { username: 'new', password: 'n' });
  await cluster.writeCluster('{ users: [ { nam: x } ] }');
  cluster.brokers[0]!.process!.kill('SIGHUP');
  await eventually('says what is wrong', () =>
    /keeps its old configuration/.test(cluster!.brokers[0]!.output),
  );
  await cluster.connect(0, { username: 'ada', password: 'a' });
});

test('a nats-server that comes back: both nodes see what is retained and published then', async () => {
  cluster = await startBrokers({ count: 2 });
  const [first, sentAway] = [await cluster.connect(0), await cluster.connect(1)];
  await cluster.natsServers[1]!.kill();
  await eventually('node 2 is not ready', async () => !(await cluster!.brokers[1]!.ready()).ready);
  await cluster.natsServers[1]!.restart();
  for (const broker of cluster.brokers) {
    await eventually('ready again', async () => (await broker.ready()).ready, 20_000);
  }
  // Its clients are better served elsewhere while it is without the log.
  expect(sentAway.connected).toBe(false);
  const second = await cluster.connect(1);
  await second.subscribeAsync('live/#', { qos: 1 });
  await eventually(
    'the store takes messages again',
    async () => {
      return first.publishAsync('back/kept', 'x', { qos: 1, retain: true }).then(
        () => true,
        () => false,
      );
    },
    40_000,
  );
  await eventually('routed again', async () => {
    await first.publishAsync('live/x', 'x', { qos: 1 });
    await pause(50);
    return inbox(second).some((m) => m.topic === 'live/x');
  });
  await eventually(
    'mirrored again',
    async () => {
      await second.subscribeAsync('back/+');
      await pause(50);
      return inbox(second).some((m) => m.topic === 'back/kept' && m.retain);
    },
    30_000,
  );
});
