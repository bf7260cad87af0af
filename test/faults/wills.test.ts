import { afterEach, expect, test } from 'vitest';
import { ClusterLab, type Endpoint } from '../support/cluster-lab.ts';
import { Wire } from '../support/faults/wire.ts';
import { seconds } from './duration.ts';
import { report } from './report.ts';
import { until } from './wait.ts';

/** Clients of each kind. */
const EACH = 20;
/** Will delay of those that have one, seconds. */
const DELAY = 5;
/** By then the others must know that the node is dead, and its wills be out, milliseconds. */
const ALL_OUT = 30_000;

/** From the publication of a will to the watcher, milliseconds. */
const ON_ITS_WAY = 1_000;

let lab: ClusterLab | undefined;
const wires: Wire[] = [];
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.cut();
  await lab?.stop();
});

async function client(endpoint: Endpoint, clientId: string, delay: number): Promise<Wire> {
  const { wire } = await Wire.connected(endpoint, {
    clientId,
    version: 5,
    clean: false,
    expiry: 300,
    timeout: ALL_OUT,
    will: {
      topic: `wills/${clientId}`,
      payload: Buffer.from('gone'),
      qos: 1,
      retain: false,
      properties: { willDelayInterval: delay },
    },
  });
  wires.push(wire);
  return wire;
}

/** When each will came, by client id. */
async function watch(endpoint: Endpoint, clientId: string): Promise<Map<string, number[]>> {
  const seen = new Map<string, number[]>();
  let subscribed = false;
  const { wire } = await Wire.connected(
    endpoint,
    { clientId, version: 4, clean: true },
    {
      onPacket(packet) {
        if (packet.cmd === 'suback') subscribed = true;
        if (packet.cmd !== 'publish') return;
        const id = String(packet.topic).slice('wills/'.length);
        seen.set(id, [...(seen.get(id) ?? []), performance.now()]);
        wire.send({ cmd: 'puback', messageId: packet.messageId });
      },
    },
  );
  wires.push(wire);
  wire.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'wills/#', qos: 1 }] });
  await until('subscribed', () => subscribed);
  return seen;
}

test('the wills of a dead node: each once, none of those who are back, delay kept', async (context) => {
  lab = await ClusterLab.start();
  const [dying, second, third] = lab.nodes as [Endpoint, Endpoint, Endpoint] & typeof lab.nodes;
  const watchers = [await watch(second, 'watch-2'), await watch(third, 'watch-3')];
  const ids = (kind: string) => Array.from({ length: EACH }, (_, i) => `${kind}-${i}`);
  const connectAll = (kind: string, delay: number, endpoint = dying) =>
    Promise.all(ids(kind).map((id) => client(endpoint, id, delay)));
  await connectAll('gone', 0);
  await connectAll('gone-delayed', DELAY);
  await connectAll('back', DELAY);
  await connectAll('back-at-once', 0);
  await connectAll('elsewhere', 0, second);
  const cut = await connectAll('cut', 0, second);
  for (const wire of await connectAll('left', 0)) wire.leave();
  // What is agreed about them must have reached the others.
  await new Promise((resolve) => setTimeout(resolve, seconds(1, 5)));

  const died = performance.now();
  await Promise.all([lab.nodes[0]!.broker.kill('SIGKILL'), lab.nodes[0]!.engine.kill('SIGKILL')]);
  const returned = new Map<string, number>();
  await Promise.all(
    ids('back-at-once').map(async (id) => {
      await client(third, id, 0);
      returned.set(id, performance.now());
    }),
  );
  for (const wire of cut) wire.cut();
  await connectAll('back', DELAY, second);
  const expected = [...ids('gone'), ...ids('gone-delayed'), ...ids('cut')];
  const complete = () => watchers.every((seen) => expected.every((id) => seen.has(id)));
  await until('all wills are out', complete, ALL_OUT).catch(() => {});
  // The node comes back and must not tell them again.
  await lab.nodes[0]!.start();
  await new Promise((resolve) => setTimeout(resolve, seconds(2, 10)));

  const counts = (seen: Map<string, number[]>, kind: string) =>
    ids(kind).map((id) => seen.get(id)?.length ?? 0);
  const sum = (kind: string) =>
    watchers.map((seen) => counts(seen, kind).reduce((a, b) => a + b, 0)).join('+');
  const earliest = Math.min(
    ...watchers.flatMap((seen) => ids('gone-delayed').flatMap((id) => seen.get(id) ?? [])),
  );
  const latest = Math.max(0, ...watchers.flatMap((seen) => [...seen.values()].flat()));
  report(context, {
    note:
      `wills seen by two watchers, of ${EACH} each: gone ${sum('gone')}, delayed ${sum('gone-delayed')}, ` +
      `back ${sum('back')}, left ${sum('left')}, back at once ${sum('back-at-once')} ` +
      `(last CONNACK after ${Math.round(Math.max(...returned.values()) - died)} ms), ` +
      `elsewhere ${sum('elsewhere')}, cut off elsewhere ${sum('cut')}; last after ${Math.round(Math.max(0, latest - died))} ms`,
  });
  for (const seen of watchers) {
    for (const kind of ['cut', 'gone', 'gone-delayed']) {
      expect(counts(seen, kind), `${kind}: each once`).toEqual(ids(kind).map(() => 1));
    }
    // Who could not come back before the will was due has no claim on it, but only one comes.
    for (const id of ids('back-at-once')) {
      const [at, second] = seen.get(id) ?? [];
      expect(second, `${id}: a second will`).toBe(undefined);
      expect(at ?? 0, `${id}: a will after its return`).toBeLessThan(
        returned.get(id)! + ON_ITS_WAY,
      );
    }
    for (const kind of ['back', 'left', 'elsewhere']) {
      expect(counts(seen, kind), `${kind}: none`).toEqual(ids(kind).map(() => 0));
    }
  }
  // [MQTT-3.1.3-9]: not before the delay has passed since the connection ended.
  expect(earliest - died, 'delayed wills, ms after the death').toBeGreaterThanOrEqual(
    DELAY * 1_000,
  );
});
