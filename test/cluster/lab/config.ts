import type { Network } from './network.ts';

export const LOGIN = { username: 'home', password: 'an-owner-s-password' };

export interface ConfigOptions {
  /** How many virtual addresses. */
  addresses?: number;
  /** Of each node; default balancer and broker. */
  roles?: (index: number) => readonly string[];
  /** From one connection of the prober to the next, milliseconds; default 10. */
  probe?: number;
  /** More lines. */
  more?: string;
}

/** A cluster.yaml as an owner would write it. Who tests is no flood, however often it connects. */
export function clusterYaml(options: ConfigOptions = {}) {
  const { addresses = 1, roles, more = '' } = options;
  return (network: Network, names: readonly string[]): string => {
    const nodes = names.map((name, index) => {
      const of = roles === undefined ? '' : `, roles: [${roles(index).join(', ')}]`;
      return `  - { name: ${name}, address: ${network.address(index)}${of} }`;
    });
    const others = Array.from({ length: addresses - 1 }, (_, i) => network.virtualAddress(i + 1));
    return `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes:
${nodes.join('\n')}
vip: ${network.virtualAddress(0)}
vrrp: { addresses: [${others.join(', ')}] }
mqtt:
  users: [{ name: ${LOGIN.username}, password: ${LOGIN.password} }]
  limits: { exempt: [198.18.0.0/15], connectRate: 10000 }
${more}`;
  };
}
