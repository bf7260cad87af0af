import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { hashPasswordArgon2 } from '#core/passwords.ts';
import { eventually } from '../support/broker.ts';
import { startGuarded } from '../support/guarded-broker.ts';

const ADA = { username: 'ada', password: 'lovelace' };
const opened: MqttClient[] = [];
afterAll(() => {
  for (const client of opened) client.end(true);
});

/** Connects with mqtt.js; nothing where that is refused. */
async function connect(url: string, options: IClientOptions): Promise<MqttClient | undefined> {
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...options });
  opened.push(client);
  return new Promise((resolve) => {
    client.once('connect', () => resolve(client));
    client.once('error', () => resolve(undefined));
    client.once('close', () => resolve(undefined));
  });
}

test('argon2id, and users that change on reload: who is still there stays, who is gone goes', async () => {
  const hash = await hashPasswordArgon2('lovelace');
  const server = await startGuarded(`{ users: [ { name: ada, password: "${hash}" },
    { name: bob, password: builder } ] }`);
  try {
    const url = `mqtt://127.0.0.1:${server.broker.ports.mqtt}`;
    const ada = (await connect(url, ADA))!;
    const bob = (await connect(url, { username: 'bob', password: 'builder' }))!;
    expect(await connect(url, { username: 'ada', password: 'lovelacE' })).toBeUndefined();
    await server.reload(`{ users: [ { name: ada, password: changed, acl: [
      { topic: "only/#", access: readwrite } ] } ] }`);
    await eventually('bob is gone', () => !bob.connected);
    expect(ada.connected).toBe(true);
    await ada.publishAsync('elsewhere', 'x', { qos: 1 });
    expect(server.audit('publish')).toMatchObject([{ user: 'ada', topic: 'elsewhere' }]);
    expect(await connect(url, ADA)).toBeUndefined();
    expect(await connect(url, { username: 'ada', password: 'changed' })).toBeDefined();
  } finally {
    await server.stop();
  }
});

test('a flood of refusals leaves a bounded trail that says how many there were', async () => {
  const server = await startGuarded('{ users: [ { name: a, password: b } ] }');
  try {
    const peers = await Promise.all(Array.from({ length: 200 }, () => server.peer()));
    await Promise.all(
      peers.map((peer) => peer.connect({ version: 5, username: 'a', password: 'x' })),
    );
    const { refused, suppressed } = server.broker.audit;
    console.log(`200 refused logins: ${server.audit('connect').length} lines, ${suppressed} held`);
    expect(refused.connect).toBe(200);
    expect(server.audit('connect').length).toBeLessThanOrEqual(20);
    expect(server.audit('connect').length + suppressed).toBe(200);
    expect(JSON.stringify(server.lines)).not.toContain('"x"');
  } finally {
    await server.stop();
  }
});
