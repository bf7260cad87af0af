import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';

/** Where a machine's MQTT is, and who may use it; empty where anybody may. */
export interface Door {
  port: number;
  username: string;
  password: string;
}

/** Of one conversation, milliseconds. */
const LIMIT = 30_000;

/** Connects once, and rejects when it comes to nothing: what tries again is the caller. */
export async function talk<T>(
  { port, username, password }: Door,
  act: (client: MqttClient) => Promise<T>,
  limit = LIMIT,
): Promise<T> {
  const client = await connectAsync(
    `mqtt://127.0.0.1:${port}`,
    // QEMU takes a connection that nobody in the machine takes, and says nothing.
    { username, password, protocolVersion: 5, reconnectPeriod: 0, connectTimeout: LIMIT },
    false,
  );
  const { promise: broken, reject } = Promise.withResolvers<never>();
  const late = setTimeout(() => reject(new Error('no answer over MQTT')), limit);
  client.on('error', reject);
  client.once('close', () => reject(new Error('MQTT: closed')));
  try {
    return await Promise.race([act(client), broken]);
  } finally {
    clearTimeout(late);
    client.end(true);
  }
}

/** A message goes to the broker and comes back. */
export async function roundTrip(door: Door): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const came = await talk(door, async (client) => {
    client.once('message', (_, body) => resolve(`${body}`));
    await client.subscribeAsync('attic/door', { qos: 1 });
    await client.publishAsync('attic/door', 'open', { qos: 1 });
    return promise;
  });
  if (came !== 'open') throw new Error(`another message came back: ${came}`);
}

const TOPICS = 16;
const topicOf = (number: number): string => `attic/count/${number % TOPICS}`;
/** From one acknowledgement to the next message, milliseconds. */
const PACE = 100;
const HOURS = 6 * 3_600_000;

/**
 * Retained messages with rising numbers, and what became of them. The numbers go on over cuts of
 * the power.
 */
export class Ledger {
  #number = 0;
  readonly #acknowledged: number[] = [];

  /**
   * Publishes with QoS 1, one after the other, until the connection breaks, or `end` comes. Never
   * rejects.
   */
  async publish(door: Door, end?: AbortSignal): Promise<void> {
    const act = async (client: MqttClient): Promise<void> => {
      while (end?.aborted !== true) {
        const number = ++this.#number;
        await client.publishAsync(topicOf(number), `${number}`, { qos: 1, retain: true });
        this.#acknowledged.push(number);
        await sleep(PACE);
      }
    };
    await talk(door, act, HOURS).catch(() => {});
  }

  /** How many have been acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /**
   * Which of the first `count` acknowledged ones are not there: a topic's retained message may be
   * none that is older than the last acknowledged one.
   */
  async missing(door: Door, count: number): Promise<number[]> {
    const due = this.#acknowledged.slice(0, count);
    const latest = new Map(due.map((number) => [topicOf(number), number]));
    const there = new Map<string, number>();
    const { promise, resolve } = Promise.withResolvers<void>();
    if (latest.size > 0) {
      await talk(door, async (client) => {
        client.on('message', (topic, body) => {
          there.set(topic, Number(body));
          if ([...latest.keys()].every((each) => there.has(each))) resolve();
        });
        await client.subscribeAsync('attic/count/+', { qos: 1 });
        await Promise.race([promise, sleep(LIMIT / 2)]);
      });
    }
    return due.filter((number) => number > (there.get(topicOf(number)) ?? 0));
  }
}
