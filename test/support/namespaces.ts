import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Names are `bramble-PID-…`, so that the next run knows whose owner is gone. */
const PREFIX = 'bramble-';

export interface NetworkNode {
  namespace: string;
  /** Where the other nodes reach it. */
  clusterAddress: string;
  /** Where clients, in this process, reach it. */
  clientAddress: string;
}

/**
 * Nodes in network namespaces on two switches: one between the nodes, one to the clients. Frames
 * vanish on a cut link without any sign of it, as they do behind a dead switch.
 */
export interface Network {
  readonly nodes: readonly NetworkNode[];
  /** Where the nodes reach this process, on the switch of the clients. */
  readonly door: string;
  /** Cuts a node off: from the other `nodes` only, or from `all`. */
  cut(index: number, from: 'nodes' | 'all'): void;
  heal(index: number): void;
  /** Takes everything away. What runs inside must have ended. */
  remove(): void;
}

let networks = 0;

/** Whether this process may create namespaces; asked by tests that need them. */
export function canCreateNamespaces(): boolean {
  const name = `${PREFIX}${process.pid}-probe`;
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'probe', 'type', 'bridge');
    return true;
  } catch {
    return false;
  } finally {
    quietly(() => ip('netns', 'del', name));
  }
}

/** Creates the namespaces and links of `count` nodes. Throws where that is not permitted. */
export function createNetwork(count: number): Network {
  reap();
  const number = networks++;
  const prefix = `${PREFIX}${process.pid}-${number}`;
  const hub = `${prefix}-hub`;
  const nodes: NetworkNode[] = [];
  const net = freeNet();
  const doorAddress = `198.19.${net}.254`;
  // Interface names are short (15 characters) and unique in this namespace only for the one here.
  const door = `br${process.pid}d${number}`.slice(0, 15);
  const remove = (): void => {
    for (const { namespace } of nodes) quietly(() => ip('netns', 'del', namespace));
    quietly(() => ip('link', 'del', door));
    quietly(() => ip('netns', 'del', hub));
  };
  const state = (port: string, value: string): void => {
    execFileSync('bridge', ['-n', hub, 'link', 'set', 'dev', port, 'state', value]);
  };
  try {
    ip('netns', 'add', hub);
    for (const bridge of ['cluster', 'clients']) {
      ip('-n', hub, 'link', 'add', bridge, 'type', 'bridge');
      ip('-n', hub, 'link', 'set', bridge, 'up');
    }
    ip('link', 'add', door, 'type', 'veth', 'peer', 'name', 'door', 'netns', hub);
    ip('-n', hub, 'link', 'set', 'door', 'master', 'clients', 'up');
    ip('addr', 'add', `${doorAddress}/24`, 'dev', door);
    ip('link', 'set', door, 'up');
    for (let i = 0; i < count; i++) {
      const namespace = `${prefix}-pi${i + 1}`;
      ip('netns', 'add', namespace);
      const [clusterAddress, clientAddress] = [`198.18.${net}.${i + 1}`, `198.19.${net}.${i + 1}`];
      nodes.push({ namespace, clusterAddress, clientAddress });
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      for (const [bridge, address] of [
        ['cluster', clusterAddress],
        ['clients', clientAddress],
      ] as const) {
        const port = `${bridge}${i}`;
        ip(
          '-n',
          hub,
          'link',
          'add',
          port,
          'type',
          'veth',
          'peer',
          'name',
          bridge,
          'netns',
          namespace,
        );
        ip('-n', hub, 'link', 'set', port, 'master', bridge, 'up');
        ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', bridge);
        ip('-n', namespace, 'link', 'set', bridge, 'up');
      }
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    nodes,
    door: doorAddress,
    // Port states of IEEE 802.1D: 0 = disabled, 3 = forwarding.
    cut(index, from) {
      state(`cluster${index}`, '0');
      if (from === 'all') state(`clients${index}`, '0');
    },
    heal(index) {
      state(`cluster${index}`, '3');
      state(`clients${index}`, '3');
    },
    remove,
  };
}

/** Takes away what a test that crashed has left; its processes have died with it. */
function reap(): void {
  const listed = ip('netns', 'list').split('\n');
  for (const line of listed) {
    const [, name, pid] = /^(bramble-(\d+)-\S+)/.exec(line) ?? [];
    if (name !== undefined && !existsSync(`/proc/${pid}`)) quietly(() => ip('netns', 'del', name));
  }
}

/** Third byte of two networks of 198.18.0.0/15 (RFC 2544, for tests) that nobody here uses. */
function freeNet(): number {
  const used = ip('-4', 'addr');
  for (let attempt = 0; attempt < 250; attempt++) {
    const net = (process.pid + attempt) % 250;
    if (!used.includes(`198.19.${net}.`)) return net;
  }
  throw new Error('no free test network in 198.19.0.0/16');
}

function ip(...parameters: string[]): string {
  return execFileSync('ip', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // Not there, or gone with its namespace.
  }
}
