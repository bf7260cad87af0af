import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ENTER, INIT } from './boot.ts';
import { Network } from './network.ts';
import { PREFIX, reap } from './reap.ts';
import { virtualPiTree } from './tree.ts';
import { VirtualPi } from './virtual-pi.ts';

export interface ClusterOptions {
  /** Text of cluster.yaml; where its nodes and addresses are. Without it, clusters of one. */
  config?: (network: Network, names: readonly string[]) => string;
  /** Room on each disk, bytes. */
  disk?: number;
}

const DISK = 1 << 30;

/** Virtual Pis on one switch, with one cluster.yaml. */
export interface Cluster {
  readonly pis: readonly VirtualPi[];
  readonly network: Network;
  /** Cuts these off from all others, and from the clients. Carriers stay. */
  split(indices: readonly number[]): Promise<void>;
  heal(indices: readonly number[]): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Boots `count` virtual Pis, pi1 … piN, side by side. Needs root. All that this makes ends with this
 * process, however that ends.
 */
export async function cluster(count: number, options: ClusterOptions = {}): Promise<Cluster> {
  if (process.getuid?.() !== 0) throw new Error('virtual Pis need root: namespaces and mounts');
  // Who started this process has ended (Ctrl-C): so does it, and its nodes with it.
  process.once('disconnect', () => process.exit(1));
  await reap();
  const tree = await virtualPiTree();
  const work = await mkdtemp(path.join(tmpdir(), `${PREFIX}${process.pid}-`));
  const pis: VirtualPi[] = [];
  let network: Network | undefined;
  const dispose = async (): Promise<void> => {
    await Promise.all(pis.map((pi) => pi.remove()));
    await network?.remove();
    await rm(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    const [enter, init] = [path.join(work, 'enter'), path.join(work, 'init')];
    await writeFile(enter, ENTER);
    await writeFile(init, INIT);
    await chmod(enter, 0o755);
    await chmod(init, 0o755);
    const own = await Network.create();
    network = own;
    const names = Array.from({ length: count }, (_, index) => `pi${index + 1}`);
    const { config, disk = DISK } = options;
    const firmware = config === undefined ? {} : { 'cluster.yaml': config(own, names) };
    for (const [index, name] of names.entries()) {
      const place = path.join(work, `${path.basename(work)}-${name}`);
      await mkdir(place);
      const shared = { network: own, tree, enter, init, firmware, disk };
      const pi = new VirtualPi({ name, index, work: place, ...shared });
      pis.push(pi);
      await pi.prepare();
    }
    await Promise.all(pis.map((pi) => pi.powerOn()));
    await Promise.all(pis.map((pi) => pi.booted()));
    return {
      pis,
      network: own,
      split: (indices) => own.split(indices),
      heal: (indices) => own.heal(indices),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
