import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import mqttPacket from 'mqtt-packet';
import { startBrokers } from '../support/broker.ts';
import { Mosquitto } from './mosquitto.ts';
import { rss } from './rss.ts';

export interface Idle {
  name: string;
  /** Resident memory that a connection adds while it does nothing, bytes. */
  bytes: number;
}

/** Connections that are on their way at a time. */
const PARALLEL = 100;
/** Until what connecting took is given back, milliseconds. */
const SETTLE = 5_000;
/** Enough that the size of the heap's young part hardly counts. */
const IDLE = 5_000;
const CONNACK_CODE = 3;

/** Opens so many connections as fast as they are accepted; resolves with how many a second. */
export async function openIdle(
  port: number,
  count: number,
): Promise<{ perSecond: number; close(): void }> {
  const sockets: Socket[] = [];
  let next = 0;
  const open = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    const clientId = `idle-${next++}`;
    await once(socket, 'connect');
    const packet = { cmd: 'connect', clientId, clean: true, keepalive: 0 };
    socket.write(mqttPacket.generate(packet as never));
    const [connack] = (await once(socket, 'data')) as [Buffer];
    if (connack[CONNACK_CODE] !== 0) throw new Error(`refused with ${connack[CONNACK_CODE]}`);
  };
  const from = performance.now();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < count) await open();
    }),
  );
  const perSecond = (count / (performance.now() - from)) * 1_000;
  return {
    perSecond,
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * What an idle connection costs in a process that has done nothing else yet: in one that has worked
 * the heap is large already, and swallows them.
 */
export async function idleMemory(mqtt: string): Promise<Idle[]> {
  const idle: Idle[] = [];
  const measure = async (name: string, port: number, pid: number): Promise<void> => {
    await sleep(SETTLE);
    const before = rss(pid);
    const connections = await openIdle(port, IDLE);
    await sleep(SETTLE);
    idle.push({ name, bytes: (rss(pid) - before) / IDLE });
    connections.close();
  };
  const mosquitto = new Mosquitto();
  try {
    await mosquitto.start();
    await measure('mosquitto', mosquitto.port, mosquitto.pid);
  } finally {
    await mosquitto.close();
  }
  for (const [name, options] of Object.entries({
    'one, durable': { count: 1 },
    'one, no log': { count: 1, nats: false },
    'three, durable': { count: 3 },
  })) {
    const cluster = await startBrokers({ ...options, mqtt });
    try {
      const [broker] = cluster.brokers;
      await measure(name, broker!.mqttPort, broker!.process!.pid!);
    } finally {
      await cluster.stop();
    }
  }
  return idle;
}
