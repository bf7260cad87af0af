import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../support/accounting.ts';
import { eventually } from '../support/broker.ts';
import { KEEPALIVE, Publisher, RECONNECT, Subscriber } from './lab/clients.ts';
import { FAULTS, type Fault } from './lab/faults.ts';
import { type Lab, LONG, lab } from './lab/lab.ts';

const PUBLISHERS = 4;
const SUBSCRIBERS = 2;
/** Between two messages of one publisher, milliseconds. */
const EVERY = 20;
/** Before a fault and after it, milliseconds. */
const STEADY = 3_000;
const PATIENCE = 90_000;
/**
 * Upper bound of a client's absence: it notices by its own ping, waits as long as it was told to,
 * and is taken in once the brokers that are left have agreed. Milliseconds; generous.
 */
const BACK = KEEPALIVE * 1_000 * 1.5 + RECONNECT + 60_000;

/** Without the address on a busy machine, milliseconds; failover.test.ts measures. */
const BLACKOUT_MAX = 10_000;

let home: Lab;

beforeAll(async () => {
  home = await lab(3);
});
afterAll(() => home?.[Symbol.asyncDispose]());

const wanted = LONG ? FAULTS : FAULTS.filter(({ name }) => name === 'power off');

test.each(wanted)('QoS 1 through the virtual address, then $name', async (fault: Fault) => {
  await home.allFit();
  const prefix = fault.name.replaceAll(/\W+/g, '-');
  const name = (kind: string, i: number): string => `${prefix}-${kind}-${i}`;
  const several = <T>(count: number, make: (i: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const subscribers = several(SUBSCRIBERS, (i) => new Subscriber(home.vip, name('subscriber', i)));
  const publishers = several(PUBLISHERS, (i) => new Publisher(home.vip, name('publisher', i)));
  try {
    await Promise.all(subscribers.map((subscriber) => subscriber.subscribe()));
    await Promise.all(publishers.map((publisher) => publisher.connected()));
    for (const publisher of publishers) publisher.begin(EVERY);
    await wait(STEADY);
    const owner = home.owner();
    const at = Date.now();
    await fault.act(home, owner);
    await eventually(
      'another node has the address',
      () => home.owners.now.some((one) => one !== owner.name),
      PATIENCE,
    );
    const clients = [...subscribers, ...publishers];
    const allBack = () => clients.every((client) => client.mqtt.connected);
    await eventually('all clients are back', allBack, PATIENCE);
    await wait(STEADY);
    const { length } = home.prober.blackout(at);
    await fault.mend?.(home, owner);
    for (const publisher of publishers) publisher.stop();
    const acknowledged = () => publishers.every((publisher) => publisher.allAcknowledged);
    await eventually('all is acknowledged', acknowledged, PATIENCE);
    const topics = publishers.map((publisher) => publisher.books);
    const complete = () =>
      subscribers.every((one) =>
        topics.every((topic) => one.count(topic.topic) >= topic.acknowledged.size),
      );
    // What does not come any more is told by the books, with numbers.
    await eventually('all has come', complete, PATIENCE).catch(() => undefined);
    const books = audit(
      topics,
      subscribers.map((subscriber) => subscriber.books),
    );
    const absences = clients.flatMap((client) => client.absences);
    const longest = Math.max(...absences.map(({ lost, back }) => back - lost));
    const last = Math.max(...absences.map(({ back }) => back - at));
    const { published, acknowledged: told, received, repeated, lost, disordered } = books;
    console.log(
      `${fault.name}: ${published} published, ${told} acknowledged, ${received} received by ${SUBSCRIBERS}, ${lost} lost, ${repeated} repeated, ${disordered} disordered; ${absences.length} of ${clients.length} clients away for at most ${longest} ms, all back ${last} ms after the fault; the address was away for ${length.toFixed(0)} ms`,
    );
    expect(books.lost, books.examples.join('\n')).toBe(0);
    expect(books.invented).toBe(0);
    expect(received).toBe(told * SUBSCRIBERS);
    expect(longest).toBeLessThan(BACK);
    expect(length, 'blackout, milliseconds').toBeLessThan(BLACKOUT_MAX);
  } finally {
    await Promise.all([...publishers, ...subscribers].map((client) => client.close()));
  }
});
