import { hostname } from 'node:os';
import path from 'node:path';
import { type ClusterConfig, loadCluster } from '#core/config/cluster.ts';
import { piPorts } from '#core/contracts/ports.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { natsLogin } from '../render/nats.ts';
import { type BackupResult, backUp, restore } from '../streams/backup.ts';
import { openEngine } from '../streams/engine.ts';
import { type ForgetResult, forgetNode } from '../streams/forget.ts';
import { pointedTo } from './files.ts';
import { currentGeneration } from './generation.ts';
import { CLUSTER_FILE, type Layout } from './layout.ts';

/** What is done with what this cluster stores, on one of its brokers' nodes. */
export class Storage {
  readonly #layout: Layout;
  readonly #cluster: ClusterConfig;
  readonly #brokers: readonly string[];

  /** Throws ConfigError for a node without a cluster.yaml. */
  constructor(layout: Layout) {
    this.#layout = layout;
    this.#cluster = loadCluster(path.join(layout.etc, CLUSTER_FILE));
    this.#brokers = this.#cluster.nodes
      .filter(({ roles }) => roles.includes('broker'))
      .map(({ name }) => name);
  }

  /** Rejects with USAGE for a node that cluster.yaml still names, and as forgetNode. */
  async forget(node: string, patience: number): Promise<ForgetResult> {
    if (this.#brokers.includes(node)) {
      throw new BrambleError(ERROR_CODES.USAGE, `cluster.yaml still names the broker ${node}`, {
        hint: `on a workstation: bramble remove-node ${node}`,
      });
    }
    await using engine = await this.#open('client');
    await using system = await this.#open('system');
    const nodes = this.#brokers.length;
    return await forgetNode({ engine, system, node, nodes, patience });
  }

  /** Rejects as backUp. */
  async backUp(directory: string): Promise<BackupResult> {
    await using engine = await this.#open('client');
    const rendered = currentGeneration(this.#layout).files;
    return await backUp({
      engine,
      directory,
      etc: this.#layout.etc,
      // What is rendered from cluster.yaml is rendered again.
      skip: (file) => file !== CLUSTER_FILE && rendered.has(file),
      cluster: this.#cluster.cluster.name,
      node: hostname(),
      release: pointedTo(this.#layout.current) ?? '',
    });
  }

  /** Rejects as restore. */
  async restore(directory: string, replace: boolean): Promise<BackupResult> {
    await using engine = await this.#open('client');
    return await restore({ engine, directory, nodes: this.#brokers.length, replace });
  }

  #open(use: 'client' | 'system') {
    const { nats } = piPorts(1).nodes[0]!;
    return openEngine(`nats://127.0.0.1:${nats}`, natsLogin(this.#cluster.cluster.secret, use));
  }
}
