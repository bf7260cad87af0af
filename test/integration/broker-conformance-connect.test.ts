import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Peer } from '../support/broker-peer.ts';
import { startTrio, type Trio } from '../support/broker-trio.ts';
import { connect, packet, properties, text, uint16, uint32 } from '../support/mqtt-bytes.ts';

/** MQTT 5 and 3.1.1, sections 3.1 and 3.2: CONNECT and CONNACK. */
let trio: Trio;
beforeAll(async () => {
  trio = await startTrio();
});
afterAll(() => trio?.stop());

const VERSIONS = [4, 5] as const;
const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;

/** Sends a CONNECT that must be refused: in MQTT 5 with this reason, before in silence. */
async function refused(version: 4 | 5, frame: Buffer, reason: number): Promise<Peer> {
  const peer = await trio.open();
  peer.version = version;
  peer.raw(frame);
  if (version === 5) expect((await peer.expect('connack')).reasonCode).toBe(reason);
  expect(await peer.next()).toBeUndefined();
  return peer;
}

describe('the first packet', () => {
  test('[MQTT-3.1.0-1] 3.1.1 [MQTT-3.1.0-1] [MQTT-3.14.0-1]: anything but CONNECT closes, without a word', async () => {
    for (const first of [
      'c000',
      'e000',
      '30 03 0001 61',
      '82 06 0001 0001 61 00',
      'f000',
      '2000',
    ]) {
      const peer = await trio.open();
      peer.version = 5;
      peer.raw(first);
      expect(await peer.next()).toBeUndefined();
    }
  });

  test('[MQTT-3.1.0-2] 3.1.1 [MQTT-3.1.0-2] [MQTT-3.2.0-2]: a second CONNECT closes, no second CONNACK', async () => {
    for (const version of VERSIONS) {
      const peer = await trio.of(version);
      peer.raw(connect({ level: version }));
      await peer.expectRefusal(PROTOCOL_ERROR);
    }
  });

  test('[MQTT-3.2.0-1] 3.1.1 [MQTT-3.2.0-1]: CONNACK comes first, whatever the client sent behind CONNECT', async () => {
    for (const version of VERSIONS) {
      const peer = await trio.open();
      peer.version = version;
      const section = version === 5 ? [properties()] : [];
      const subscribe = packet(0x82, uint16(9), ...section, text('early/#'), [0]);
      const publish = packet(0x32, text('early/x'), uint16(8), ...section, Buffer.from('x'));
      peer.raw(
        Buffer.concat([
          connect({ level: version }),
          subscribe,
          publish,
          Buffer.from('c000', 'hex'),
        ]),
      );
      await peer.expect('connack');
      await peer.expect('suback');
      const rest = [(await peer.next())?.cmd, (await peer.next())?.cmd, (await peer.next())?.cmd];
      expect(rest.sort()).toEqual(['pingresp', 'puback', 'publish']);
    }
  });
});

describe('protocol name and version', () => {
  test('[MQTT-3.1.2-1] 3.1.1 [MQTT-3.1.2-1]: another name closes', async () => {
    for (const name of ['MQTX', 'mqtt', 'HTTP', '']) {
      const peer = await trio.open();
      peer.raw(connect({ name }));
      expect(await peer.next()).toBeUndefined();
    }
  });

  test('[MQTT-3.1.2-2] 3.1.1 [MQTT-3.1.2-2]: another level is told so and closed', async () => {
    for (const level of [0, 2, 3, 6, 100]) {
      const peer = await trio.open();
      peer.raw(connect({ level }));
      expect((await peer.expect('connack')).returnCode).toBe(1);
      expect(await peer.next()).toBeUndefined();
    }
  });
});

describe('flags', () => {
  const section = properties();
  const flags: [string, number, number, Buffer[]][] = [
    ['[MQTT-3.1.2-3] 3.1.1 [MQTT-3.1.2-3]: reserved', 0x03, 0x10, [text('c')]],
    ['[MQTT-2.1.3-1]: of the header', 0x02, 0x11, [text('c')]],
    [
      '[MQTT-3.1.2-11] 3.1.1 [MQTT-3.1.2-11] 3.1.1 [MQTT-3.1.2-13]: will QoS without a will',
      0x0a,
      0x10,
      [text('c')],
    ],
    ['[MQTT-3.1.2-13] 3.1.1 [MQTT-3.1.2-15]: will retain without a will', 0x22, 0x10, [text('c')]],
    ['[MQTT-3.1.2-9] 3.1.1 [MQTT-3.1.2-9]: a will that is not there', 0x06, 0x10, [text('c')]],
    [
      '[MQTT-3.1.2-16] 3.1.1 [MQTT-3.1.2-18]: a user name without its flag',
      0x02,
      0x10,
      [text('c'), text('u')],
    ],
    [
      '[MQTT-3.1.2-17] 3.1.1 [MQTT-3.1.2-19]: a user name that is not there',
      0x82,
      0x10,
      [text('c')],
    ],
    [
      '[MQTT-3.1.2-18] 3.1.1 [MQTT-3.1.2-20]: a password without its flag',
      0x82,
      0x10,
      [text('c'), text('u'), text('p')],
    ],
    [
      '[MQTT-3.1.2-19] 3.1.1 [MQTT-3.1.2-21]: a password that is not there',
      0xc2,
      0x10,
      [text('c'), text('u')],
    ],
    ['[MQTT-3.1.3-3] 3.1.1 [MQTT-3.1.3-3]: no client id', 0x02, 0x10, []],
  ];
  test.each(flags)('[MQTT-3.1.4-1] 3.1.1 [MQTT-3.1.4-1] %s', async (_, bits, header, payload) => {
    for (const level of VERSIONS) {
      await refused(level, connect({ level, flags: bits, header, payload }), MALFORMED);
    }
  });

  test('[MQTT-3.1.2-12] 3.1.1 [MQTT-3.1.2-14]: will QoS 3', async () => {
    await refused(
      4,
      connect({ flags: 0x1e, payload: [text('c'), text('t'), text('p')] }),
      MALFORMED,
    );
    const payload = [text('c'), section, text('t'), text('p')];
    await refused(5, connect({ level: 5, flags: 0x1e, payload }), MALFORMED);
  });

  test('3.1.1 [MQTT-3.1.2-22]: a password needs a user name; in MQTT 5 it does not', async () => {
    await refused(4, connect({ flags: 0x42, payload: [text('c'), text('p')] }), MALFORMED);
    const peer = await trio.open();
    peer.version = 5;
    peer.raw(connect({ level: 5, flags: 0x42, payload: [text('c'), text('p')] }));
    await peer.expect('connack');
  });

  test('[MQTT-3.1.3-1] 3.1.1 [MQTT-3.1.3-1]: all fields, in their order', async () => {
    for (const level of VERSIONS) {
      const will = level === 5 ? [section] : [];
      const peer = await trio.open();
      peer.version = level;
      const fields = [
        text(`all-${level}`),
        ...will,
        text('all/will'),
        text('x'),
        text('reader'),
        text('secret'),
      ];
      peer.raw(connect({ level, flags: 0xc6, payload: fields }));
      const connack = await peer.expect('connack');
      expect(connack.reasonCode ?? connack.returnCode).toBe(0);
    }
  });
});

describe('properties of CONNECT', () => {
  const receiveMaximum = [0x21, 0, 5];
  test.each([
    ['unknown', properties([0x7e, 0]), MALFORMED],
    ['of another packet', properties([0x23, 0, 1]), MALFORMED],
    ['twice', properties(receiveMaximum, receiveMaximum), PROTOCOL_ERROR],
    ['receive maximum 0', properties([0x21, 0, 0]), PROTOCOL_ERROR],
    ['maximum packet size 0', properties([0x27], uint32(0)), PROTOCOL_ERROR],
    ['request problem information 2', properties([0x17, 2]), PROTOCOL_ERROR],
    ['request response information 2', properties([0x19, 2]), PROTOCOL_ERROR],
    ['authentication data alone', properties([0x16], text('x')), PROTOCOL_ERROR],
    ['cut short', Buffer.from('021100', 'hex'), MALFORMED],
    ['[MQTT-1.5.7-1] a pair that is not UTF-8', properties([0x26], text('a'), '0001ff'), MALFORMED],
  ] as [string, Buffer, number][])(
    '[MQTT-4.13.1-1] [MQTT-3.2.2-7]: %s',
    async (_, section, reason) => {
      await refused(5, connect({ level: 5, properties: section }), reason);
    },
  );

  test.each([
    ['will delay twice', properties([0x18], uint32(1), [0x18], uint32(1)), PROTOCOL_ERROR],
    ['payload format 2', properties([1, 2]), PROTOCOL_ERROR],
    ['of CONNECT itself', properties(receiveMaximum), MALFORMED],
    [
      '[MQTT-3.3.2-14] wildcard in the response topic',
      properties([8], text('a/#')),
      PROTOCOL_ERROR,
    ],
  ] as [string, Buffer, number][])('[MQTT-4.13.1-1]: of the will: %s', async (_, will, reason) => {
    const payload = [text('c'), will, text('t'), text('p')];
    await refused(5, connect({ level: 5, flags: 0x06, payload }), reason);
  });

  test('[MQTT-4.12.0-1] [MQTT-4.12.0-4]: an authentication method is refused with 0x8C', async () => {
    const method = properties([0x15], text('SCRAM-SHA-256'), [0x16], text('data'));
    await refused(5, connect({ level: 5, properties: method }), 0x8c);
  });

  test('[MQTT-4.12.0-6]: without a method CONNACK has none, and no AUTH comes', async () => {
    const peer = await trio.open();
    const { properties: told } = await peer.connect({ version: 5 });
    expect(told).not.toHaveProperty('authenticationMethod');
    await peer.expectNothing();
  });

  test('[MQTT-4.12.0-7]: AUTH from such a client is a protocol error', async () => {
    for (const frame of [packet(0xf0), packet(0xf0, [0x19], properties([0x15], text('X')))]) {
      const peer = await trio.v5();
      peer.raw(frame);
      await peer.expectRefusal(PROTOCOL_ERROR);
    }
  });

  test('[MQTT-3.1.2-28]: no response information unless asked for', async () => {
    const peer = await trio.open();
    const { properties: told } = await peer.connect({ version: 5 });
    expect(told).not.toHaveProperty('responseInformation');
  });

  test('[MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.14.2-3] [MQTT-3.14.2-4]: what is refused fits the client’s maximum', async () => {
    for (const maximum of [4, 8, 24, 5_000]) {
      const peer = await trio.open();
      peer.version = 5;
      peer.raw(connect({ level: 5, properties: properties([0x27], uint32(maximum)) }));
      peer.raw(packet(0x82, uint16(1), properties()));
      await peer.expectClose();
      for (const frame of peer.frames) expect(frame.length).toBeLessThanOrEqual(maximum);
      // A CONNACK takes more than eight bytes: who does not take it is not served.
      expect(peer.received.map((one) => one.cmd)).toEqual(
        maximum > 8 ? ['connack', 'disconnect'] : [],
      );
      const told = peer.received[1] as { properties?: { reasonString?: string } } | undefined;
      expect(told?.properties?.reasonString !== undefined).toBe(maximum > 24);
    }
  });

  test('[MQTT-3.1.2-29]: no reason string and no user property where the client does not want them', async () => {
    const peer = await trio.v5({ properties: { requestProblemInformation: false } });
    await peer.subscribe('forbidden/#', 1);
    await peer.publish('forbidden/x', 'x', { qos: 1 });
    await peer.publish('forbidden/x', 'x', { qos: 2 }).catch(() => {});
    peer.raw(packet(0xa2, uint16(4), properties(), text('never')));
    peer.raw(packet(0x62, uint16(99)));
    peer.raw(packet(0x82, uint16(1), properties()));
    await peer.expectClose();
    expect(peer.received.length).toBeGreaterThan(6);
    for (const one of peer.received) {
      const { reasonString, userProperties } = ((one as { properties?: object }).properties ??
        {}) as Record<string, unknown>;
      expect([one.cmd, reasonString, userProperties]).toEqual([one.cmd, undefined, undefined]);
    }
  });
});

describe('client ids', () => {
  test('[MQTT-3.1.3-5] 3.1.1 [MQTT-3.1.3-5]: 1 to 23 letters and digits', async () => {
    const all = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    for (const version of VERSIONS) {
      for (const clientId of ['7', all.slice(0, 23), all.slice(23, 46), all.slice(39)]) {
        await trio.of(version, { clientId });
      }
    }
  });

  test('[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]: an empty one gets a new one, which is told and works', async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const peer = await trio.open();
      peer.version = 5;
      const expiry = properties([0x11], uint32(60));
      peer.raw(
        connect({ level: 5, flags: i % 2 === 0 ? 2 : 0, properties: expiry, payload: [text('')] }),
      );
      const connack = await peer.expect('connack');
      const told = connack.properties as { assignedClientIdentifier?: string };
      ids.add(String(told.assignedClientIdentifier));
      expect(connack.sessionPresent).toBe(false);
      peer.socket.destroy();
    }
    expect(ids.size).toBe(6);
    const again = await trio.open();
    const [clientId] = [...ids] as [string];
    expect((await again.connect({ version: 5, clientId, clean: false })).sessionPresent).toBe(true);
  });

  test('3.1.1 [MQTT-3.1.3-6] 3.1.1 [MQTT-3.1.3-7] 3.1.1 [MQTT-3.1.3-8]: an empty one needs a clean session', async () => {
    const first = await trio.v4({ clientId: '' });
    const second = await trio.v4({ clientId: '' });
    await first.expectNothing();
    await second.expectNothing();
    const peer = await trio.open();
    peer.raw(connect({ flags: 0, payload: [text('')] }));
    expect((await peer.expect('connack')).returnCode).toBe(2);
    expect(await peer.next()).toBeUndefined();
  });

  test('[MQTT-3.1.3-8] 3.1.1 [MQTT-3.1.3-9]: one that is refused is told so', async () => {
    const long = text('x'.repeat(1_000));
    await refused(5, connect({ level: 5, payload: [long] }), 0x85);
    const peer = await trio.open();
    peer.raw(connect({ payload: [long] }));
    expect((await peer.expect('connack')).returnCode).toBe(2);
    expect(await peer.next()).toBeUndefined();
  });

  test('[MQTT-3.1.4-3] 3.1.1 [MQTT-3.1.4-2]: the existing connection is closed, on every node and across versions', async () => {
    let before = await trio.v5({ clientId: 'single' });
    for (let i = 0; i < 7; i++) {
      const after = await trio.of(VERSIONS[i % 2]!, { clientId: 'single' });
      await before.expectRefusal(0x8e);
      before = after;
    }
    await before.expectNothing();
  });
});

describe('authentication', () => {
  test('[MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] 3.1.1 [MQTT-3.2.2-4] 3.1.1 [MQTT-3.2.2-5]: a wrong password', async () => {
    for (const version of VERSIONS) {
      const peer = await trio.open();
      const wrong = { version, clientId: 'kept', clean: false, username: 'reader', password: 'no' };
      const connack = await peer.connect(wrong);
      expect(connack.sessionPresent).toBe(false);
      const code = connack.reasonCode ?? connack.returnCode;
      expect(version === 5 ? [0x86] : [4, 5]).toContain(code);
      expect(await peer.next()).toBeUndefined();
    }
  });

  test('[MQTT-3.1.4-6] 3.1.1 [MQTT-3.1.4-5]: what follows a refused CONNECT is not processed', async () => {
    const watcher = await trio.v5();
    await watcher.subscribe('after-refusal/#');
    for (const level of VERSIONS) {
      const peer = await trio.open();
      peer.version = level;
      const section = level === 5 ? [properties()] : [];
      const payload = [text('after'), text('reader'), text('wrong')];
      const publish = packet(0x31, text('after-refusal/x'), ...section, Buffer.from('x'));
      peer.raw(Buffer.concat([connect({ level, flags: 0xc2, payload }), publish]));
      await peer.expect('connack');
      expect(await peer.next()).toBeUndefined();
    }
    await (await trio.v4()).publish('after-refusal/end', 'x', { qos: 1 });
    expect((await watcher.expect('publish')).topic).toBe('after-refusal/end');
  });

  test('3.1.1 [MQTT-3.2.2-6]: what has no return code closes without CONNACK', async () => {
    await refused(4, connect({ flags: 0x03 }), MALFORMED);
  });
});

describe('CONNACK', () => {
  test('[MQTT-3.1.4-5] [MQTT-3.2.2-1] 3.1.1 [MQTT-3.1.4-4]: the bytes of success', async () => {
    const old = await trio.v4();
    expect(old.frames[0]?.toString('hex')).toBe('20020000');
    const now = await trio.v5();
    expect([now.frames[0]?.[0], now.frames[0]?.[2], now.frames[0]?.[3]]).toEqual([0x20, 0, 0]);
    const one = await trio.v4({ clientId: 'connack', clean: false });
    await one.leave();
    const two = await trio.v4({ clientId: 'connack', clean: false });
    expect(two.frames[0]?.toString('hex')).toBe('20020100');
  });
});
