import { createHmac } from 'node:crypto';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { virtualAddresses } from '#core/config/vrrp.ts';
import { VIP_PORTS } from '#core/contracts/ports.ts';
import type { vipConfigSchema } from '#core/contracts/service-config.ts';
import { DRAIN_DIRECTORY } from '#core/drain.ts';
import { header, type Plan } from './plan.ts';

/** Where bramble-vip tells keepalived what to do. */
export const VIP_RUN = '/run/bramble-vip';

/**
 * A backup takes over three advertisements after the last one, so who is cut off must know before:
 * lost after two, heard of every half of one.
 */
const HEARTBEATS = 2;
const LOST = 2;

/** vip.yaml: vipConfigSchema of core/contracts/service-config.ts. */
export function renderVip(plan: Plan, name: string): string {
  const { cluster, host } = plan;
  const { advert, gateway } = cluster.vrrp;
  const own = cluster.nodes.find((node) => node.name === name)!;
  const config: z.input<typeof vipConfigSchema> = {
    node: name,
    address: own.address,
    addresses: own.roles.includes('balancer') ? virtualAddresses(cluster) : [],
    peers: cluster.nodes
      .filter((node) => node !== own)
      .map(({ name, address }) => ({ name, address })),
    heartbeat: {
      port: VIP_PORTS.heartbeat,
      key: createHmac('sha256', cluster.cluster.secret).update('vip heartbeat').digest('hex'),
      interval: advert / HEARTBEATS,
      lost: advert * LOST,
    },
    ...(own.roles.includes('balancer') ? { serving: { host, port: VIP_PORTS.serving } } : {}),
    ...(gateway === undefined ? {} : { gateway }),
    health: { host, port: VIP_PORTS.health },
    drain: DRAIN_DIRECTORY,
    run: VIP_RUN,
  };
  return `${header(`Whether ${name} may have the virtual addresses`, plan)}
# The other nodes hear it by heartbeats, signed with a key derived from cluster.secret.

${stringify(config)}`;
}
