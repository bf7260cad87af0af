import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts } from '../ports.ts';
import { kafkaClassPath } from './jars.ts';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
/** The one that is rendered for a Pi. */
const TEMPLATE = fileURLToPath(
  new URL('../../../ansible/roles/kafka/templates/server.properties.j2', import.meta.url),
);
const START_TIMEOUT = 90_000;
const HEAP = ['-Xms96m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

export interface KafkaOptions {
  nodes?: 1 | 3;
  /** More lines of server.properties. */
  extra?: string;
  /** Of the listener for clients. */
  security?: 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL';
  /** SCRAM users that are there from the first start on: `name: password`. */
  scram?: Record<string, string>;
  /** Ports for clients, where they are to be known before; else free ones. */
  ports?: number[];
}

export interface KafkaNode {
  readonly id: number;
  readonly port: number;
  process: ChildProcess | undefined;
  output: string;
  /** Starts it (again) and waits until it listens. */
  start(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
}

export interface TestKafka {
  nodes: KafkaNode[];
  /** `host:port` of each node. */
  bootstrap: string[];
  folder: string;
  stop(): Promise<void>;
}

/** Apache Kafka in KRaft mode, one node or three, with the configuration of a Pi. */
export async function startKafka(options: KafkaOptions = {}): Promise<TestKafka> {
  const { nodes: count = 1, security = 'PLAINTEXT', extra = '', scram = {} } = options;
  const classPath = await kafkaClassPath();
  const folder = await mkdtemp(path.join(tmpdir(), 'bramble-kafka-'));
  const free = await freePorts(count * 3);
  const ports = options.ports ?? free.slice(0, count);
  const controllers = free.slice(count, 2 * count);
  const inner = free.slice(2 * count);
  const template = await readFile(TEMPLATE, 'utf8');
  const cluster = id22();
  const directories = Array.from({ length: count }, () => id22());
  const voters = directories
    .map((directory, i) => `${i + 1}@127.0.0.1:${controllers[i]}:${directory}`)
    .join(',');
  const nodes: KafkaNode[] = [];
  for (let i = 0; i < count; i++) {
    const home = path.join(folder, `kafka-${i + 1}`);
    await mkdir(home, { recursive: true });
    const file = path.join(home, 'server.properties');
    const inside = `INSIDE://127.0.0.1:${inner[i]}`;
    const outside = `CLIENTS://127.0.0.1:${ports[i]}`;
    await writeFile(
      file,
      render(template, {
        kafka_node_id: i + 1,
        kafka_listeners: `${outside},${inside},CONTROLLER://127.0.0.1:${controllers[i]}`,
        kafka_advertised_listeners: `${outside},${inside}`,
        kafka_security_map: `CLIENTS:${security},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT`,
        kafka_inter_broker_listener: 'INSIDE',
        kafka_controllers: controllers.map((port) => `127.0.0.1:${port}`).join(','),
        kafka_data: path.join(home, 'data'),
        kafka_replicas: count,
        kafka_min_insync: count === 1 ? 1 : 2,
        kafka_partitions: 1,
        kafka_internal_partitions: 1,
        kafka_rebalance_delay: 0,
        kafka_segment_bytes: 16 << 20,
        kafka_retention_hours: 1,
        kafka_retention_bytes: -1,
        kafka_session_timeout: 6_000,
        kafka_heartbeat: 1_000,
        kafka_extra: extra,
      }),
    );
    const users = Object.entries(scram).flatMap(([name, password]) => [
      '--add-scram',
      `SCRAM-SHA-256=[name=${name},password=${password}]`,
      '--add-scram',
      `SCRAM-SHA-512=[name=${name},password=${password}]`,
    ]);
    const first = count === 1 ? ['--standalone'] : ['--initial-controllers', voters];
    await java(classPath, [
      'kafka.tools.StorageTool',
      'format',
      ...first,
      '-t',
      cluster,
      '-c',
      file,
      ...users,
    ]);
    nodes.push(newNode(i + 1, ports[i]!, classPath, file));
  }
  const kafka: TestKafka = {
    nodes,
    bootstrap: ports.slice(0, count).map((port) => `127.0.0.1:${port}`),
    folder,
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await kafka.stop();
    throw error;
  }
  return kafka;
}

function newNode(id: number, port: number, classPath: string, file: string): KafkaNode {
  return {
    id,
    port,
    process: undefined,
    output: '',
    async start() {
      const args = [...HEAP, ...LOGGING, '-cp', classPath, 'kafka.Kafka', file];
      const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] });
      this.process = child;
      const keep = (chunk: Buffer): void => {
        this.output = (this.output + chunk.toString()).slice(-50_000);
      };
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      const until = performance.now() + START_TIMEOUT;
      while (!(await listens(port))) {
        if (child.exitCode !== null || performance.now() > until) {
          throw new Error(`Kafka ${id} did not start:\n${this.output}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async kill(signal: NodeJS.Signals = 'SIGKILL') {
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
  };
}

const LOGGING = [`-Dlog4j2.configurationFile=${path.join(HERE, 'log4j2.yaml')}`];

async function java(classPath: string, args: string[]): Promise<void> {
  await run('java', ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...LOGGING, '-cp', classPath, ...args]);
}

/** The placeholders of the template are plain names. */
function render(template: string, values: Record<string, string | number>): string {
  return template.replace(/\{\{ (\w+) \}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template wants ${name}`);
    return String(value);
  });
}

/** Kafka's form of a UUID: 16 bytes as URL-safe Base64, with a digit first. */
function id22(): string {
  return `0${randomBytes(16).toString('base64url').slice(1, 21)}A`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
