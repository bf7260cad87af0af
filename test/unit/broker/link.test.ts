import net from 'node:net';
import fc from 'fast-check';
import mqtt from 'mqtt';
import { generate } from 'mqtt-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Framer } from '../../../services/broker/link/framer.ts';
import { PROXY_HEADER_MAX, parseProxyV2 } from '../../../services/broker/link/proxy-v2.ts';
import { TrustedAddresses } from '../../../services/broker/link/trusted.ts';
import { type InProcessBroker, startInProcess } from '../../support/broker-peer.ts';

let server: InProcessBroker | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const header = (family: number, body: Buffer, command = 0x21) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, body]);
};
const IPV4 = header(0x11, Buffer.from('c0000201' + '7f000001' + '1234' + '075b', 'hex'));

describe('PROXY v2', () => {
  test('IPv4, IPv6, LOCAL and extensions', () => {
    expect(parseProxyV2(IPV4)).toEqual({
      source: { address: '192.0.2.1', port: 0x1234 },
      length: 28,
    });
    const six = header(
      0x21,
      Buffer.concat([
        Buffer.alloc(15),
        Buffer.from([1]),
        Buffer.alloc(16),
        Buffer.from('00500051', 'hex'),
      ]),
    );
    expect(parseProxyV2(six)?.source).toEqual({ address: '0:0:0:0:0:0:0:1', port: 80 });
    expect(parseProxyV2(header(0, Buffer.alloc(0), 0x20))).toEqual({
      source: undefined,
      length: 16,
    });
    expect(parseProxyV2(header(0x11, Buffer.alloc(40)))?.length).toBe(56);
  });

  test('any bytes: a header, more needed, or a clear error; never more than the bound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, signed) => {
        const data = signed ? Buffer.concat([SIGNATURE, bytes]) : Buffer.from(bytes);
        try {
          const parsed = parseProxyV2(data);
          if (parsed !== undefined) expect(parsed.length).toBeLessThanOrEqual(data.length);
          else expect(data.length).toBeLessThan(PROXY_HEADER_MAX);
        } catch (error) {
          expect((error as { code?: string }).code).toBe('BRAMBLE_PROTOCOL');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('the client’s address is the header’s, in pieces too; without a header nobody comes in', async () => {
    server = await startInProcess('{ anonymous: true, limits: { connect: 500 ms } }', {
      proxyProtocol: true,
    });
    const connect = generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      clientId: 'p',
      keepalive: 0,
    });
    const all = Buffer.concat([IPV4, connect]);
    const socket = net.connect(server.port, '127.0.0.1');
    const answered = new Promise<Buffer>((go) => socket.once('data', go));
    for (const byte of all) {
      socket.write(Buffer.from([byte]));
      await new Promise((go) => setImmediate(go));
    }
    expect((await answered)[0]).toBe(0x20);
    const [connection] = [...server.broker.sessions.connections];
    expect(connection?.transport.remoteAddress).toBe('192.0.2.1');
    socket.destroy();
    for (const bytes of [connect, SIGNATURE]) {
      const bare = net.connect(server.port, '127.0.0.1');
      bare.on('error', () => {});
      bare.write(bytes);
      await new Promise((go) => bare.once('close', go));
    }
  });

  test('an address that is not trusted is refused', async () => {
    server = await startInProcess('{ anonymous: true }', {
      proxyProtocol: true,
      trusted: ['192.0.2.9', '10.0.0.0/8'],
    });
    const socket = net.connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(IPV4);
    await new Promise((go) => socket.once('close', go));
    const trusted = new TrustedAddresses(['10.0.0.0/8', '::1']);
    expect(
      ['10.9.9.9', '::ffff:10.0.0.1', '::1', '11.0.0.1', ''].map((a) => trusted.includes(a)),
    ).toEqual([true, true, true, false, false]);
  });
});

describe('framing', () => {
  test('any packets in any pieces come out whole and in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 20 }),
        (bodies, cuts) => {
          const packets = bodies.map((body) =>
            generate({
              cmd: 'publish',
              topic: 't',
              payload: Buffer.from(body),
              qos: 0,
              dup: false,
              retain: false,
            }),
          );
          const stream = Buffer.concat(packets);
          const out: Buffer[] = [];
          const framer = new Framer(1 << 20, (frame) => out.push(Buffer.from(frame)));
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length]!;
            if (i % 3 === 0) framer.pause();
            framer.push(stream.subarray(at, at + size));
            framer.resume();
            at += size;
          }
          expect(out).toEqual(packets);
          expect(framer.buffered).toBe(0);
        },
      ),
    );
  });
});

describe('WebSocket', () => {
  test('publish and subscribe, both versions, and subprotocol mqtt only', async () => {
    server = await startInProcess();
    for (const protocolVersion of [4, 5] as const) {
      const client = await mqtt.connectAsync(`ws://127.0.0.1:${server.websocketPort}/mqtt`, {
        protocolVersion,
        reconnectPeriod: 0,
      });
      const got = new Promise<number>((go) =>
        client.on('message', (_, payload) => go(payload.length)),
      );
      await client.subscribeAsync('ws/x', { qos: 1 });
      await client.publishAsync('ws/x', Buffer.alloc(100_000), { qos: 1 });
      expect(await got).toBe(100_000);
      await client.endAsync();
    }
    const wrong = new WebSocket(`ws://127.0.0.1:${server.websocketPort}/mqtt`, ['other']);
    const failed = await new Promise<Error>((go) => wrong.once('error', go));
    expect(failed.message).toMatch(/400/);
    const text = new WebSocket(`ws://127.0.0.1:${server.websocketPort}/mqtt`, ['mqtt']);
    await new Promise((go) => text.once('open', go));
    text.send('hello');
    await new Promise((go) => text.once('close', go));
  });

  test('a socket that never asks for WebSocket is closed in time', async () => {
    server = await startInProcess('{ anonymous: true, limits: { connect: 200 ms } }');
    for (const bytes of ['', 'GET /mqtt HTTP/1.1\r\nHost:']) {
      const socket = net.connect(server.websocketPort, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(bytes);
      await new Promise((go) => socket.once('close', go));
    }
  });

  test('behind a PROXY header', async () => {
    server = await startInProcess('{ anonymous: true }', { proxyProtocol: true });
    const socket = net.connect(server.websocketPort, '127.0.0.1');
    const request =
      'GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n';
    const answer = new Promise<string>((go) => socket.once('data', (data) => go(data.toString())));
    socket.write(Buffer.concat([IPV4, Buffer.from(request)]));
    expect(await answer).toMatch(/^HTTP\/1.1 101/);
    const [connection] = [...server.broker.sessions.connections];
    expect(connection?.transport.remoteAddress).toBe('192.0.2.1');
    socket.destroy();
  });
});
