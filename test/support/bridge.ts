import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { MqttClient } from 'mqtt';
import { type BridgeStatus, bridgeStatusSchema } from '#core/contracts/bridge.ts';
import { BRIDGE_ENVIRONMENT, BRIDGE_LIMITS } from '../../provisioning/dev/specs.ts';
import { pause, type TestBrokers } from './broker.ts';
import { freePorts } from './ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const START_TIMEOUT = 60_000;

/** A bridge process. */
export interface TestBridge {
  readonly node: string;
  readonly health: string;
  process: ChildProcess | undefined;
  output: string;
  start(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  freeze(): void;
  thaw(): void;
  status(): Promise<BridgeStatus>;
}

export interface TestBridges {
  bridges: TestBridge[];
  stop(): Promise<void>;
}

export const ADMIN_TOKEN = 'bridge-admin-token';

/** What `startBrokers` takes as `mqtt`: that part, and more parts of cluster.yaml. */
export function clusterParts(mqtt: string, kafka: object, bridge: object): string {
  return `${mqtt}\nkafka: ${JSON.stringify(kafka)}\nbridge: ${JSON.stringify(bridge)}`;
}

/** Starts a bridge on each of the first `count` nodes of a cluster whose cluster.yaml has one. */
export async function startBridges(
  cluster: TestBrokers,
  count = 1,
  startNow = count,
): Promise<TestBridges> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bramble-bridge-'));
  const ports = await freePorts(count);
  const bridges: TestBridge[] = [];
  for (let i = 0; i < count; i++) {
    const broker = cluster.brokers[i % cluster.brokers.length]!;
    const nats = cluster.natsServers[i % cluster.natsServers.length]!;
    const file = path.join(folder, `bridge-${i + 1}.yaml`);
    const health = `http://127.0.0.1:${ports[i]}`;
    const node = `pi${i + 1}`;
    await writeFile(
      file,
      JSON.stringify({
        node,
        cluster: cluster.clusterFile,
        health: { host: '127.0.0.1', port: ports[i] },
        admin: { token: ADMIN_TOKEN },
        nats: { url: nats.url, user: nats.user, password: nats.password },
        mqtt: { url: `mqtt://127.0.0.1:${broker.mqttPort}` },
      }),
    );
    bridges.push({
      node,
      health,
      process: undefined,
      output: '',
      async start() {
        const args = [...BRIDGE_LIMITS, 'services/bridge/main.ts', '--config', file];
        const child = spawn(path.join(ROOT, 'bin/node'), args, {
          cwd: ROOT,
          env: { ...process.env, ...BRIDGE_ENVIRONMENT },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.process = child;
        const keep = (chunk: Buffer): void => {
          this.output = (this.output + chunk.toString()).slice(-200_000);
        };
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
        const until = performance.now() + START_TIMEOUT;
        while (!(await isReady(health))) {
          if (child.exitCode !== null || performance.now() > until) {
            throw new Error(`bridge ${i + 1} did not start:\n${this.output}`);
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
      freeze() {
        this.process?.kill('SIGSTOP');
      },
      thaw() {
        this.process?.kill('SIGCONT');
      },
      async status() {
        return bridgeStatusSchema.parse(await (await fetch(`${health}/status`)).json());
      },
    });
  }
  await Promise.all(bridges.slice(0, startNow).map((bridge) => bridge.start()));
  return {
    bridges,
    async stop() {
      await Promise.all(bridges.map((bridge) => bridge.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function isReady(health: string): Promise<boolean> {
  try {
    return (await fetch(`${health}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** Publishes `KEY:NUMBER` values at QoS 1 and notes which were acknowledged. */
export class Publisher {
  readonly acknowledged: string[] = [];
  sent = 0;
  readonly #client: MqttClient;
  readonly #keys: number;
  readonly #topic: string;
  readonly #name: string;
  #timer: NodeJS.Timeout | undefined;

  /** Topics are `TOPIC/NAME-K` for K below `keys`; the value's key is `NAME-K`. */
  constructor(client: MqttClient, options: { topic: string; keys?: number; name?: string }) {
    this.#client = client;
    this.#topic = options.topic;
    this.#keys = options.keys ?? 20;
    this.#name = options.name ?? 'k';
  }

  /** Sends the next one; resolves when it is acknowledged, or refused. */
  next(): Promise<void> {
    const number = this.sent++;
    const key = `${this.#name}-${number % this.#keys}`;
    const value = `${key}:${number}`;
    return new Promise((resolve) => {
      this.#client.publish(`${this.#topic}/${key}`, value, { qos: 1 }, (error) => {
        if (error === undefined || error === null) this.acknowledged.push(value);
        resolve();
      });
    });
  }

  async burst(count: number, window = 500): Promise<void> {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.next();
    };
    await Promise.all(Array.from({ length: window }, lane));
  }

  /** A steady load until `stopLoad`. */
  startLoad(rate: number): void {
    const began = performance.now();
    const before = this.sent;
    this.#timer = setInterval(() => {
      const due = before + ((performance.now() - began) / 1000) * rate;
      while (this.sent < due) void this.next();
    }, 10);
  }

  /** Stops, and waits for what is on its way. */
  async stopLoad(): Promise<void> {
    clearInterval(this.#timer);
    const until = performance.now() + 20_000;
    while (this.acknowledged.length < this.sent && performance.now() < until) await pause(20);
  }
}
