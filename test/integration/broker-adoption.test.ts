import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const HOST = '127.0.0.1';
const PATIENCE = 90_000;
const MESSAGES = 200;
const AWAY = { clientId: 'away', protocolVersion: 5, clean: false } as const;
const STAYS = { ...AWAY, properties: { sessionExpiryInterval: 3_600 } };
const STREAMS = [
  ...[0, 1, 2].flatMap((shard) => [`BRAMBLE_LOG_${shard}`, `BRAMBLE_SESSIONS_${shard}`]),
  'BRAMBLE_RETAINED',
];

interface Ports {
  mqtt: number;
  health: number;
  nats: number;
  route: number;
  monitor: number;
}

let directory: string;
let ports: Ports[];
const running: ChildProcess[] = [];
let clients: MqttClient[] = [];
let output = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bramble-adoption-'));
  const free = await freePorts(15);
  ports = [0, 1, 2].map((i) => {
    const [first, health, nats, route, monitor] = free.slice(5 * i) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { mqtt: first, health, nats, route, monitor };
  });
  output = '';
});

afterEach(async () => {
  for (const client of clients) client.end(true);
  clients = [];
  await stop();
  await rm(directory, { recursive: true, force: true });
});

async function stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  for (const child of running.splice(0).reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

function run(command: string, ...args: string[]): ChildProcess {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  running.push(child);
  return child;
}

/** The files of a cluster of so many nodes; alone, a nats-server knows of no cluster. */
async function configure(count: number): Promise<void> {
  const nodes = ports.slice(0, count).map((_, i) => `{ name: pi${i + 1}, address: ${HOST} }`);
  await writeFile(
    join(directory, 'cluster.yaml'),
    `cluster: { name: test, secret: 0123456789abcdef }\nnodes: [${nodes.join()}]\nmqtt: { anonymous: true }\n`,
  );
  const routes = ports.map(({ route }) => `"nats://${HOST}:${route}"`).join();
  for (const [i, { mqtt: port, health, nats, route, monitor }] of ports.slice(0, count).entries()) {
    const name = `pi${i + 1}`;
    await writeFile(
      join(directory, `${name}.conf`),
      `server_name: ${name}
server_tags: ["node:${name}"]
listen: "${HOST}:${nats}"
http: "${HOST}:${monitor}"
jetstream { store_dir: "${join(directory, name)}", max_mem: 64MB, max_file: 4GB }
authorization { user: test, password: test-secret }
${count === 1 ? '' : `cluster { name: test, listen: "${HOST}:${route}", routes: [${routes}] }`}
`,
    );
    await writeFile(
      join(directory, `${name}.yaml`),
      JSON.stringify({
        node: name,
        cluster: join(directory, 'cluster.yaml'),
        listen: { mqtt: { host: HOST, port }, health: { host: HOST, port: health } },
        nats: {
          url: `nats://${HOST}:${nats}`,
          user: 'test',
          password: 'test-secret',
          monitor: `http://${HOST}:${monitor}`,
        },
      }),
    );
  }
}

/** Resolves with the processes of each node when all brokers serve. */
async function start(count: number): Promise<ChildProcess[][]> {
  const nodes = ports.slice(0, count).map((_, i) => {
    const engine = run('nats-server', '-c', join(directory, `pi${i + 1}.conf`));
    const file = join(directory, `pi${i + 1}.yaml`);
    return [engine, run(join(ROOT, 'bin/node'), 'services/broker/main.ts', '--config', file)];
  });
  for (const { health } of ports.slice(0, count)) {
    const ready = async (): Promise<boolean> => {
      try {
        return (await fetch(`http://${HOST}:${health}/readyz`)).ok;
      } catch {
        return false;
      }
    };
    await eventually('ready', ready, PATIENCE).catch((error: Error) => {
      throw new Error(`${error.message}\n${output}`);
    });
  }
  return nodes;
}

async function connect(node: number, options: mqtt.IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(`mqtt://${HOST}:${ports[node]!.mqtt}`, {
    reconnectPeriod: 0,
    ...options,
  });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

async function replicas(node: number): Promise<number[]> {
  const servers = `nats://${HOST}:${ports[node]!.nats}`;
  const nats = await connectNats({ servers, user: 'test', pass: 'test-secret' });
  try {
    const manager = await jetstreamManager(nats, { checkAPI: false });
    const infos = await Promise.all(STREAMS.map((name) => manager.streams.info(name)));
    return infos.map(
      ({ cluster }) => 1 + (cluster?.replicas?.filter(({ current }) => current).length ?? 0),
    );
  } catch {
    return [];
  } finally {
    await nats.close();
  }
}

test('a node that was alone brings everything into the cluster of three', async () => {
  await configure(1);
  await start(1);
  const away = await connect(0, STAYS);
  await once(away as never, 'connect');
  await away.subscribeAsync('kept/#', { qos: 2 });
  await away.endAsync();
  const publisher = await connect(0);
  await once(publisher as never, 'connect');
  for (let i = 0; i < MESSAGES; i++) {
    await publisher.publishAsync(`kept/${i % 7}`, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
  }
  await publisher.publishAsync('state', 'on', { qos: 1, retain: true });
  await stop('SIGTERM');

  await configure(3);
  const began = performance.now();
  const [first] = await start(3);
  const ready = Math.round(performance.now() - began);
  await eventually(
    'three replicas',
    async () => `${await replicas(1)}` === '3,3,3,3,3,3,3',
    PATIENCE,
  );
  const grown = Math.round(performance.now() - began);
  // Beyond the time after which nats-server takes away what it does not know.
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 35_000 - grown)));
  for (const child of first!) child.kill('SIGKILL');

  const got: string[] = [];
  const back = await connect(1, STAYS);
  back.on('message', (_, payload) => got.push(payload.toString()));
  await eventually('all that waited', () => got.length >= MESSAGES, PATIENCE);
  const reader = await connect(2);
  const states: string[] = [];
  reader.on('message', (_, payload) => states.push(payload.toString()));
  await once(reader as never, 'connect');
  await reader.subscribeAsync('state');
  await eventually('retained', () => states.length > 0, PATIENCE);
  console.log(
    `ready after ${ready} ms, three replicas after ${grown} ms; ${got.length}/${MESSAGES} and the retained one`,
  );
  expect(new Set(got).size).toBe(MESSAGES);
  expect(got.length).toBe(MESSAGES);
  expect(states).toEqual(['on']);
});
