import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { Peer } from '../support/broker-peer.ts';
import { startTrio, type Trio } from '../support/broker-trio.ts';
import { freePort } from '../support/ports.ts';

/** A Mosquitto that is bridged to the cluster in both directions, as people have it at home. */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

describe.each(['mqttv311', 'mqttv50'])('a bridge that speaks %s', (protocol) => {
  let directory: string;
  let mosquitto: ChildProcess;
  let port: number;
  let there: Peer;
  const atMosquitto = async (): Promise<Peer> => {
    const peer = await Peer.open(port);
    await peer.connect({ version: 4 });
    return peer;
  };
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bramble-mosquitto-'));
    port = await freePort();
    const file = join(directory, 'mosquitto.conf');
    await writeFile(
      file,
      `listener ${port} 127.0.0.1
allow_anonymous true
connection ${protocol}
address 127.0.0.1:${trio.cluster.brokers[0]!.mqttPort}
bridge_protocol_version ${protocol}
topic ${protocol}/# both 1
notifications false
restart_timeout 1
`,
    );
    mosquitto = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
    await eventually('mosquitto listens', async () => {
      there = await atMosquitto().catch(() => undefined as never);
      return there !== undefined;
    });
    await eventually('the bridge stands', async () => {
      const probe = await trio.v4();
      await probe.subscribe(`${protocol}/probe`);
      await there.publish(`${protocol}/probe`, 'x', { qos: 1 });
      await new Promise((go) => setTimeout(go, 100));
      return (await probe.settle()).length > 0;
    });
  });
  afterAll(async () => {
    there?.socket.destroy();
    const exited = once(mosquitto, 'exit');
    mosquitto.kill();
    await exited;
    await rm(directory, { recursive: true, force: true });
  });

  test('messages go both ways, once each, and retained ones stay retained', async () => {
    const here = await trio.v5();
    for (const peer of [here, there]) await peer.subscribe(`${protocol}/m/#`, 1);
    const publisher = await trio.v4();
    for (let i = 0; i < 20; i++) await publisher.publish(`${protocol}/m/in`, `${i}`, { qos: 1 });
    const [second, other] = [await trio.v4(), await atMosquitto()];
    await other.publish(`${protocol}/kept/out`, 'from there', { qos: 1, retain: true });
    await second.publish(`${protocol}/kept/in`, 'from here', { qos: 1, retain: true });
    const mine = (peer: Peer) =>
      peer.received.filter((one) => one.cmd === 'publish' && one.topic === `${protocol}/m/in`);
    await eventually('all are there', () => mine(there).length >= 20);
    await other.publish(`${protocol}/m/end`, 'x', { qos: 1 });
    await eventually('the end is here', () =>
      here.received.some((one) => one.cmd === 'publish' && one.topic === `${protocol}/m/end`),
    );
    // A loop would have doubled them by now: a message goes around in some milliseconds.
    await new Promise((go) => setTimeout(go, 500));
    console.log(
      `bridged over ${protocol}: 20 sent, here ${mine(here).length}, there ${mine(there).length}`,
    );
    expect([mine(here).length, mine(there).length]).toEqual([20, 20]);
    const late = await trio.v5();
    await late.subscribe(`${protocol}/kept/out`);
    expect((await late.expect('publish')).retain).toBe(true);
    const lateThere = await atMosquitto();
    await lateThere.subscribe(`${protocol}/kept/in`);
    expect((await lateThere.expect('publish')).retain).toBe(true);
    for (const peer of [lateThere, other]) peer.socket.destroy();
  });
});
