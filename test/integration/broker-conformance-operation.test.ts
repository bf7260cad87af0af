import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Peer } from '../support/broker-peer.ts';
import { fence, startTrio, type Trio } from '../support/broker-trio.ts';
import { connect, packet, properties, text, uint16 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1: shared subscriptions (4.8), keep alive (3.1.2.10), PING to AUTH (3.12 to 3.15), errors (4.13), WebSocket (6). */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

const VERSIONS = [4, 5] as const;

/** Acknowledges everything until `count` messages have come to all of them together. */
async function share(members: readonly Peer[], count: number): Promise<string[][]> {
  const got: string[][] = members.map(() => []);
  const until = performance.now() + 10_000;
  const seen = members.map(() => 0);
  while (got.flat().length < count && performance.now() < until) {
    for (const [i, member] of members.entries()) {
      for (const one of member.received.slice(seen[i])) {
        seen[i]!++;
        if (one.cmd !== 'publish') continue;
        got[i]!.push(String(one.payload));
        if (one.qos === 1) member.send({ cmd: 'puback', messageId: one.messageId });
      }
    }
    await sleep(10);
  }
  return got;
}

describe('shared subscriptions', () => {
  test.each([
    '$share',
    '$share/',
    '$share/g',
    '$share//a',
    '$share/g/',
    '$share/g+/a',
    '$share/#/a',
    '$share/+/a',
    '$share/g/a#',
  ])('[MQTT-4.8.2-1] [MQTT-4.8.2-2]: %s is none', async (filter) => {
    const peer = await trio.v5();
    const { granted } = await peer.subscribe(filter);
    // Without the last slash it is an ordinary filter that begins with a word.
    expect(granted).toEqual(filter === '$share' ? [expect.any(Number)] : [0x8f]);
  });

  test('[MQTT-3.8.3-4]: no local on one is a protocol error', async () => {
    const peer = await trio.v5();
    peer.raw(packet(0x82, uint16(1), properties(), text('$share/g/a'), [0x04]));
    await peer.expectRefusal(0x82);
  });

  test('4.8.2: each message goes to one member in the cluster, each group gets all, and nobody retained ones', async () => {
    const publisher = await trio.v5();
    await publisher.publish('jobs/kept', 'kept', { qos: 1, retain: true });
    const members = [await trio.v5(), await trio.v4(), await trio.v5()];
    for (const member of members) await member.subscribe('$share/workers/jobs/+', 1);
    const others = [await trio.v5(), await trio.v5()];
    for (const other of others) await other.subscribe('$share/others/jobs/#', 1);
    const plain = await trio.v4();
    await plain.subscribe('jobs/x', 1);
    const all = Array.from({ length: 60 }, (_, i) => String(i));
    for (const payload of all) await publisher.publish('jobs/x', payload, { qos: 1 });
    for (const group of [members, others, [plain]]) {
      const got = await share(group, 60);
      expect(got.flat().sort()).toEqual([...all].sort());
      for (const one of got) expect(one.length).toBeGreaterThan(0);
      console.log(`messages: 60, by member: ${got.map((one) => one.length).join(' ')}`);
    }
  });

  test.each(['a b', 'a.b', '*', '>', '$x', 'ü€', '%41'])(
    '[MQTT-4.8.2-2]: a group may be called %j, and spans the nodes',
    async (name) => {
      const members = [await trio.v5(), await trio.v5(), await trio.v5()];
      for (const member of members) {
        expect((await member.subscribe(`$share/${name}/named//+`, 1)).granted).toEqual([1]);
      }
      const publisher = await trio.v4();
      const all = ['1', '2', '3', '4', '5', '6'];
      for (const payload of all) await publisher.publish('named//x', payload, { qos: 1 });
      expect((await share(members, all.length)).flat().sort()).toEqual(all);
      let named = 0;
      for (const member of members) {
        await member.settle();
        await fence(publisher, member);
        named += member.received.filter(
          (one) => one.cmd === 'publish' && one.topic === 'named//x',
        ).length;
      }
      expect(named).toBe(all.length);
    },
  );

  test('[MQTT-4.8.2-3] 4.8.2: each member gets its own QoS and its own subscription identifier', async () => {
    const publisher = await trio.v5();
    for (const qos of [0, 1, 2]) {
      const peer = await trio.v5();
      await peer.subscribe(
        `$share/q${qos}/share-qos`,
        qos,
        {},
        { subscriptionIdentifier: 10 + qos },
      );
      await publisher.publish('share-qos', 'x', { qos: 2 });
      const got = await peer.expect('publish');
      expect([got.qos, got.properties]).toEqual([qos, { subscriptionIdentifier: 10 + qos }]);
      peer.send({
        cmd: 'unsubscribe',
        messageId: 9,
        unsubscriptions: [`$share/q${qos}/share-qos`],
      });
      await peer.expect('unsuback');
      await publisher.publish('share-qos', 'x', { qos: 0 });
      await fence(publisher, peer);
    }
  });

  test('[MQTT-4.8.2-4]: a QoS 2 message that a member has begun comes to that member when it is back', async () => {
    const options = { clientId: 'sharer', properties: { sessionExpiryInterval: 60 } };
    const first = await trio.v5(options);
    await first.subscribe('$share/g2/begun', 2);
    const publisher = await trio.v5();
    await publisher.publish('begun', 'x', { qos: 2 });
    const { messageId } = await first.expect('publish');
    const other = await trio.v5();
    await other.subscribe('$share/g2/begun', 2);
    first.socket.destroy();
    await fence(publisher, other);
    const second = await trio.v5({ ...options, clean: false });
    const again = await second.expect('publish');
    expect([again.messageId, again.dup]).toEqual([messageId, true]);
  });

  test('[MQTT-4.8.2-5]: when its session ends instead, that message goes to nobody else', async () => {
    const first = await trio.v5();
    await first.subscribe('$share/g4/ended', 2);
    const publisher = await trio.v5();
    await publisher.publish('ended', 'x', { qos: 2 });
    await first.expect('publish');
    const other = await trio.v5();
    await other.subscribe('$share/g4/ended', 2);
    await first.leave();
    await sleep(700);
    await fence(publisher, other);
  });

  test('[MQTT-4.8.2-6]: a message that a member refuses goes to nobody else', async () => {
    const members = [await trio.v5(), await trio.v5()];
    for (const member of members) await member.subscribe('$share/g3/refused', 1);
    const publisher = await trio.v5();
    for (let i = 0; i < 4; i++) await publisher.publish('refused', String(i), { qos: 1 });
    const got: string[] = [];
    for (const member of members) {
      for (const one of await member.settle()) {
        if (one.cmd !== 'publish') continue;
        got.push(String(one.payload));
        member.send({ cmd: 'puback', messageId: one.messageId, reasonCode: 0x83 });
      }
    }
    for (const member of members) await fence(publisher, member);
    expect(new Set(got).size).toBe(got.length);
  });
});

describe('PING, DISCONNECT, AUTH', () => {
  test('[MQTT-3.12.4-1] 3.1.1 [MQTT-3.12.4-1]: every PINGREQ is answered', async () => {
    for (const version of VERSIONS) {
      const peer = await trio.of(version);
      for (let i = 0; i < 5; i++) peer.raw('c000');
      for (let i = 0; i < 5; i++) await peer.expect('pingresp');
      expect(peer.frames.at(-1)?.toString('hex')).toBe('d000');
    }
  });

  test('[MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1]: nothing follows the server’s DISCONNECT but the end', async () => {
    const peer = await trio.v5();
    await peer.subscribe('after-disconnect');
    const publisher = await trio.v5();
    peer.raw(Buffer.concat([packet(0xf0), packet(0x30, text('after-disconnect'), properties())]));
    await publisher.publish('after-disconnect', 'x', { qos: 1 });
    await peer.expectRefusal(0x82);
  });

  test('3.1.1 [MQTT-4.8.0-1] 3.1.1 [MQTT-4.8.0-2]: what follows the client’s own is not read', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('after-own/#');
    for (const version of VERSIONS) {
      const peer = await trio.of(version);
      const section = version === 5 ? [properties()] : [];
      peer.raw(Buffer.concat([packet(0xe0), packet(0x30, text('after-own/x'), ...section)]));
      expect(await peer.next()).toBeUndefined();
    }
    await fence(await trio.v5(), watcher);
  });

  test('[MQTT-3.15.1-1] [MQTT-3.15.2-1]: AUTH with flags is malformed; one in 3.1.1 closes', async () => {
    const now = await trio.v5();
    now.raw('f100');
    await now.expectRefusal(0x81);
    const old = await trio.v4();
    old.raw('f000');
    expect(await old.next()).toBeUndefined();
  });
});

describe('keep alive', () => {
  test('[MQTT-3.1.2-22] [MQTT-3.2.2-22] 3.1.1 [MQTT-3.1.2-24]: silence closes, any packet keeps it', async () => {
    const started = performance.now();
    const silent = VERSIONS.map((version) => trio.of(version, { keepalive: 1 }));
    const busy = await trio.v4({ keepalive: 1 });
    const forever = await trio.v5({ keepalive: 0 });
    const beat = setInterval(
      () => busy.send({ cmd: 'publish', topic: 'beat', payload: '', qos: 0 }),
      300,
    );
    for (const peer of silent) await (await peer).expectRefusal(0x8d);
    expect(performance.now() - started).toBeGreaterThan(1_400);
    clearInterval(beat);
    await busy.expectNothing();
    await forever.expectNothing();
  });

  test('[MQTT-3.2.2-21]: a Server Keep Alive is told where it differs, and only to MQTT 5', async () => {
    const peer = await trio.open();
    const { properties: told } = await peer.connect({ version: 5, keepalive: 65_535 });
    const { serverKeepAlive } = told as { serverKeepAlive?: number };
    expect(serverKeepAlive).toBeGreaterThan(0);
    const same = await trio.open();
    const connack = await same.connect({ version: 5, keepalive: serverKeepAlive ?? 0 });
    expect(connack.properties).not.toHaveProperty('serverKeepAlive');
  });
});

describe('WebSocket', () => {
  const open = async (node: number, protocols: string[] = ['mqtt']): Promise<WebSocket> => {
    const url = `ws://127.0.0.1:${trio.cluster.brokers[node]!.websocketPort}/mqtt`;
    const socket = new WebSocket(url, protocols);
    await new Promise((go, fail) => socket.once('open', go).once('error', fail));
    return socket;
  };
  /** Collects bytes until so many have come. */
  const bytes = (socket: WebSocket, count: number): Promise<Buffer> =>
    new Promise((go, fail) => {
      let got = Buffer.alloc(0);
      socket.on('close', () => fail(new Error(`closed after ${got.toString('hex')}`)));
      socket.on('message', (data: Buffer, isBinary) => {
        expect(isBinary).toBe(true);
        got = Buffer.concat([got, data]);
        if (got.length >= count) go(got);
      });
    });
  const closed = (socket: WebSocket): Promise<unknown> =>
    new Promise((go) => socket.once('close', go));

  test('[MQTT-6.0.0-1] 3.1.1 [MQTT-6.0.0-1]: a text frame closes, and the will is sent', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('ws-will');
    const socket = await open(0);
    const connack = bytes(socket, 4);
    socket.send(connect({ flags: 0x06, payload: [text('ws-text'), text('ws-will'), text('x')] }));
    await connack;
    const end = closed(socket);
    socket.send('c000');
    await end;
    expect((await watcher.expect('publish')).topic).toBe('ws-will');
  });

  test('[MQTT-6.0.0-1]: it closes also who never answers the closing handshake', async () => {
    const socket = net.connect(trio.cluster.brokers[0]!.websocketPort, '127.0.0.1');
    socket.write(
      'GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
    );
    await once(socket, 'data');
    // A masked text frame of two bytes, then a CONNECT in a binary one, which is not looked at.
    const frame = connect();
    const mask = [0, 0, 0, 0];
    socket.write(Buffer.from([0x81, 0x82, ...mask, 0x63, 0x30]));
    socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | frame.length, ...mask]), frame]));
    const got: Buffer[] = [];
    socket.on('data', (data) => got.push(data));
    await once(socket, 'close');
    // RFC 6455, 5.5.1: a close frame with 1003, and no CONNACK.
    expect(Buffer.concat(got).subarray(0, 4).toString('hex')).toMatch(/^88..03eb$/);
  });

  test('[MQTT-6.0.0-2] 3.1.1 [MQTT-6.0.0-2]: packets in pieces and several in one frame', async () => {
    const socket = await open(1);
    const frame = connect({ payload: [text('ws-pieces')] });
    const connack = bytes(socket, 4);
    for (const byte of frame) socket.send(Buffer.from([byte]));
    expect((await connack).toString('hex')).toBe('20020000');
    socket.removeAllListeners('message');
    const rest = bytes(socket, 5 + 2 + 2);
    socket.send(
      Buffer.concat([packet(0x82, uint16(5), text('ws/a'), [0]), Buffer.from('c000c000', 'hex')]),
    );
    expect((await rest).toString('hex')).toContain('9003000500');
    socket.close();
  });

  test('[MQTT-6.0.0-3] [MQTT-6.0.0-4] 3.1.1 [MQTT-6.0.0-3] 3.1.1 [MQTT-6.0.0-4]: the subprotocol is mqtt', async () => {
    const socket = await open(2, ['other', 'mqtt']);
    expect(socket.protocol).toBe('mqtt');
    socket.close();
    await expect(open(2, ['other'])).rejects.toThrow(/400/);
    await expect(open(2, [])).rejects.toThrow(/400/);
  });

  test('[MQTT-4.2.0-1] 3.1.1 [MQTT-4.2.0-1]: TCP and WebSocket reach each other over the nodes', async () => {
    const socket = await open(0);
    const connack = bytes(socket, 4);
    socket.send(connect({ payload: [text('ws-tcp')] }));
    await connack;
    socket.removeAllListeners('message');
    const suback = bytes(socket, 5);
    socket.send(packet(0x82, uint16(5), text('ws-tcp'), [0]));
    await suback;
    socket.removeAllListeners('message');
    const expected = packet(0x30, text('ws-tcp'), Buffer.from('x'));
    const got = bytes(socket, expected.length);
    await trio.open();
    await (await trio.v5()).publish('ws-tcp', 'x', { qos: 1 });
    expect(await got).toEqual(expected);
    socket.close();
  });

  test('what is no MQTT closes', async () => {
    const socket = await open(1);
    const end = closed(socket);
    socket.send(Buffer.from('GET / HTTP/1.1'));
    await end;
  });
});
