import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ConnectOptions,
  type InProcessBroker,
  startInProcess,
} from '../../support/broker-peer.ts';

let server: InProcessBroker;
beforeAll(async () => {
  server = await startInProcess('{ anonymous: true, limits: { packet: 64 KiB } }');
});
afterAll(() => server?.stop());

const v5 = (options: ConnectOptions = {}) => server.peer({ version: 5, ...options });
type Properties = Record<string, unknown> & { subscriptionIdentifier?: number | number[] };
const propertiesOf = (packet: unknown): Properties =>
  ((packet as { properties?: Properties }).properties ?? {}) as Properties;

describe('sessions', () => {
  test('3.1.2.11.2: session expiry 0 ends with the connection, 1 s ends after it', async () => {
    for (const [expiry, wait, present] of [
      [0, 0, false],
      [100, 0, true],
      [1, 2200, false],
    ] as const) {
      const clientId = `expiry-${expiry}`;
      const properties = { sessionExpiryInterval: expiry };
      const first = await v5({ clientId, clean: true, properties });
      await first.subscribe('expiry/#', 1);
      first.send({ cmd: 'disconnect', reasonCode: 0 });
      await first.expectClose();
      await sleep(wait);
      const second = await server.peer();
      const connack = await second.connect({ version: 5, clientId, clean: false, properties });
      expect([expiry, connack.sessionPresent]).toEqual([expiry, present]);
      second.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
    }
  });

  test('[MQTT-3.14.2-2] DISCONNECT cannot raise an expiry of 0', async () => {
    const peer = await v5({});
    peer.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    expect((await peer.expect('disconnect')).reasonCode).toBe(0x82);
  });

  test('[MQTT-3.3.2-5] [MQTT-3.3.2-6] expired messages are not delivered, others tell what is left', async () => {
    const properties = { sessionExpiryInterval: 60 };
    const first = await v5({ clientId: 'pubexp', properties });
    await first.subscribe('pe/#', 2);
    first.send({ cmd: 'disconnect', reasonCode: 0 });
    await first.expectClose();
    const publisher = await v5();
    await publisher.publish('pe/short', 'x', { qos: 1, properties: { messageExpiryInterval: 1 } });
    await publisher.publish('pe/long', 'x', { qos: 2, properties: { messageExpiryInterval: 6 } });
    await publisher.publish('pe/none', 'x', { qos: 1 });
    await sleep(2100);
    const second = await v5({ clientId: 'pubexp', clean: false, properties });
    const long = await second.expect('publish');
    expect(long.topic).toBe('pe/long');
    expect(propertiesOf(long).messageExpiryInterval).toBeLessThan(6);
    expect(propertiesOf(long).messageExpiryInterval).toBeGreaterThan(0);
    expect((await second.expect('publish')).topic).toBe('pe/none');
    await second.expectNothing();
  });

  test('3.3.2.3.3: retained messages expire too', async () => {
    const publisher = await v5();
    await publisher.publish('re/short', 'x', {
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval: 1 },
    });
    await sleep(1100);
    const late = await v5();
    await late.subscribe('re/#');
    await late.expectNothing();
  });
});

describe('wills', () => {
  const will = (topic: string, delay: number) => ({
    topic,
    payload: Buffer.from('will'),
    qos: 1,
    retain: false,
    properties: { willDelayInterval: delay, contentType: 'text', userProperties: { a: 'b' } },
  });

  test('[MQTT-3.1.3-9] a delayed will comes later, and not when the client comes back', async () => {
    const watcher = await v5();
    await watcher.subscribe('delay/#', 1);
    const properties = { sessionExpiryInterval: 60 };
    const back = await v5({ clientId: 'back', will: will('delay/back', 1), properties });
    back.socket.destroy();
    const lost = await v5({ clientId: 'lost', will: will('delay/lost', 1), properties });
    const started = performance.now();
    lost.socket.destroy();
    await sleep(50);
    await v5({ clientId: 'back', clean: false, properties });
    const got = await watcher.expect('publish');
    expect(got.topic).toBe('delay/lost');
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(propertiesOf(got)).toMatchObject({ contentType: 'text', userProperties: { a: 'b' } });
    await sleep(800);
    await watcher.expectNothing();
  });

  test('3.1.3.2.2: the session ending first sends it at once', async () => {
    const watcher = await v5();
    await watcher.subscribe('early/#', 1);
    const peer = await v5({ clientId: 'early', will: will('early/x', 60) });
    peer.socket.destroy();
    expect((await watcher.expect('publish')).topic).toBe('early/x');
  });

  test('3.1.4: takeover with clean start sends a delayed will, without it does not', async () => {
    const watcher = await v5();
    await watcher.subscribe('taken/#', 1);
    const properties = { sessionExpiryInterval: 60 };
    await v5({ clientId: 'taken', will: will('taken/no', 60), properties });
    await v5({ clientId: 'taken', clean: false, will: will('taken/yes', 60), properties });
    await watcher.expectNothing();
    await v5({ clientId: 'taken', clean: true });
    expect((await watcher.expect('publish')).topic).toBe('taken/yes');
  });

  test('3.14.2.1: DISCONNECT 0x04 sends the will', async () => {
    const watcher = await v5();
    await watcher.subscribe('bye/#', 1);
    const peer = await v5({ will: will('bye/x', 0) });
    peer.send({ cmd: 'disconnect', reasonCode: 4 });
    expect((await watcher.expect('publish')).topic).toBe('bye/x');
  });
});
