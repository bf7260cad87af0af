import { setTimeout as wait } from 'node:timers/promises';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../support/accounting.ts';
import { eventually } from '../support/broker.ts';
import { Publisher, RECONNECT, Subscriber } from './lab/clients.ts';
import { CLOCKS } from './lab/clock.ts';
import { LOGIN } from './lab/config.ts';
import { type Lab, lab } from './lab/lab.ts';

const HOUR = 3_600;
/** Between two messages of one publisher, milliseconds. */
const EVERY = 20;
const STEADY = 3_000;
/** Time for what looks at the clock now and then, milliseconds. */
const LOOKS = 20_000;
const PATIENCE = 60_000;
const LONGEST = 600_000;

let home: Lab;

beforeAll(async () => {
  if (CLOCKS) home = await lab(3, { probe: 50 });
});
afterAll(() => home?.[Symbol.asyncDispose]());

/** A session that waits; resolves with whether it was there, and what had come for it. */
async function visit(clientId: string, expiry: number): Promise<{ present: boolean; got: number }> {
  const client = mqtt.connect(`mqtt://${home.vip}:1883`, {
    ...LOGIN,
    clientId,
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: expiry },
    reconnectPeriod: RECONNECT,
  });
  client.on('error', () => undefined);
  let got = 0;
  client.on('message', () => {
    got++;
  });
  try {
    let present: boolean | undefined;
    client.once('connect', ({ sessionPresent }) => {
      present = sessionPresent;
    });
    await eventually(`${clientId} is connected`, () => present !== undefined, PATIENCE);
    if (!present) await client.subscribeAsync('house/#', { qos: 1 });
    let before = -1;
    while (present === true && got !== before) {
      before = got;
      await wait(STEADY);
    }
    return { present: present === true, got };
  } finally {
    // Its DISCONNECT is not worth waiting for without end.
    await Promise.race([client.endAsync(), wait(STEADY)]);
  }
}

test.runIf(CLOCKS).each([
  { name: '+1 h', seconds: HOUR },
  { name: '-1 h', seconds: -HOUR },
])(
  'the clock of one node jumps by $name: addresses, sessions and messages stay',
  async ({ name, seconds }) => {
    await home.allFit();
    for (const pi of home.pis) await pi.clockJump(0);
    await home.allFit();
    await home.owners.settled();
    await home.prober.calm(Date.now());
    const node = home.owner();
    const suffix = seconds > 0 ? 'ahead' : 'behind';
    const [long, short] = [`long-${suffix}`, `short-${suffix}`];
    await visit(long, 2 * HOUR);
    await visit(short, HOUR / 6);
    const subscriber = new Subscriber(home.vip, `subscriber-${suffix}`);
    const publishers = [0, 1, 2].map((i) => new Publisher(home.vip, `publisher-${suffix}-${i}`));
    const clients = [subscriber, ...publishers];
    try {
      await subscriber.subscribe();
      await Promise.all(publishers.map((publisher) => publisher.connected()));
      for (const publisher of publishers) publisher.begin(EVERY);
      await wait(STEADY);
      const from = Date.now();
      await node.clockJump(seconds);
      const clock = Number(await clockOf(node.address)) - Date.now();
      expect(Math.abs(clock - seconds * 1_000)).toBeLessThan(PATIENCE);
      await wait(LOOKS);
      for (const publisher of publishers) publisher.stop();
      const acknowledged = () => publishers.every((publisher) => publisher.allAcknowledged);
      await eventually('all is acknowledged', acknowledged, PATIENCE);
      const topics = publishers.map((publisher) => publisher.books);
      const complete = () =>
        topics.every((topic) => subscriber.count(topic.topic) >= topic.acknowledged.size);
      await eventually('all has come', complete, PATIENCE).catch(() => undefined);
      const books = audit(topics, [subscriber.books]);
      // A client of its own comes and goes while the clocks differ.
      expect((await visit(`fresh-${suffix}`, HOUR / 6)).present).toBe(false);
      expect((await visit(`fresh-${suffix}`, HOUR / 6)).present).toBe(true);
      const [sleeper, dozer] = [await visit(long, 2 * HOUR), await visit(short, HOUR / 6)];
      const { length } = home.prober.blackout(from);
      const tenures = home.owners.tenures(from);
      const absences = clients.flatMap((client) => client.absences).length;
      console.log(
        `${name}: ${books.published} published, ${books.acknowledged} acknowledged, ${books.received} received, ${books.lost} lost; ${absences} clients were away, ${length.toFixed(0)} ms without the address, ${tenures.length} owner; waiting sessions got ${sleeper.got} and ${dozer.got}`,
      );
      expect(books.lost, books.examples.join('\n')).toBe(0);
      expect(books.invented).toBe(0);
      expect(tenures.map((tenure) => tenure.name)).toEqual([node.name]);
      expect(absences).toBe(0);
      expect(sleeper.present).toBe(true);
      expect(sleeper.got).toBeGreaterThanOrEqual(books.acknowledged);
      // Minutes are left of its own expiry, whatever one node's clock says.
      expect(dozer.present).toBe(true);
      expect(dozer.got).toBeGreaterThanOrEqual(books.acknowledged);
      // And back, as time synchronisation does it at last.
      await node.clockJump(0);
      await home.allFit();
      await home.prober.calm(Date.now());
      expect(home.owners.now).toEqual([node.name]);
      for (const pi of home.pis) {
        const failed = await pi.exec('systemctl', 'list-units', '--failed', '--no-legend');
        expect(failed).toBe('');
      }
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  },
  LONGEST,
);

/** What time it is on the page of a node, milliseconds since the epoch. */
async function clockOf(address: string): Promise<number> {
  const answer = await fetch(`http://${address}/api/cluster`);
  return ((await answer.json()) as { at: number }).at;
}
