import net from 'node:net';
import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InProcessBroker, startInProcess } from '../../support/broker-peer.ts';

let server: InProcessBroker;
beforeAll(async () => {
  server = await startInProcess('{ anonymous: true, limits: { packet: 16 KiB } }');
});
afterAll(() => server?.stop());

const connectFrame = (protocolVersion: 4 | 5) =>
  generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion,
    clean: true,
    clientId: '',
    keepalive: 60,
  });

/** Sends bytes, waits for the close or a little, and leaves. */
async function attack(bytes: Buffer): Promise<void> {
  const socket = net.connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.end(bytes);
  await new Promise((go) => socket.once('close', go));
}

const valid = (version: 4 | 5): fc.Arbitrary<Buffer> => {
  const properties = version === 5 ? { properties: {} } : {};
  const packets: Packet[] = [
    {
      cmd: 'publish',
      topic: 'f/a',
      payload: Buffer.from('x'),
      qos: 1,
      messageId: 4,
      dup: false,
      retain: true,
      ...properties,
    },
    {
      cmd: 'publish',
      topic: 'f/b',
      payload: Buffer.alloc(300),
      qos: 2,
      messageId: 5,
      dup: false,
      retain: false,
      ...properties,
    },
    {
      cmd: 'subscribe',
      messageId: 6,
      subscriptions: [{ topic: 'f/#', qos: 2, nl: false, rap: false, rh: 0 }],
      ...properties,
    },
    { cmd: 'unsubscribe', messageId: 7, unsubscriptions: ['f/#'], ...properties },
    { cmd: 'pubrel', messageId: 5, reasonCode: 0 } as Packet,
    { cmd: 'pubrec', messageId: 9, reasonCode: 0 } as Packet,
    { cmd: 'puback', messageId: 9, reasonCode: 0 } as Packet,
    { cmd: 'pingreq' },
    { cmd: 'disconnect', reasonCode: 4 } as Packet,
  ];
  return fc.constantFrom(
    ...packets.map((packet) => generate(packet, { protocolVersion: version })),
  );
};

test('random bytes and mutated packets close that client only; the broker lives and serves', async () => {
  const witness = await server.peer({ clientId: 'witness', keepalive: 0 });
  await witness.subscribe('witness');
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc
        .constantFrom(4 as const, 5 as const)
        .chain((version) =>
          fc.tuple(
            fc.constant(version),
            fc.array(valid(version), { minLength: 1, maxLength: 5 }),
            fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
            fc.uint8Array({ maxLength: 60 }),
            fc.boolean(),
          ),
        ),
      async ([version, packets, mutations, noise, withConnect]) => {
        runs++;
        const body = Buffer.concat([...packets, noise]);
        for (const [at, value] of mutations) if (body.length > 0) body[at % body.length] = value;
        await attack(Buffer.concat([...(withConnect ? [connectFrame(version)] : []), body]));
      },
    ),
    { numRuns: 500 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(120), async (noise, at) => {
      runs++;
      const connect = Buffer.from(connectFrame(5));
      connect[at % connect.length] = noise[0] ?? 0;
      await attack(Buffer.concat([connect, noise]));
    }),
    { numRuns: 300 },
  );
  await witness.publish('witness', 'alive', { qos: 1 }).catch(() => {});
  const kinds = witness.received.map((packet) => packet.cmd);
  expect(kinds).toContain('publish');
  expect(witness.closed).toBe(false);
  console.log(
    `hostile connections: ${runs}, left open: ${server.broker.sessions.connections.size - 1}`,
  );
  expect(server.broker.sessions.connections.size).toBe(1);
  expect(server.broker.sessions.connected).toBe(1);
}, 60_000);
