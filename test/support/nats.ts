import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './ports.ts';

/** nats-server as it runs on one node. */
export interface NatsServer {
  readonly name: string;
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly process: ChildProcess;
  /** Ends it (SIGKILL unless told otherwise) and waits for that. Its data stay. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same ports and data. */
  restart(): Promise<void>;
}

const USER = 'test';
const PASSWORD = 'test-secret';
const START_TIMEOUT = 20_000;

/** A cluster of `count` nats-servers with JetStream, in a temporary directory. */
export async function startNats(count = 1): Promise<{
  servers: NatsServer[];
  stop(): Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-nats-'));
  const ports = await freePorts(count * 3);
  const routes = Array.from({ length: count }, (_, i) => `nats://127.0.0.1:${ports[count + i]}`);
  const servers: (NatsServer & { process: ChildProcess })[] = [];
  for (let i = 0; i < count; i++) {
    const file = join(directory, `nats-${i + 1}.conf`);
    const cluster =
      count === 1
        ? ''
        : `cluster { name: test, listen: "127.0.0.1:${ports[count + i]}", routes: [${routes.map((r) => `"${r}"`).join(', ')}] }`;
    await writeFile(
      file,
      `server_name: "n${i + 1}"
listen: "127.0.0.1:${ports[i]}"
http: "127.0.0.1:${ports[2 * count + i]}"
jetstream { store_dir: "${join(directory, `js-${i + 1}`)}", max_mem: 64MB, max_file: 1GB }
authorization { user: "${USER}", password: "${PASSWORD}" }
${cluster}
`,
    );
    const health = `http://127.0.0.1:${ports[2 * count + i]}/healthz`;
    const server = {
      name: `n${i + 1}`,
      url: `nats://127.0.0.1:${ports[i]}`,
      user: USER,
      password: PASSWORD,
      process: run(file),
      async kill(signal: NodeJS.Signals = 'SIGKILL') {
        await end(this.process, signal);
      },
      async restart() {
        this.process = run(file);
        await healthy(health);
      },
    };
    servers.push(server);
  }
  await Promise.all(
    servers.map((_, i) => healthy(`http://127.0.0.1:${ports[2 * count + i]}/healthz`)),
  );
  return {
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.kill()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function run(file: string): ChildProcess {
  return spawn('nats-server', ['-c', file], { stdio: 'ignore' });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill(signal);
  await exited;
}

async function healthy(url: string): Promise<void> {
  const until = performance.now() + START_TIMEOUT;
  for (;;) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not listening yet.
    }
    if (performance.now() > until) throw new Error(`nats-server not healthy: ${url}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
