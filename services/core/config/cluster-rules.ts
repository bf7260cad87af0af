import { BlockList, isIP, isIPv6 } from 'node:net';

interface RuledNode {
  name: string;
  address: string;
  roles: readonly string[];
}

/** The parts of cluster.yaml that the rules look at. */
export interface RuledCluster {
  nodes: readonly RuledNode[];
  vip?: unknown;
}

type Path = (string | number)[];
export type Report = (path: Path, message: string) => void;

const UNUSABLE = new BlockList();
UNUSABLE.addSubnet('0.0.0.0', 8, 'ipv4');
UNUSABLE.addSubnet('224.0.0.0', 3, 'ipv4');
UNUSABLE.addAddress('::', 'ipv6');
UNUSABLE.addSubnet('ff00::', 8, 'ipv6');

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const has = (list: BlockList, address: string): boolean =>
  list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** Whether an address is one that a machine on a network can have (RFC 6890). */
export function isHostAddress(address: string): boolean {
  return isIP(address) !== 0 && !has(UNUSABLE, address);
}

export function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && has(LOOPBACK, address);
}

/** One spelling for each address: `2001:DB8::0:1` and `2001:db8::1` are the same (RFC 5952). */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}

/** Whether both have the same first `bits` (default: /24, and /64 of IPv6). */
export function sharesNetwork(a: string, b: string, bits?: number): boolean {
  const family = isIP(a);
  if (family === 0 || family !== isIP(b)) return false;
  const net = new BlockList();
  const type = family === 6 ? 'ipv6' : 'ipv4';
  net.addSubnet(a, bits ?? (family === 6 ? 64 : 24), type);
  return net.check(b, type);
}

/** What no cluster can work with. Shape and types are right already. */
export function checkCluster({ nodes }: RuledCluster, report: Report): void {
  const single = nodes.every(({ address }) => isLoopback(address));
  const seen = new Map<string, number>();
  for (const [index, { address, roles }] of nodes.entries()) {
    const path: Path = ['nodes', index, 'address'];
    if (isIP(address) !== 0 && !isHostAddress(address)) {
      report(path, `no machine can have the address ${address}`);
    } else if (!single && isLoopback(address)) {
      report(path, `${address} is the node itself: the others cannot reach it there`);
    }
    const own = canonicalAddress(address);
    const first = seen.get(own);
    if (first === undefined) seen.set(own, index);
    else if (!single && nodes[first]!.address !== address) {
      report(path, `${address} is the address of nodes.${first} in another spelling`);
    }
    if (roles.includes('bridge') && !roles.includes('broker')) {
      report(
        ['nodes', index, 'roles'],
        'a bridge reads the log of its own node: add the role "broker"',
      );
    }
    for (const [at, role] of roles.entries()) {
      if (roles.indexOf(role) !== at)
        report(['nodes', index, 'roles', at], `${role} is there twice`);
    }
  }
  for (const role of ['broker', 'balancer']) {
    if (nodes.some(({ roles }) => roles.includes(role))) continue;
    report(['nodes'], `no node has the role "${role}", so no client could be served`);
  }
}
