import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { devPortSpan, devPorts } from '#core/contracts/ports.ts';
import { renderNats } from '../../provisioning/render/nats.ts';
import type { Plan } from '../../provisioning/render/plan.ts';
import { planOf } from '../unit/provisioning/plan.ts';
import { eventually } from './broker.ts';
import { newestNats } from './debian-parts.ts';
import { freePortRange } from './ports.ts';

/** nats-servers with the configuration that is rendered for nodes, their data below `root`. */
export class RenderedNats {
  readonly #root: string;
  readonly #patience: number;
  readonly #servers = new Map<string, ChildProcess>();

  constructor(root: string, patience: number) {
    this.#root = root;
    this.#patience = patience;
  }

  /** A plan of so many nodes on free ports of loopback. */
  async plan(nodes: number): Promise<Plan> {
    const base = await freePortRange(devPortSpan(nodes));
    const ports = devPorts(nodes, base);
    const drawn = planOf(nodes, { root: path.join(this.#root, String(base)) });
    return {
      ...drawn,
      ports,
      nodes: drawn.nodes.map((node, i) => ({ ...node, ports: ports.nodes[i]! })),
    };
  }

  /** Some of a plan's nodes, default all, and waits until that page of theirs is there. */
  async start(plan: Plan, nodes = plan.nodes, page = 'healthz'): Promise<void> {
    // As nodes have it, where it can be had.
    const { command } = await newestNats();
    for (const node of nodes) {
      await mkdir(path.dirname(node.pidFile), { recursive: true });
      await mkdir(this.#root, { recursive: true });
      const file = path.join(this.#root, `${node.name}.conf`);
      await writeFile(file, renderNats(plan, node));
      this.#servers.set(node.name, spawn(command, ['-c', file], { stdio: 'ignore' }));
    }
    for (const node of nodes) {
      const url = `http://127.0.0.1:${node.ports.natsMonitor}/${page}`;
      const healthy = () =>
        fetch(url).then(
          (answer) => answer.ok,
          () => false,
        );
      await eventually(`${node.name} answers /${page}`, healthy, this.#patience);
    }
  }

  process(name: string): ChildProcess {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`no nats-server of ${name} was started`);
    return server;
  }

  /** Ends it at once. */
  async stop(name: string): Promise<void> {
    const server = this.#servers.get(name);
    if (server === undefined) return;
    this.#servers.delete(name);
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((name) => this.stop(name)));
  }
}
