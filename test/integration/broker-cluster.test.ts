import type { IClientOptions, IDisconnectPacket, MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  eventually,
  inbox,
  pause,
  type Received,
  startBrokers,
  type TestBrokers,
} from '../support/broker.ts';

let cluster: TestBrokers;

beforeAll(async () => {
  cluster = await startBrokers({
    count: 2,
    mqtt: '{ anonymous: true, limits: { offline: 2000 } }',
  });
});

afterAll(async () => {
  await cluster?.stop();
});

describe('publish and subscribe across nodes', () => {
  test.each([4, 5] as const)('protocol %i: each subscriber gets each message once', async (v) => {
    const topic = `across/${v}`;
    const options = { protocolVersion: v };
    const here = await cluster.connect(0, options);
    const there = await cluster.connect(1, options);
    const publisher = await cluster.connect(0, options);
    const [a, b] = [inbox(here), inbox(there)];
    await here.subscribeAsync({ [`${topic}/#`]: { qos: 1 } });
    // Overlapping filters: NATS brings the message once a filter, the client gets it once.
    await there.subscribeAsync({ [`${topic}/+`]: { qos: 1 }, [`${topic}/#`]: { qos: 2 } });
    for (let i = 0; i < 300; i++) {
      void publisher.publishAsync(`${topic}/x`, String(i), { qos: (i % 3) as 0 | 1 | 2 });
    }
    await eventually('all arrive', () => a.length >= 300 && b.length >= 300);
    await pause(200);
    expect(a.length).toBe(300);
    expect(b.length).toBe(300);
    for (const qos of [0, 1, 2]) {
      const order = b.map((m) => Number(m.payload)).filter((n) => n % 3 === qos);
      expect(order).toEqual([...order].sort((x, y) => x - y));
    }
  });

  test('what is published elsewhere right after SUBACK arrives, 200 times of 200', async () => {
    const subscriber = await cluster.connect(1);
    const publisher = await cluster.connect(0);
    const got = inbox(subscriber);
    for (let i = 0; i < 200; i++) {
      await subscriber.subscribeAsync(`after-suback/${i}`);
      await publisher.publishAsync(`after-suback/${i}`, 'x');
    }
    await eventually('all arrive', () => got.length === 200);
    console.log(`published right after SUBACK: 200, received: ${got.length}`);
  });

  test('topics with spaces, dots, wildcards of NATS, empty levels and long names', async () => {
    const subscriber = await cluster.connect(1);
    const publisher = await cluster.connect(0);
    const got = inbox(subscriber);
    const topics = [
      'odd/a b',
      'odd/a.b',
      'odd/*',
      'odd/>',
      'odd//x',
      'odd/',
      `odd/${'ü'.repeat(2000)}`,
    ];
    await subscriber.subscribeAsync('odd/#');
    for (const topic of [...topics, 'odd']) await publisher.publishAsync(topic, 'x', { qos: 1 });
    await eventually('all arrive', () => got.length === topics.length + 1);
    expect(got.map((m) => m.topic)).toEqual([...topics, 'odd']);
  });
});

describe('shared subscriptions', () => {
  test('[MQTT-4.8.2-4] each message goes to one member in the cluster, in turn', async () => {
    const options: IClientOptions = { protocolVersion: 5 };
    const members: MqttClient[] = [];
    for (const node of [0, 1, 1]) {
      const member = await cluster.connect(node, options);
      await member.subscribeAsync('$share/g/share/#', { qos: 1 });
      members.push(member);
    }
    const plain = await cluster.connect(1, options);
    await plain.subscribeAsync('share/#', { qos: 1 });
    for (const node of [0, 1]) {
      const publisher = await cluster.connect(node, options);
      for (let i = 0; i < 60; i++)
        await publisher.publishAsync('share/x', `${node}-${i}`, { qos: 1 });
    }
    const all = () => members.flatMap((member) => inbox(member).map((m) => m.payload));
    await eventually('all arrive', () => all().length >= 120 && inbox(plain).length >= 120);
    await pause(100);
    const shares = members.map((member) => inbox(member).length);
    console.log(`shared over two nodes: published 120, members received ${shares.join(' + ')}`);
    expect(new Set(all()).size).toBe(120);
    expect(all().length).toBe(120);
    expect(Math.min(...shares)).toBeGreaterThan(20);
    expect(inbox(plain).length).toBe(120);
    await members[1]!.endAsync();
    await members[2]!.endAsync();
    const publisher = await cluster.connect(1, options);
    await eventually('the last member gets everything', async () => {
      const before = inbox(members[0]!).length;
      for (let i = 0; i < 6; i++) await publisher.publishAsync('share/x', 'y', { qos: 1 });
      await pause(50);
      return inbox(members[0]!).length === before + 6;
    });
  });
});

describe('retained messages', () => {
  test('are seen from every node, and their removal too', async () => {
    const publisher = await cluster.connect(0);
    await publisher.publishAsync('kept/one', 'first', { qos: 1, retain: true });
    for (const node of [0, 1]) {
      const reader = await cluster.connect(node);
      const got = inbox(reader);
      await eventually('the mirror has it', async () => {
        await reader.subscribeAsync('kept/#');
        await pause(50);
        return got.length > 0;
      });
      expect(got[0]).toMatchObject({ topic: 'kept/one', payload: 'first', retain: true });
    }
    await publisher.publishAsync('kept/one', '', { qos: 1, retain: true });
    await eventually('gone on both', async () => {
      const counts = await Promise.all(cluster.brokers.map((b) => b.status()));
      return counts.every((status) => status.retained === 0);
    });
  });
});

test('what was acknowledged on one node is retained on the other at once, 100 times of 100', async () => {
  const publisher = await cluster.connect(0);
  const reader = await cluster.connect(1);
  for (let i = 0; i < 100; i++) {
    await publisher.publishAsync(`at-once/${i}`, 'x', { qos: 1, retain: true });
    await reader.subscribeAsync(`at-once/${i}`);
  }
  await eventually('all are seen', () => inbox(reader).length >= 100, 2_000);
  console.log(
    `subscribed on the other node right after PUBACK: 100, seen: ${inbox(reader).length}`,
  );
  expect(inbox(reader).every((m) => m.retain)).toBe(true);
});

describe('takeover', () => {
  test('a second connection on the other node displaces the first, with 0x8E', async () => {
    const first = await cluster.connect(0, { clientId: 'twin', protocolVersion: 5 });
    const told = new Promise<IDisconnectPacket>((go) => first.once('disconnect', go));
    const closed = new Promise<void>((go) => first.once('close', go));
    const second = await cluster.connect(1, { clientId: 'twin', protocolVersion: 5 });
    expect((await told).reasonCode).toBe(0x8e);
    await closed;
    expect(second.connected).toBe(true);
  });

  test('a persistent session moves with its client: subscriptions, queue and order', async () => {
    const options: IClientOptions = { clientId: 'mover', clean: false };
    const first = await cluster.connect(0, options);
    await first.subscribeAsync(['move/#', 'move2/+'], { qos: 2 });
    await first.endAsync();
    const publisher = await cluster.connect(1);
    for (let i = 0; i < 500; i++) await publisher.publishAsync('move/a', String(i), { qos: 1 });
    let got: { payload: string }[] = [];
    for (const node of [1, 0, 1]) {
      const client = cluster.connect(node, options);
      const opened = await client;
      const box = inbox(opened);
      if (node === 1 && got.length === 0) {
        got = box;
        await eventually('the queue arrives', () => box.length >= 500);
        expect(box.map((m) => Number(m.payload))).toEqual(Array.from({ length: 500 }, (_, i) => i));
      }
      await publisher.publishAsync('move2/x', `live-${node}`, { qos: 2 });
      await eventually('live', () => box.some((m) => m.payload === `live-${node}`));
      expect(box.filter((m) => m.payload === `live-${node}`).length).toBe(1);
      await opened.endAsync();
    }
  });

  test('nothing is lost or doubled while the session moves under load', async () => {
    const options: IClientOptions = { clientId: 'nomad', clean: false };
    const first = await cluster.connect(0, options);
    await first.subscribeAsync('nomad/#', { qos: 1 });
    await first.endAsync();
    const publisher = await cluster.connect(0);
    const boxes: Received[][] = [];
    let sent = 0;
    let going = true;
    const load = (async () => {
      while (going) {
        await publisher.publishAsync('nomad/n', String(sent++), { qos: 1 });
        if (sent % 20 === 0) await pause(1);
      }
    })();
    for (let move = 0; move < 6; move++) {
      const client = await cluster.connect((move + 1) % 2, options);
      boxes.push(inbox(client));
      await pause(150);
      await client.endAsync();
    }
    going = false;
    await load;
    boxes.push(inbox(await cluster.connect(1, options)));
    const numbers = (): number[] => boxes.flat().map((m) => Number(m.payload));
    await eventually('all arrive', () => new Set(numbers()).size >= sent);
    const fresh = boxes.flat().filter((m) => !m.dup);
    console.log(
      `moves: 7, published: ${sent}, received: ${numbers().length}, first time: ${fresh.length}`,
    );
    expect(new Set(numbers()).size).toBe(sent);
    // Only what was on the way when a connection ended may come again, and then says so.
    const firsts = fresh.map((m) => Number(m.payload));
    expect(new Set(firsts).size).toBe(firsts.length);
    expect(firsts).toEqual([...firsts].sort((x, y) => x - y));
  });

  test('a storm of 200 connects of one client id over both nodes leaves exactly one', async () => {
    const clients: MqttClient[] = [];
    const attempts = Array.from({ length: 200 }, async (_, i) => {
      try {
        const client = await cluster.connect(i % 2, { clientId: 'storm', protocolVersion: 5 });
        clients.push(client);
      } catch {
        // Displaced before CONNACK.
      }
    });
    await Promise.allSettled(attempts);
    await pause(500);
    const alive = clients.filter((client) => client.connected);
    console.log(`connects: 200, accepted: ${clients.length}, alive: ${alive.length}`);
    expect(alive.length).toBe(1);
    const got = inbox(alive[0]!);
    await alive[0]!.subscribeAsync('storm/x');
    const publisher = await cluster.connect(0);
    await publisher.publishAsync('storm/x', 'still here', { qos: 1 });
    await eventually('the survivor works', () => got.length === 1);
  });

  test('400 clients at once, half of them twice on both nodes: each is connected exactly once', async () => {
    const ids = Array.from({ length: 400 }, (_, i) => `crowd-${i}`);
    const open: MqttClient[] = [];
    const connects = ids.flatMap((clientId, i) =>
      (i % 2 === 0 ? [0, 1] : [i % 4 === 1 ? 0 : 1]).map(async (node) => {
        try {
          open.push(await cluster.connect(node, { clientId }));
        } catch {
          // Displaced before CONNACK.
        }
      }),
    );
    await Promise.all(connects);
    const alive = (): string[] =>
      open.filter((client) => client.connected).map(({ options }) => options.clientId!);
    await eventually('one each', () => alive().length === ids.length);
    expect(alive().sort()).toEqual([...ids].sort());
    console.log(`${connects.length} connects at once, ${alive().length} clients stay`);
    for (const client of open) client.end(true);
  });
});
