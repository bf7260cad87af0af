import { setTimeout as wait } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../support/accounting.ts';
import { eventually } from '../support/broker.ts';
import { Publisher, Subscriber } from './lab/clients.ts';
import { LOGIN } from './lab/config.ts';
import { type Lab, lab } from './lab/lab.ts';
import type { VirtualPi } from './lab/virtual-pi.ts';
import { configureWatchdog, problemsOf, watchdogOf } from './lab/watchdogs.ts';

/** The watchdog's times are a fifth of what an owner has. */
const PACE = 'pace: 0.2\ninterval: 1000';
const EVERY = 20;
const STEADY = 3_000;
const FULL = 20_000;
const PATIENCE = 240_000;
const LONGEST = 600_000;
/** MQTT 5, 2.4: reason codes of a PUBACK from here on are refusals. */
const REFUSED = 0x80;

let home: Lab;

beforeAll(async () => {
  home = await lab(3, { probe: 50 });
  for (const pi of home.pis) await configureWatchdog(pi, PACE);
});
afterAll(() => home?.[Symbol.asyncDispose]());

/** Publishers and a subscriber around what happens; resolves with their books. */
async function throughout(name: string, happens: () => Promise<void>) {
  const subscriber = new Subscriber(home.vip, `${name}-subscriber`);
  const publishers = [0, 1, 2].map((i) => new Publisher(home.vip, `${name}-publisher-${i}`));
  try {
    await subscriber.subscribe();
    await Promise.all(publishers.map((publisher) => publisher.connected()));
    for (const publisher of publishers) publisher.begin(EVERY);
    await wait(STEADY);
    await happens();
    for (const publisher of publishers) publisher.stop();
    const answered = () => publishers.every((publisher) => publisher.allAnswered);
    await eventually('all is answered', answered, PATIENCE).catch((error: unknown) => {
      const open = publishers.map(({ books, refused, mqtt: { connected } }) => {
        const { topic, made, acknowledged } = books;
        return `${topic}: ${made} published, ${acknowledged.size} acknowledged, ${refused} refused, ${connected ? 'connected' : 'away'}`;
      });
      throw new Error(`${error}; ${open.join('; ')}`);
    });
    const topics = publishers.map((publisher) => publisher.books);
    const complete = () =>
      topics.every(({ topic, acknowledged }) => subscriber.count(topic) >= acknowledged.size);
    await eventually('all has come', complete, PATIENCE).catch(() => undefined);
    const books = audit(topics, [subscriber.books]);
    const refused = publishers.reduce((sum, publisher) => sum + publisher.refused, 0);
    const { published, acknowledged, received, lost } = books;
    console.log(
      `${name}: ${published} published, ${acknowledged} acknowledged, ${refused} refused, ${received} received, ${lost} lost`,
    );
    expect(lost, books.examples.join('\n')).toBe(0);
    expect(books.invented).toBe(0);
    expect(acknowledged + refused).toBe(published);
    return { ...books, refused };
  } finally {
    await Promise.all([subscriber, ...publishers].map((client) => client.close()));
  }
}

async function mended(pis: readonly VirtualPi[]): Promise<void> {
  const from = performance.now();
  for (const pi of pis) {
    const well = async (): Promise<boolean> =>
      (await watchdogOf(pi))?.services.every(({ state }) => state === 'up') === true &&
      (await pi.exec('/opt/bramble/current/bin/bramble', 'node', 'gate', '--wait=1').then(
        () => true,
        () => false,
      ));
    await eventually(`${pi.name} is mended`, well, PATIENCE).catch(async (error: unknown) => {
      console.error(JSON.stringify(await watchdogOf(pi)));
      console.error(await pi.journal('bramble-nats', '-n', '30'));
      throw error;
    });
  }
  console.log(`mended ${((performance.now() - from) / 1000).toFixed(0)} s after there was room`);
}

test(
  'the disk of one node full: nothing acknowledged is lost, and it is mended after',
  async () => {
    await home.allFit();
    const node = home.pis.find((pi) => pi !== home.owner())!;
    const books = await throughout('one', async () => {
      await node.diskFull();
      await wait(FULL);
      const told = async () => (await problemsOf(home.owner())).some((text) => /full/.test(text));
      await eventually('the page tells', told, PATIENCE);
      await node.diskFree();
    });
    expect(books.acknowledged).toBeGreaterThan(0);
    await mended([node]);
  },
  LONGEST,
);

test(
  'all disks full: messages are refused with a reason, and taken again after',
  async () => {
    await home.allFit();
    const login = { ...LOGIN, protocolVersion: 5 } as const;
    let client: MqttClient | undefined;
    try {
      client = await mqtt.connectAsync(`mqtt://${home.vip}:1883`, login);
      await client.publishAsync('house/kept', 'still here', { qos: 1, retain: true });
      await client.endAsync(true);
      await throughout('all', async () => {
        await Promise.all(home.pis.map((pi) => pi.diskFull()));
        await wait(FULL);
        const code = await reasonOf(home.vip);
        console.log(`with all disks full: ${code}`);
        expect(code).toMatch(/refused with 0x97|no connection/);
        await Promise.all(home.pis.map((pi) => pi.diskFree()));
        await mended(home.pis);
        client = await mqtt.connectAsync(`mqtt://${home.vip}:1883`, login);
        const puback = await client.publishAsync('house/again', 'x', { qos: 1 });
        expect((puback as { reasonCode?: number } | undefined)?.reasonCode ?? 0).toBeLessThan(
          REFUSED,
        );
        const kept: string[] = [];
        client.on('message', (_topic, payload) => kept.push(payload.toString()));
        await client.subscribeAsync('house/kept', { qos: 1 });
        await eventually('the retained message comes', () => kept.length > 0, PATIENCE);
        expect(kept).toEqual(['still here']);
      });
    } finally {
      await client?.endAsync(true);
    }
    expect(home.prober.counts(Date.now() - STEADY).answered).toBeGreaterThan(0);
  },
  LONGEST,
);

/** What a client is told that publishes now. */
async function reasonOf(host: string): Promise<string> {
  const client = mqtt.connect(`mqtt://${host}:1883`, {
    ...LOGIN,
    protocolVersion: 5,
    reconnectPeriod: 0,
    connectTimeout: 10_000,
  });
  client.on('error', () => undefined);
  try {
    return await new Promise<string>((resolve) => {
      client.once('close', () => resolve('no connection'));
      client.once('connect', () => {
        client.publish('house/full', 'x', { qos: 1 }, (error) => {
          const code = (error as { code?: number } | undefined)?.code;
          resolve(error ? `refused with 0x${code?.toString(16)}: ${error.message}` : 'taken');
        });
      });
      setTimeout(() => resolve('no answer'), 30_000);
    });
  } finally {
    await client.endAsync(true);
  }
}
