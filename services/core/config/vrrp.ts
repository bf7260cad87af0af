import { isIP } from 'node:net';
import { z } from 'zod';
import { duration } from './units.ts';

const address = z.string().refine((text) => isIP(text) !== 0, 'not an IPv4 or IPv6 address');

/** RFC 9568, 7.3: a virtual router's identifier is one byte, and zero is none. */
const ROUTER_ID_MAX = 255;
/** RFC 9568, 5.2.7: twelve bits of centiseconds. */
const ADVERT_MAX = 40_950;
const CENTISECOND = 10;

/** How the virtual addresses (`vip`) move from node to node. */
export const vrrp = z
  .strictObject({
    /** More virtual addresses beside `vip`. Each prefers another balancer, so that all work. */
    addresses: z.array(address).default([]),
    /**
     * What two nodes that do not hear each other ask whether they are the one that is cut off;
     * default: the router of the default route.
     */
    gateway: address.optional(),
    /**
     * Time between two advertisements, milliseconds. Three that do not come make another node the
     * owner.
     */
    advert: duration
      .refine(
        (ms) => ms >= CENTISECOND && ms <= ADVERT_MAX && ms % CENTISECOND === 0,
        'whole hundredths of a second, 10 ms to 40 s',
      )
      .default(100),
    /** Of the first address; those after it count up. Another VRRP in the same network has others. */
    routerId: z.number().int().min(1).max(ROUTER_ID_MAX).default(51),
    /**
     * A MAC address that moves with the virtual one (RFC 9568, 7.3), for devices that ignore
     * gratuitous ARP. Not for Wi-Fi, whose access points drop foreign ones.
     */
    virtualMac: z.boolean().default(false),
  })
  .prefault({});

export type VrrpConfig = z.output<typeof vrrp>;

interface Addressed {
  vip?: string | undefined;
  vrrp: VrrpConfig;
  nodes: readonly { address: string }[];
}

/** All virtual addresses, in the order of their routers' identifiers. */
export function virtualAddresses({ vip, vrrp: { addresses } }: Omit<Addressed, 'nodes'>): string[] {
  return vip === undefined ? [] : [vip, ...addresses];
}

/** What is wrong with the virtual addresses, and where. */
export function vrrpProblems(cluster: Addressed): { path: PropertyKey[]; message: string }[] {
  const { vip, vrrp: own, nodes } = cluster;
  const problems: { path: PropertyKey[]; message: string }[] = [];
  if (vip === undefined) {
    if (own.addresses.length > 0) {
      problems.push({ path: ['vrrp', 'addresses'], message: 'the first one is missing: vip' });
    }
    return problems;
  }
  const family = isIP(nodes[0]!.address);
  for (const [index, virtual] of virtualAddresses(cluster).entries()) {
    const path = index === 0 ? ['vip'] : ['vrrp', 'addresses', index - 1];
    if (nodes.some((node) => node.address === virtual)) {
      problems.push({ path, message: 'the VIP must not be the address of a node' });
    } else if (virtualAddresses(cluster).indexOf(virtual) !== index) {
      problems.push({ path, message: `"${virtual}" is there twice` });
    } else if (virtual === own.gateway) {
      problems.push({ path, message: 'the VIP must not be the address of the gateway' });
    } else if (isIP(virtual) !== family) {
      const message = `not of the nodes' kind of address, IPv${family}`;
      problems.push({ path, message });
    }
  }
  if (own.routerId + own.addresses.length > ROUTER_ID_MAX) {
    const message = `${own.addresses.length} more identifiers go beyond ${ROUTER_ID_MAX}`;
    problems.push({ path: ['vrrp', 'routerId'], message });
  }
  return problems;
}
