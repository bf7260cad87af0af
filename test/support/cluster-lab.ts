import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrokerStatus, brokerStatusSchema } from '#core/contracts/status.ts';
import { LabProcess } from './faults/lab-process.ts';
import { createNetwork, type Network } from './namespaces.ts';
import { freePorts } from './ports.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const START_TIMEOUT = 60_000;
const HEALTH_TIMEOUT = 1_000;
const SETTLE_TIMEOUT = 20_000;

export interface LabOptions {
  /** Nodes `pi1`, `pi2`, … */
  count?: number;
  /**
   * The `mqtt` part of cluster.yaml, as YAML in flow style, and more parts; `door` is the address
   * at which nodes in namespaces reach this process.
   */
  mqtt?: string | ((door: string) => string);
  /** Each node in a network namespace of its own, so that it can be cut off. Needs root. */
  namespaces?: boolean;
  /** Directory of a node's JetStream; by default one below the lab's temporary directory. */
  store?: (index: number) => string | undefined;
  /** nats-server's own interval between writes to the disk; since 2.10. */
  syncInterval?: string;
}

export interface Endpoint {
  host: string;
  port: number;
}

/** A node: its nats-server and its broker, and where clients reach it. */
export interface LabNode extends Endpoint {
  readonly index: number;
  readonly name: string;
  readonly broker: LabProcess;
  readonly engine: LabProcess;
  /** Resolves when the broker answers that it serves. */
  whenReady(): Promise<void>;
  ready(): Promise<boolean>;
  status(): Promise<BrokerStatus>;
  /** The server that leads each JetStream stream, as this node's server knows it. */
  leaders(): Promise<Map<string, string>>;
  /** Starts what of it does not run, and waits until it serves. */
  start(): Promise<void>;
}

/** A cluster of broker and nats-server processes, made to be broken. */
export class ClusterLab {
  readonly nodes: LabNode[] = [];
  readonly network: Network | undefined;
  readonly clusterFile: string;
  readonly #directory: string;

  private constructor(directory: string, network: Network | undefined) {
    this.#directory = directory;
    this.clusterFile = join(directory, 'cluster.yaml');
    this.network = network;
  }

  /** Starts all of it; ends what was started when that fails. */
  static async start(options: LabOptions = {}): Promise<ClusterLab> {
    const { count = 3, namespaces = false } = options;
    const directory = await mkdtemp(join(tmpdir(), 'bramble-faults-'));
    const lab = new ClusterLab(directory, namespaces ? createNetwork(count) : undefined);
    try {
      await lab.#build(options, count);
      await Promise.all(lab.nodes.map((node) => node.start()));
    } catch (error) {
      const said = lab.nodes.map((node) => `${node.name}:\n${node.broker.output.slice(-2_000)}`);
      await lab.stop();
      throw new Error(`the lab did not start\n${said.join('\n')}`, { cause: error });
    }
    return lab;
  }

  /**
   * Resolves when the leaders of the log and of the sessions stand on different servers, as they do
   * in a cluster that is older than a minute; or after a while.
   */
  async settled(): Promise<void> {
    const until = performance.now() + SETTLE_TIMEOUT;
    while (performance.now() < until) {
      const leaders = await this.nodes[0]!.leaders();
      const spread = ['BRAMBLE_LOG_', 'BRAMBLE_SESSIONS_'].every((family) => {
        const names = [...leaders.keys()].filter((name) => name.startsWith(family));
        return new Set(names.map((name) => leaders.get(name))).size === this.nodes.length;
      });
      if (spread) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Ends every process at once, as a power cut does to processes; what the kernel holds stays. */
  async killAll(): Promise<void> {
    const processes = this.nodes.flatMap(({ broker, engine }) => [broker, engine]);
    await Promise.all(processes.map((process) => process.kill('SIGKILL')));
  }

  async stop(): Promise<void> {
    await this.killAll();
    this.network?.remove();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #build(options: LabOptions, count: number): Promise<void> {
    const { network } = this;
    const { mqtt = '{ anonymous: true }', store, syncInterval } = options;
    const sync = syncInterval === undefined ? '' : `, sync_interval: "${syncInterval}"`;
    const directory = this.#directory;
    const ports = network === undefined ? await freePorts(count * 5) : [];
    const places = Array.from({ length: count }, (_, i) => {
      const [mqttPort, health, client, route, monitor] =
        network === undefined ? ports.slice(5 * i) : [11_883, 11_080, 4_222, 6_222, 8_222];
      const place = network?.nodes[i];
      return {
        cluster: place?.clusterAddress ?? '127.0.0.1',
        host: place?.clientAddress ?? '127.0.0.1',
        namespace: place?.namespace,
        mqttPort: mqttPort!,
        health: health!,
        client: client!,
        route: route!,
        monitor: monitor!,
      };
    });
    const { clusterFile } = this;
    const more = typeof mqtt === 'string' ? mqtt : mqtt(network?.door ?? '127.0.0.1');
    const listed = places.map(({ cluster }, i) => `{ name: pi${i + 1}, address: ${cluster} }`);
    await writeFile(
      clusterFile,
      `cluster: { name: test, secret: 0123456789abcdef }\nnodes: [${listed.join(', ')}]\nmqtt: ${more}\n`,
    );
    const routes = places.map(({ cluster, route }) => `"nats://${cluster}:${route}"`).join(', ');
    for (const [index, place] of places.entries()) {
      const name = `pi${index + 1}`;
      const { host, cluster, mqttPort, health, client, route, monitor, namespace } = place;
      const data = store?.(index) ?? join(directory, `store-${name}`);
      await mkdir(data, { recursive: true });
      const engineFile = join(directory, `nats-${name}.conf`);
      const pidFile = join(directory, `nats-${name}.pid`);
      await writeFile(
        engineFile,
        `server_name: ${name}
listen: "127.0.0.1:${client}"
http: "${host}:${monitor}"
max_payload: 8388608
pid_file: ${JSON.stringify(pidFile)}
ping_interval: "5s"
ping_max: 2
jetstream { store_dir: ${JSON.stringify(data)}, max_mem: 64MB, max_file: 4GB${sync} }
authorization { user: test, password: test-secret }
cluster { name: test, listen: "${cluster}:${route}", routes: [${routes}] }
`,
      );
      const brokerFile = join(directory, `broker-${name}.yaml`);
      await writeFile(
        brokerFile,
        JSON.stringify({
          node: name,
          cluster: clusterFile,
          listen: { mqtt: { host, port: mqttPort }, health: { host, port: health } },
          nats: {
            url: `nats://127.0.0.1:${client}`,
            user: 'test',
            password: 'test-secret',
            pidFile,
          },
        }),
      );
      const broker = new LabProcess(
        [join(ROOT, 'bin/node'), 'services/broker/main.ts', '--config', brokerFile],
        { cwd: ROOT, namespace },
      );
      const engine = new LabProcess(['nats-server', '-c', engineFile], { cwd: ROOT, namespace });
      const urls = { broker: `http://${host}:${health}`, engine: `http://${host}:${monitor}` };
      this.nodes.push(node({ index, name, host, port: mqttPort, broker, engine, urls }));
    }
  }
}

interface NodeParts extends Endpoint {
  index: number;
  name: string;
  broker: LabProcess;
  engine: LabProcess;
  urls: { broker: string; engine: string };
}

/** What of nats-server's `/jsz` is read. */
interface JetStreamState {
  account_details?: { stream_detail?: { name: string; cluster?: { leader?: string } }[] }[];
}

function node({ urls, ...parts }: NodeParts): LabNode {
  const { name, broker, engine } = parts;
  const ready = () => answers(`${urls.broker}/readyz`);
  const whenReady = () => waitFor(`broker of ${name}`, ready, broker);
  return {
    ...parts,
    ready,
    whenReady,
    async status() {
      return brokerStatusSchema.parse(await (await fetch(`${urls.broker}/status`)).json());
    },
    async leaders() {
      const answer = await fetch(`${urls.engine}/jsz?accounts=true&streams=true`);
      const { account_details: accounts = [] } = (await answer.json()) as JetStreamState;
      const streams = accounts.flatMap(({ stream_detail: list = [] }) => list);
      return new Map(streams.map(({ name, cluster }) => [name, cluster?.leader ?? '']));
    },
    async start() {
      if (!engine.running) engine.start();
      await waitFor(`nats-server of ${name}`, () => answers(`${urls.engine}/healthz`), engine);
      if (!broker.running) broker.start();
      await whenReady();
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(HEALTH_TIMEOUT) })).ok;
  } catch {
    return false;
  }
}

async function waitFor(
  what: string,
  condition: () => Promise<boolean>,
  process: LabProcess,
): Promise<void> {
  const until = performance.now() + START_TIMEOUT;
  while (!(await condition())) {
    if (!process.running || performance.now() > until) {
      throw new Error(`${what} does not serve:\n${process.output.slice(-2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
