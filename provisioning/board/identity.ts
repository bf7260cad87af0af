import type { ClusterConfig, ClusterNode } from '#core/config/cluster.ts';
import type { Board } from './board.ts';

export interface Identity {
  node: ClusterNode;
  /** What told it. */
  by: 'serial' | 'mac' | 'name' | 'address' | 'only';
}

/** Digits of a serial number that differ between boards; the ones before are the same on all. */
const SERIAL_DIGITS = 8;

/**
 * Which node of the cluster a board is: the one with its serial number, else with the MAC of one
 * of its network cards, else with its host name, else with one of its addresses, else the only one
 * there is. A node that names a serial number or a MAC is no other board's.
 */
export function identify(
  { nodes }: Pick<ClusterConfig, 'nodes'>,
  board: Board,
  hostname: string,
): Identity | undefined {
  const find = (by: Identity['by'], test: (node: ClusterNode) => boolean) => {
    const node = nodes.find(test);
    return node === undefined ? undefined : { node, by };
  };
  const free = (node: ClusterNode) => node.serial === undefined && node.mac === undefined;
  return (
    find('serial', ({ serial }) => sameSerial(serial, board.serial)) ??
    find('mac', ({ mac }) => mac !== undefined && board.macs.includes(mac.toLowerCase())) ??
    find('name', (node) => free(node) && node.name === hostname) ??
    find('address', (node) => free(node) && board.addresses.includes(node.address)) ??
    (nodes.length === 1 ? find('only', free) : undefined)
  );
}

function sameSerial(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const end = (serial: string) =>
    serial.toLowerCase().padStart(SERIAL_DIGITS, '0').slice(-SERIAL_DIGITS);
  return end(one) === end(other);
}

/** What the owner of a board that is no node needs to know. */
export function strangerText(board: Board, hostname: string): string[] {
  return [
    'This board is none of the nodes in cluster.yaml. What it goes by:',
    ...(board.serial === undefined ? [] : [`  serial: "${board.serial}"`]),
    ...board.macs.map((mac) => `  mac: "${mac}"`),
    `  name: ${hostname}`,
    ...board.addresses.map((address) => `  address: ${address}`),
    'Give one of the nodes one of these.',
  ];
}
