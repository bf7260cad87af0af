import { once } from 'node:events';
import net from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { type GuardedBroker, startGuarded } from '../support/guarded-broker.ts';

let server: GuardedBroker | undefined;
let clients: MqttClient[] = [];

afterEach(async () => {
  for (const client of clients) client.end(true);
  clients = [];
  await server?.stop();
  server = undefined;
});

async function connect(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, ...options });
  client.on('error', () => {});
  clients.push(client);
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  return client;
}

const QUOTA_EXCEEDED = 0x97;
const retained = { qos: 1, retain: true } as const;

test('a retained message beyond the limit leaves an audit line, and a reload makes room', async () => {
  server = await startGuarded('{ anonymous: true, limits: { retained: 1 } }');
  const client = await connect(`mqtt://127.0.0.1:${server.broker.ports.mqtt}`, { clientId: 'c' });
  await client.publishAsync('one', 'x', retained);
  await expect(client.publishAsync('two', 'x', retained)).rejects.toThrow();
  expect(server.audit('publish')).toMatchObject([
    { clientId: 'c', topic: 'two', reason: QUOTA_EXCEEDED, address: '127.0.0.1' },
  ]);
  await server.reload('{ anonymous: true, limits: { retained: 2 } }');
  await client.publishAsync('two', 'x', retained);
  await expect(client.publishAsync('three', 'x', retained)).rejects.toThrow();
});

test('a publish or subscribe against the rules leaves one line, not two', async () => {
  server = await startGuarded(
    '{ anonymous: true, acl: [{ topic: no, access: deny }, { topic: "#", access: readwrite }] }',
  );
  const client = await connect(`mqtt://127.0.0.1:${server.broker.ports.mqtt}`);
  await expect(client.publishAsync('no', 'x', { qos: 1 })).rejects.toThrow();
  await client.subscribeAsync('no').catch(() => {});
  expect(server.audit('publish')).toHaveLength(1);
  expect(server.audit('subscribe')).toHaveLength(1);
  expect(server.lines.filter(({ msg }) => String(msg).includes('refused'))).toHaveLength(2);
});

test('listeners take the time until CONNECT from the file as it is now', async () => {
  server = await startGuarded('{ anonymous: true, limits: { connect: 1 h } }', {
    proxyProtocol: true,
  });
  const { mqtt: port, websocket } = server.broker.ports;
  await server.reload('{ anonymous: true, limits: { connect: 200 ms } }');
  for (const silent of [port, websocket]) {
    const socket = net.connect(silent, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket.resume(), 'close');
  }
});

test('a larger packet comes through a WebSocket after a reload', async () => {
  server = await startGuarded('{ anonymous: true, limits: { packet: 1 KiB } }');
  const url = `ws://127.0.0.1:${server.broker.ports.websocket}/mqtt`;
  const payload = Buffer.alloc(50_000);
  const before = await connect(url, { protocolVersion: 4 });
  const closed = new Promise<void>((resolve) => before.once('close', () => resolve()));
  before.publish('t', payload, { qos: 1 });
  await closed;
  await server.reload('{ anonymous: true, limits: { packet: 64 KiB } }');
  const after = await connect(url, { protocolVersion: 4 });
  await after.publishAsync('t', payload, { qos: 1 });
});
