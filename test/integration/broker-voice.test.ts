import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '#core/jetstream/bus.ts';
import { createLog } from '#core/log.ts';
import { natsLogin } from '../../provisioning/render/nats.ts';
import type { Plan, PlannedNode } from '../../provisioning/render/plan.ts';
import { VoiceGuard } from '../../services/broker/cluster/voice-guard.ts';
import { newestNats } from '../support/debian-parts.ts';
import { RenderedNats } from '../support/rendered-nats.ts';

const PATIENCE = 60_000;
/** Longer than it takes to find one mute, milliseconds. */
const LONG_ENOUGH = 15_000;
const { syncInterval: modern } = await newestNats();

let root = '';
let nats: RenderedNats;
let outside: RenderedNats;
let three: Plan;
let alone: Plan;

const listenerOf = ({ cluster }: Plan) => natsLogin(cluster.cluster.secret, 'listener');
const urlOf = ({ ports }: PlannedNode) => `nats://127.0.0.1:${ports.nats}`;
/** Connected, as the broker's link is while it is listened to. */
const bus = { connected: true, on: () => bus, off: () => bus } as unknown as Bus;

/** Of `node`, listening on `heard` of that plan. */
function guard(node: PlannedNode, plan: Plan, heard: PlannedNode): VoiceGuard {
  return new VoiceGuard({
    bus,
    url: urlOf(heard),
    listener: listenerOf(plan),
    monitor: `http://127.0.0.1:${node.ports.natsMonitor}`,
    pidFile: node.pidFile,
    nodes: () => 3,
    log: createLog({ service: 'guard', node: 'n', level: 'silent' }),
  });
}

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'bramble-voice-'));
  nats = new RenderedNats(path.join(root, 'three'), PATIENCE);
  outside = new RenderedNats(path.join(root, 'alone'), PATIENCE);
  three = await nats.plan(3);
  alone = await outside.plan(1);
  await nats.start(three);
}, PATIENCE * 2);
afterAll(async () => {
  await Promise.all([nats.close(), outside.close()]);
  await rm(root, { recursive: true, force: true });
});

test('who listens to nats-servers can do nothing else', async () => {
  const { user, password } = listenerOf(three);
  const errors: string[] = [];
  const link = await connect({ servers: urlOf(three.nodes[0]!), user, pass: password });
  const watch = (async () => {
    for await (const status of link.status()) {
      if (status.type === 'error') errors.push(status.error.message);
    }
  })();
  link.publish('$SYS.REQ.SERVER.PING.VARZ');
  await link.flush();
  const all = link.subscribe('>', { callback: () => {} });
  await all.closed;
  await link.close();
  await watch;
  expect(errors).toEqual([
    expect.stringMatching(/publish.*\$SYS\.REQ/i),
    expect.stringMatching(/subscription.*">"/i),
  ]);
});

test.runIf(modern)(
  'nats-servers that answer each other live on; one that is not heard is ended',
  async () => {
    const [first, second, third] = three.nodes as [PlannedNode, PlannedNode, PlannedNode];
    const own = three.nodes.map((node) => guard(node, three, node));
    for (const one of own) {
      one.start();
      expect(one.unready).toMatch(/has not answered/);
    }
    await sleep(LONG_ENOUGH);
    for (const one of own) expect(one.unready).toBeUndefined();
    for (const one of own) one.close();
    for (const { name } of three.nodes) expect(nats.process(name).signalCode).toBeNull();

    // A server outside the cluster, where none of them is heard, stands for the fault: what the
    // listener gets is the same silence.
    await outside.start(alone);
    const mute = three.nodes.map((node) => guard(node, alone, alone.nodes[0]!));
    const gone = [second, third, first].map(({ name }) => once(nats.process(name), 'exit'));
    for (const one of mute) one.start();
    const [code, signal] = (await Promise.race(gone)) as [number | null, string | null];
    for (const one of mute) one.close();
    expect(mute.filter(({ unready }) => unready !== undefined).length).toBeGreaterThanOrEqual(1);
    expect([code, signal]).toEqual([null, 'SIGKILL']);
    // The one that leads would not lead if nobody heard it.
    const ended = three.nodes.filter(({ name }) => nats.process(name).signalCode !== null);
    expect(ended.length).toBeLessThanOrEqual(2);
  },
  PATIENCE * 3,
);
