import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type DevPorts, devPortSpan, devPorts } from '#core/contracts/ports.ts';
import { freePortRange } from '../support/ports.ts';

/** The whole dev cluster, as `make run` starts it, on free ports and in a directory of its own. */
export class BrambleCluster {
  readonly #nodes: number;
  /** Process name (`broker-1`, …) → pid. */
  readonly pids = new Map<string, number>();
  ports!: DevPorts;
  /** From the command line to "ready", milliseconds. */
  startup = 0;
  #child: ChildProcess | undefined;
  #directory = '';

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  async start(): Promise<void> {
    const base = await freePortRange(devPortSpan(this.#nodes));
    this.ports = devPorts(this.#nodes, base);
    this.#directory = await mkdtemp(path.join(tmpdir(), 'bramble-bench-'));
    const program = path.join(import.meta.dirname, '../../bin/bramble');
    const options = ['--nodes', `${this.#nodes}`, '--base-port', `${base}`];
    const args = ['dev', ...options, '--anonymous', '--data', this.#directory, '--json'];
    const from = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as { event: string; name?: string; pid?: number };
      if (event.event === 'started') this.pids.set(event.name!, event.pid!);
      if (event.event !== 'ready') continue;
      this.startup = performance.now() - from;
      child.stdout.resume();
      return;
    }
    throw new Error('bramble dev ended before it was ready');
  }

  async close(): Promise<void> {
    if (this.#child && this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    if (this.#directory !== '') await rm(this.#directory, { recursive: true, force: true });
  }
}
