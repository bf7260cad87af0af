import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { quietTimers } from '#core/kafka/quiet-timers.ts';
import { formatKafka, kafkaCommand, kafkaId } from '../../../provisioning/kafka/command.ts';
import { kafkaClassPath } from '../../../provisioning/kafka/jars.ts';
import { renderKafka } from '../../../provisioning/render/kafka.ts';
import { freePorts } from '../ports.ts';

const START_TIMEOUT = 90_000;
const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];

export interface KafkaOptions {
  nodes?: 1 | 3;
  /** More lines of server.properties. */
  extra?: string;
  /** Of the listener for clients. */
  security?: 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL';
  /** SCRAM users that are there from the first start on: `name: password`. */
  scram?: Record<string, string>;
  /** Where it listens; default 127.0.0.1, with TLS `localhost`. */
  host?: string;
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
  // kafkajs in the test itself: its timers warn of times that are past.
  quietTimers();
  const { nodes: count = 1, security = 'PLAINTEXT', extra = '', scram = {} } = options;
  const classPath = await kafkaClassPath();
  const folder = await mkdtemp(path.join(tmpdir(), 'bramble-kafka-'));
  const free = await freePorts(count * 3);
  const clients = options.ports ?? free.slice(0, count);
  // What a certificate can be issued for.
  const host = options.host ?? (security.endsWith('SSL') ? 'localhost' : '127.0.0.1');
  const controllerHost = options.host ?? '127.0.0.1';
  const controllers = free.slice(count, 2 * count).map((port) => `${controllerHost}:${port}`);
  const id = (what: string): string => kafkaId(`${folder} ${what}`);
  const voters = controllers.map((address, i) => `${i + 1}@${address}:${id(String(i))}`);
  const users = Object.entries(scram).flatMap(([name, password]) =>
    MECHANISMS.flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const quorum = count === 1 ? ['--standalone'] : ['--initial-controllers', voters.join(',')];
  const nodes: KafkaNode[] = [];
  for (let i = 0; i < count; i++) {
    const home = path.join(folder, `kafka-${i + 1}`);
    await mkdir(home, { recursive: true });
    const file = path.join(home, 'server.properties');
    const ports = {
      clients: clients[i]!,
      controller: free[count + i]!,
      inside: free[2 * count + i]!,
    };
    await writeFile(
      file,
      renderKafka({
        id: i + 1,
        host,
        ports,
        controllers,
        data: path.join(home, 'data'),
        nodes: count,
        security,
        sessionTimeout: 6_000,
        retentionHours: 1,
        internalPartitions: 1,
        extra,
      }),
    );
    await formatKafka(classPath, file, id('cluster'), [...quorum, ...users]);
    nodes.push(newNode(i + 1, host, ports.clients, classPath, file));
  }
  const kafka: TestKafka = {
    nodes,
    bootstrap: clients.map((port) => `${host}:${port}`),
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

function newNode(
  id: number,
  host: string,
  port: number,
  classPath: string,
  file: string,
): KafkaNode {
  return {
    id,
    port,
    process: undefined,
    output: '',
    async start() {
      const { command, args } = kafkaCommand(classPath, file);
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      this.process = child;
      const keep = (chunk: Buffer): void => {
        this.output = (this.output + chunk.toString()).slice(-50_000);
      };
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      const until = performance.now() + START_TIMEOUT;
      while (!(await listens(host, port))) {
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

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
