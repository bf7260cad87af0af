import mqtt from 'mqtt';
import { eventually } from './broker.ts';

export interface StoredOptions {
  host: string;
  login: { username: string; password: string };
  /** Client id of a client that is away. */
  away: string;
}

export interface Stored {
  retained: number;
  waited: number;
}

const RETAINED = 40;
const WAITING = 60;
const PATIENCE = 60_000;
const SESSION_S = 86_400;

/** What storeMessages leaves, all of it. */
export const ALL_STORED: Stored = { retained: RETAINED, waited: WAITING };

const optionsOf = ({ login }: StoredOptions, clientId: string, clean: boolean) => ({
  ...login,
  clientId,
  clean,
  protocolVersion: 5 as const,
  properties: { sessionExpiryInterval: SESSION_S },
  connectTimeout: PATIENCE,
});

/** Retained messages, and a session that is away and has messages coming. */
export async function storeMessages(options: StoredOptions): Promise<void> {
  const { host, away } = options;
  const sleeper = await mqtt.connectAsync(`mqtt://${host}:1883`, optionsOf(options, away, false));
  await sleeper.subscribeAsync(`waiting/${away}`, { qos: 1 });
  await sleeper.endAsync();
  const writing = optionsOf(options, `${away}-writer`, true);
  const publisher = await mqtt.connectAsync(`mqtt://${host}:1883`, writing);
  for (let i = 0; i < RETAINED; i++) {
    await publisher.publishAsync(`kept/${i}`, `value ${i}`, { qos: 1, retain: true });
  }
  for (let i = 0; i < WAITING; i++) {
    await publisher.publishAsync(`waiting/${away}`, String(i), { qos: 1 });
  }
  await publisher.endAsync();
}

/** How much of it is there. The session has taken its messages by then. */
export async function countMessages(options: StoredOptions): Promise<Stored> {
  const { host, away } = options;
  const url = `mqtt://${host}:1883`;
  const sleeper = mqtt.connect(url, optionsOf(options, away, false));
  const waited = new Set<string>();
  sleeper.on('message', (_, payload) => waited.add(String(payload)));
  const reader = await mqtt.connectAsync(url, optionsOf(options, `${away}-reader`, true));
  const retained = new Set<string>();
  reader.on('message', (topic, payload) => retained.add(`${topic} ${payload}`));
  await reader.subscribeAsync('kept/#', { qos: 1 });
  const all = () => waited.size >= WAITING && retained.size >= RETAINED;
  await eventually('all is there', all, PATIENCE).catch(() => undefined);
  await Promise.all([sleeper.endAsync(), reader.endAsync()]);
  return { retained: retained.size, waited: waited.size };
}
