import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StatsConfig } from '#core/contracts/service-config.ts';
import { freePorts } from './ports.ts';

const CLUSTER = `
cluster: { name: home, secret: 0123456789abcdef }
nodes:
  - { name: pi1, address: 192.168.1.11 }
  - { name: pi2, address: 192.168.1.12 }
vip: 192.168.1.10
`;

/** Runs `services/stats/main.ts` with the given arguments. */
export function spawnStats(...args: string[]): ChildProcess {
  return spawn(`${process.cwd()}/bin/node`, ['services/stats/main.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

/** The stats service as a process of its own, until its scope ends. */
export class StatsProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<[code: number | null, signal: string | null]>;
  readonly page: string;
  readonly health: string;
  readonly directory: string;
  output = '';

  constructor(child: ChildProcess, page: number, health: number, directory: string) {
    this.child = child;
    this.page = `http://127.0.0.1:${page}`;
    this.health = `http://127.0.0.1:${health}`;
    this.directory = directory;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk;
    });
    this.exited = once(child, 'close') as Promise<[number | null, string | null]>;
  }

  /** `more`: parts of cluster.yaml. Resolves when it is ready; rejects with what it said when it ends before. */
  static async start(
    config: Pick<StatsConfig, 'nodes' | 'balancers' | 'supervisor' | 'metrics'>,
    more = '',
  ): Promise<StatsProcess> {
    const directory = await mkdtemp(path.join(tmpdir(), 'bramble-stats-'));
    const [page, health] = (await freePorts(2)) as [number, number];
    const cluster = path.join(directory, 'cluster.yaml');
    const file = path.join(directory, 'stats.yaml');
    const listen = (port: number) => ({ host: '127.0.0.1', port });
    const whole = { cluster, page: listen(page), health: listen(health), ...config };
    await writeFile(cluster, CLUSTER + more);
    // JSON is YAML.
    await writeFile(file, JSON.stringify(whole satisfies StatsConfig));
    const stats = new StatsProcess(spawnStats('--config', file), page, health, directory);
    const ended = stats.exited.then(() => {
      throw new Error(`stats ended early: ${stats.output}`);
    });
    await Promise.race([once(stats.child, 'message'), ended]);
    return stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that a test has stopped would not hear.
    this.child.kill('SIGCONT');
    this.child.kill('SIGTERM');
    const overdue = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.exited;
    clearTimeout(overdue);
    await rm(this.directory, { recursive: true });
  }
}
