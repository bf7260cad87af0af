import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { type BrokerStatus, brokerStatusSchema } from '#core/contracts/status.ts';
import { type NatsServer, startNats } from './nats.ts';
import { freePorts } from './ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const START_TIMEOUT = 30_000;

export interface BrokersOptions {
  /** Brokers, each on a node of its own (`pi1`, `pi2`, …). */
  count?: number;
  /** The `mqtt` part of cluster.yaml, as YAML in flow style. */
  mqtt?: string;
  /** Without it, every broker has its own nats-server, clustered; `false`: one broker alone. */
  nats?: boolean;
  websocket?: boolean;
  proxyProtocol?: boolean;
  /** Start only the first so many now. */
  startNow?: number;
}

/** A broker process. */
export interface TestBroker {
  readonly node: string;
  readonly mqttPort: number;
  readonly websocketPort: number;
  readonly nats: NatsServer | undefined;
  /** Directory whose files ask that it takes no clients; it does not exist at first. */
  readonly drain: string;
  process: ChildProcess | undefined;
  output: string;
  start(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  status(): Promise<BrokerStatus>;
  ready(): Promise<{ ready: boolean; reasons: string[] }>;
  metrics(): Promise<string>;
}

export interface TestBrokers {
  brokers: TestBroker[];
  natsServers: NatsServer[];
  clusterFile: string;
  /** Writes another `mqtt` part into cluster.yaml. */
  writeCluster(mqtt: string): Promise<void>;
  /** Connects with mqtt.js to the broker of index `node`. */
  connect(node: number, options?: IClientOptions): Promise<MqttClient>;
  stop(): Promise<void>;
}

/** Starts broker processes (and their nats-servers) on free ports; `stop` ends them all. */
export async function startBrokers(options: BrokersOptions = {}): Promise<TestBrokers> {
  const { count = 2, mqtt: part = '{ anonymous: true }', nats = true } = options;
  const directory = await mkdtemp(join(tmpdir(), 'bramble-broker-'));
  const engine = nats ? await startNats(count) : undefined;
  const ports = await freePorts(count * 3);
  const clusterFile = join(directory, 'cluster.yaml');
  const writeCluster = (mqttPart: string): Promise<void> => {
    const nodes = Array.from(
      { length: count },
      (_, i) => `{ name: pi${i + 1}, address: 127.0.0.1 }`,
    );
    const text = `cluster: { name: test, secret: 0123456789abcdef }\nnodes: [${nodes.join(', ')}]\nmqtt: ${mqttPart}\n`;
    return writeFile(clusterFile, text);
  };
  await writeCluster(part);
  const clients: MqttClient[] = [];
  const brokers: TestBroker[] = [];
  for (let i = 0; i < count; i++) {
    const [mqttPort, websocketPort, health] = [ports[3 * i]!, ports[3 * i + 1]!, ports[3 * i + 2]!];
    const file = join(directory, `broker-${i + 1}.yaml`);
    const server = engine?.servers[i];
    const proxy = options.proxyProtocol === true;
    const drain = join(directory, `drain-${i + 1}`);
    await writeFile(
      file,
      JSON.stringify({
        node: `pi${i + 1}`,
        cluster: clusterFile,
        drain,
        listen: {
          mqtt: { host: '127.0.0.1', port: mqttPort, proxyProtocol: proxy },
          ...(options.websocket === true
            ? { websocket: { host: '127.0.0.1', port: websocketPort, proxyProtocol: proxy } }
            : {}),
          health: { host: '127.0.0.1', port: health },
        },
        ...(server === undefined
          ? {}
          : { nats: { url: server.url, user: server.user, password: server.password } }),
      }),
    );
    const url = `http://127.0.0.1:${health}`;
    brokers.push({
      node: `pi${i + 1}`,
      mqttPort,
      websocketPort,
      nats: server,
      drain,
      process: undefined,
      output: '',
      async start() {
        const child = spawn(join(ROOT, 'bin/node'), ['services/broker/main.ts', '--config', file], {
          cwd: ROOT,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.process = child;
        const keep = (chunk: Buffer): void => {
          this.output = (this.output + chunk.toString()).slice(-100_000);
        };
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
        const until = performance.now() + START_TIMEOUT;
        while (!(await this.ready()).ready) {
          if (child.exitCode !== null || performance.now() > until) {
            throw new Error(`broker ${i + 1} did not start:\n${this.output}`);
          }
          await pause(50);
        }
      },
      async kill(signal = 'SIGKILL') {
        const child = this.process;
        if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGCONT');
        child.kill(signal);
        await exited;
      },
      async status() {
        return brokerStatusSchema.parse(await (await fetch(`${url}/status`)).json());
      },
      async ready() {
        try {
          return (await (await fetch(`${url}/readyz`)).json()) as {
            ready: boolean;
            reasons: string[];
          };
        } catch {
          return { ready: false, reasons: ['does not answer'] };
        }
      },
      async metrics() {
        return (await fetch(`${url}/metrics`)).text();
      },
    });
  }
  await Promise.all(brokers.slice(0, options.startNow ?? count).map((broker) => broker.start()));
  return {
    brokers,
    natsServers: engine?.servers ?? [],
    clusterFile,
    writeCluster,
    async connect(node, clientOptions = {}) {
      const client = mqtt.connect(`mqtt://127.0.0.1:${brokers[node]!.mqttPort}`, {
        reconnectPeriod: 0,
        ...clientOptions,
      });
      clients.push(client);
      // From the first byte on: what waited for the session comes together with CONNACK.
      inboxes.set(client, collect(client));
      let failure: Error | undefined;
      client.on('error', (error) => {
        failure = error;
      });
      await new Promise<void>((resolve, reject) => {
        client.once('connect', () => resolve());
        client.once('close', () => reject(failure ?? new Error('closed before CONNACK')));
      });
      return client;
    },
    async stop() {
      for (const client of clients) client.end(true);
      await Promise.all(brokers.map((broker) => broker.kill()));
      await engine?.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until `condition` holds; fails after `timeout` milliseconds with `what`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeout = 10_000,
): Promise<void> {
  const until = performance.now() + timeout;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`not within ${timeout} ms: ${what}`);
    await pause(20);
  }
}

export interface Received {
  topic: string;
  payload: string;
  retain: boolean;
  qos: number;
  dup: boolean;
  properties: NonNullable<IPublishPacket['properties']>;
}

const inboxes = new WeakMap<MqttClient, Received[]>();

function collect(client: MqttClient): Received[] {
  const messages: Received[] = [];
  client.on('message', (topic, payload, { retain, qos, dup, properties = {} }) => {
    messages.push({ topic, payload: payload.toString(), retain, qos, dup, properties });
  });
  return messages;
}

/** All that a client of ours has received since it connected, in order; it grows. */
export function inbox(client: MqttClient): Received[] {
  return inboxes.get(client)!;
}
