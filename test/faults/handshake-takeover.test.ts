import { afterEach, expect, test } from 'vitest';
import { Peer } from '../support/broker-peer.ts';
import { ClusterLab, type LabNode } from '../support/cluster-lab.ts';
import { Receiver } from '../support/faults/receiver.ts';
import { Rotation } from '../support/faults/rotation.ts';
import { report } from './report.ts';
import { until } from './wait.ts';

/** Packet identifier of the publishers' messages: the same again for the second one. */
const ID = 7;
/** Longest wait for one packet, milliseconds. */
const PATIENCE = 30_000;
/** By then what would come twice has come, milliseconds. */
const AFTERMATH = 1_500;

/** How far a publisher's handshake has gone when its connection ends. */
const INBOUND = ['PUBLISH sent', 'PUBREC unseen', 'PUBREC seen', 'PUBREL sent'] as const;
/** How far a subscriber's has. */
const OUTBOUND = ['PUBLISH seen', 'PUBREC sent', 'PUBREL seen', 'PUBCOMP sent'] as const;

const slug = (text: string): string => text.toLowerCase().replaceAll(' ', '-');

let lab: ClusterLab | undefined;
let peers: Peer[] = [];
afterEach(async () => {
  for (const peer of peers) peer.socket.destroy();
  peers = [];
  await lab?.stop();
});

async function connect(node: LabNode, clientId: string): Promise<{ peer: Peer; present: boolean }> {
  const peer = await Peer.open(node.port);
  peers.push(peer);
  const properties = { sessionExpiryInterval: 300 };
  const connect = peer.connect({ version: 5, clientId, clean: false, properties });
  const connack = await connect.catch(() => patiently(peer, 'connack'));
  return { peer, present: connack.sessionPresent === true };
}

/** As Peer.expect, for as long as a cluster may take to agree after a death. */
async function patiently(peer: Peer, cmd: string) {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await peer.expect(cmd);
    } catch (error) {
      if (performance.now() > end || !String(error).includes('nothing came')) throw error;
    }
  }
}

/** The publisher's side up to `stage`. */
async function beginPublish(node: LabNode, stage: (typeof INBOUND)[number]): Promise<void> {
  const { peer } = await connect(node, `in-${slug(stage)}`);
  publish(peer, stage, '0', false);
  if (stage === 'PUBLISH sent') return;
  await peer.expect('pubrec');
  if (stage !== 'PUBREL sent') return;
  peer.send({ cmd: 'pubrel', messageId: ID });
  await peer.expect('pubcomp');
}

/** The publisher goes on elsewhere as the standard says (4.4), then sends another message. */
async function finishPublish(node: LabNode, stage: (typeof INBOUND)[number]): Promise<boolean> {
  const { peer, present } = await connect(node, `in-${slug(stage)}`);
  if (stage === 'PUBLISH sent' || stage === 'PUBREC unseen') {
    publish(peer, stage, '0', true);
    await patiently(peer, 'pubrec');
  }
  peer.send({ cmd: 'pubrel', messageId: ID });
  await patiently(peer, 'pubcomp');
  publish(peer, stage, '1', false);
  await patiently(peer, 'pubrec');
  peer.send({ cmd: 'pubrel', messageId: ID });
  await patiently(peer, 'pubcomp');
  return present;
}

function publish(peer: Peer, stage: string, payload: string, dup: boolean): void {
  const topic = `in/${slug(stage)}`;
  peer.send({ cmd: 'publish', topic, payload, qos: 2, messageId: ID, dup, retain: false });
}

/** What a subscriber holds and has counted, over its connections. */
interface Subscriber {
  stage: (typeof OUTBOUND)[number];
  held: Set<number>;
  taken: string[];
  /** Packets that came after the reconnect, in words. */
  log: string[];
}

async function beginSubscribe(node: LabNode, stage: Subscriber['stage']) {
  const { peer } = await connect(node, `out-${slug(stage)}`);
  await peer.subscribe(`out/${slug(stage)}`, 2);
  const subscriber: Subscriber = { stage, held: new Set(), taken: [], log: [] };
  return { peer, subscriber };
}

async function receiveUntilStage(peer: Peer, { stage, held, taken }: Subscriber): Promise<void> {
  const { messageId, payload } = await peer.expect('publish');
  held.add(messageId!);
  taken.push(String(payload));
  if (stage === 'PUBLISH seen') return;
  peer.send({ cmd: 'pubrec', messageId });
  if (stage === 'PUBREC sent') return;
  await peer.expect('pubrel');
  if (stage === 'PUBREL seen') return;
  held.delete(messageId!);
  peer.send({ cmd: 'pubcomp', messageId });
  await peer.expectNothing();
}

/** A correct receiver: a PUBLISH whose identifier is held is the same message ([MQTT-4.3.3-2]). */
async function serve(peer: Peer, { held, taken, log }: Subscriber): Promise<void> {
  for (;;) {
    const packet = await peer.next(60_000).catch(() => undefined);
    if (packet === undefined) return;
    const { cmd, messageId } = packet;
    if (packet.cmd === 'publish') {
      log.push(`PUBLISH${packet.dup ? ' DUP' : ''} ${String(packet.payload)}`);
      if (!held.has(messageId!)) taken.push(String(packet.payload));
      held.add(messageId!);
      peer.send({ cmd: 'pubrec', messageId });
    } else if (cmd === 'pubrel') {
      log.push('PUBREL');
      held.delete(messageId!);
      peer.send({ cmd: 'pubcomp', messageId });
    }
  }
}

for (const [how, kill] of [
  ['a connect to another node', false],
  ['the death of its node', true],
] as const) {
  test(`QoS 2 exactly once at each stage across ${how}`, async (context) => {
    lab = await ClusterLab.start();
    const [first, second, third] = lab.nodes as [LabNode, LabNode, LabNode];
    const rotation = new Rotation(lab.nodes);
    const base = { version: 5, clean: false, rotation, home: third } as const;
    const observer = new Receiver({ ...base, id: 'observer', filter: 'in/#', qos: 2 });
    await observer.subscribe();
    const { peer: source } = await connect(third, 'source');

    const subscribers = await Promise.all(OUTBOUND.map((stage) => beginSubscribe(first, stage)));
    for (const { peer, subscriber } of subscribers) {
      await source.publish(`out/${slug(subscriber.stage)}`, 'first', { qos: 2 });
      await receiveUntilStage(peer, subscriber);
    }
    // The publishers last: one of them has only just sent when the fault comes.
    for (const stage of INBOUND.toReversed()) await beginPublish(first, stage);
    if (kill) await Promise.all([first.broker.kill('SIGKILL'), first.engine.kill('SIGKILL')]);

    const present: Record<string, boolean> = {};
    for (const stage of INBOUND) present[stage] = await finishPublish(second, stage);
    for (const { subscriber } of subscribers) {
      const { stage } = subscriber;
      const again = await connect(second, `out-${slug(stage)}`);
      present[stage] = again.present;
      void serve(again.peer, subscriber);
      source.send({
        cmd: 'publish',
        topic: `out/${slug(stage)}`,
        payload: 'second',
        qos: 2,
        messageId: ID,
        dup: false,
        retain: false,
      });
      await patiently(source, 'pubrec');
      source.send({ cmd: 'pubrel', messageId: ID });
      await patiently(source, 'pubcomp');
    }
    const all = () =>
      subscribers.every(({ subscriber }) => subscriber.taken.includes('second')) &&
      observer.count >= 2 * INBOUND.length;
    await until('everything has come', all, 10_000).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, AFTERMATH));
    observer.leave();

    const inbound: Record<string, number[]> = {};
    for (const stage of INBOUND) inbound[stage] = observer.taken.get(`in/${slug(stage)}`) ?? [];
    const outbound: Record<string, string[]> = {};
    const log: Record<string, string[]> = {};
    for (const { subscriber } of subscribers) {
      outbound[subscriber.stage] = subscriber.taken;
      log[subscriber.stage] = subscriber.log;
    }
    const lost = Object.values(present).filter((there) => !there).length;
    const rows: unknown[][] = [...Object.values(inbound), ...Object.values(outbound)];
    const distinct = rows.reduce((sum, row) => sum + new Set(row).size, 0);
    const taken = rows.reduce((sum, row) => sum + row.length, 0);
    report(context, {
      acknowledged: `${2 * rows.length}/${2 * rows.length}`,
      received: String(distinct),
      lost: String(2 * rows.length - distinct),
      doubled: String(taken - distinct),
      'sessions lost': String(lost),
      note: `stages ${rows.length}; ${OUTBOUND.map((stage) => `${stage}: ${log[stage]![0] ?? 'nothing'}`).join(', ')}`,
    });
    expect(inbound, 'publishers').toEqual(
      Object.fromEntries(INBOUND.map((stage) => [stage, [0, 1]])),
    );
    expect(outbound, 'subscribers').toEqual(
      Object.fromEntries(OUTBOUND.map((stage) => [stage, ['first', 'second']])),
    );
    expect(lost, 'sessions lost').toBe(0);
    // What was not answered comes again and says so; what was, does not ([MQTT-4.4.0-1]).
    expect(log['PUBLISH seen']![0]).toBe('PUBLISH DUP first');
    expect(log['PUBREL seen']![0]).toBe('PUBREL');
    expect(log['PUBCOMP sent']).not.toContain('PUBLISH DUP first');
  });
}
