import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { loadCluster } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { OptionSpec, Values } from '../cli/command.ts';
import { takeLock } from '../dev/lock.ts';
import { writeText } from '../node/files.ts';
import { clusterHash } from '../node/inspect.ts';
import { type Access, type LeavingNode, renderInventory } from './inventory.ts';

/** Options of all commands that go to the nodes. */
export const CLUSTER_OPTIONS = {
  cluster: { type: 'string', value: 'FILE', text: 'the cluster (cluster.yaml)' },
  user: {
    type: 'string',
    value: 'NAME',
    text: 'who logs in on the nodes and may use sudo (admin)',
  },
  key: { type: 'string', value: 'FILE', text: 'private key for that; else what ssh itself finds' },
  port: { type: 'number', value: 'P', min: 1, max: 65_535, text: 'of ssh on the nodes (22)' },
  json: { type: 'flag', text: 'one JSON object a line on stdout, for scripts' },
} as const satisfies Record<string, OptionSpec>;

export const NODES_OPTION = {
  nodes: { type: 'string', value: 'LIST', text: 'only these, with commas between' },
} as const satisfies Record<string, OptionSpec>;

const FILE = 'cluster.yaml';
const USER = 'admin';

/** What a command for a cluster of nodes works with. */
export interface Workspace {
  cluster: ClusterConfig;
  clusterFile: string;
  /** Short hash of the file, as `bramble node inspect` tells it. */
  hash: string;
  access: Access;
  /** Where inventory, archives of releases and logs are kept: beside cluster.yaml. */
  directory: string;
  inventory: string;
  logs: string;
}

/**
 * Reads cluster.yaml and writes the inventory. `leaving`: nodes that it no longer names, and that
 * are taken out. Throws ConfigError, USAGE, STORAGE.
 */
export function openWorkspace(values: Values, leaving: readonly LeavingNode[] = []): Workspace {
  const text = (name: string) => values[name] as string | undefined;
  const clusterFile = path.resolve(text('cluster') ?? FILE);
  const cluster = loadCluster(clusterFile);
  const key = text('key');
  const access: Access = {
    user: text('user') ?? USER,
    key: key === undefined ? undefined : path.resolve(key.replace(/^~(?=\/)/, homedir())),
    port: values.port as number | undefined,
  };
  const directory = path.join(
    path.dirname(clusterFile),
    '.bramble',
    `cluster-${cluster.cluster.name}`,
  );
  const inventory = path.join(directory, 'inventory.yaml');
  makePrivate(directory);
  writeText(inventory, renderInventory({ cluster, clusterFile, access, leaving }), 0o644);
  return {
    cluster,
    clusterFile,
    hash: clusterHash(readFileSync(clusterFile, 'utf8')),
    access,
    directory,
    inventory,
    logs: path.join(directory, 'logs'),
  };
}

/** Nobody else changes the cluster from here meanwhile. Throws ALREADY_RUNNING. */
export function lockWorkspace({ directory }: Workspace): () => void {
  return takeLock(path.join(directory, 'lock'));
}

/** Nodes that a list names; undefined where there is no list: all. Throws USAGE. */
export function chosenNodes(
  { cluster }: Workspace,
  list: string | undefined,
): string[] | undefined {
  if (list === undefined) return undefined;
  const known = cluster.nodes.map(({ name }) => name);
  const names = list.split(',').map((name) => name.trim());
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new BrambleError(ERROR_CODES.USAGE, `cluster.yaml names no node "${name}"`, {
      hint: `its nodes are: ${known.join(', ')}`,
    });
  }
  return names;
}

function makePrivate(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.STORAGE, `${directory}: ${describeError(cause)}`, { cause });
  }
}
