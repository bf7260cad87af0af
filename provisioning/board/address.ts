import { existsSync, readdirSync, rmSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { putChanged } from './files.ts';
import { type Ground, within } from './ground.ts';
import type { Identity } from './identity.ts';

const WIRED = 'etc/systemd/network/20-wired.network.d/bramble-address.conf';
const WIRELESS = 'etc/systemd/network/25-wireless.network.d/bramble-address.conf';

/**
 * Has the node answer at the address that cluster.yaml gives it, beside those from a router: nodes
 * find each other with no router at all. On the wire where there is one, else on Wi-Fi. A node that
 * was told by its address has it already.
 */
export function setAddress(ground: Ground, { node, by }: Identity): void {
  const wanted = by === 'address' || isLoopback(node.address) ? undefined : node.address;
  const place = hasWire(ground) ? WIRED : WIRELESS;
  let changed = false;
  for (const file of [WIRED, WIRELESS]) {
    const full = within(ground, file);
    if (file === place && wanted !== undefined) {
      changed = putChanged(full, dropIn(wanted)) || changed;
    } else if (existsSync(full)) {
      rmSync(full);
      changed = true;
    }
  }
  if (changed) ground.run('networkctl', ['reload']);
}

function dropIn(address: string): string {
  // cluster.yaml names no size of the network: a home's.
  const bits = isIPv6(address) ? 64 : 24;
  return `# From cluster.yaml.\n[Network]\nAddress=${address}/${bits}\n`;
}

function hasWire(ground: Ground): boolean {
  const cards = within(ground, 'sys/class/net');
  return !existsSync(cards) || readdirSync(cards).some((name) => /^e(th|n)/.test(name));
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
