import type { VipStatus } from '#core/contracts/status.ts';
import { createRegistry, Gauge, type Registry } from '#core/metrics.ts';

/** What Prometheus sees of a node's part in the virtual addresses. */
export function createVipRegistry(status: () => VipStatus): Registry {
  const registry = createRegistry({});
  const gauge = (name: string, help: string, value: (status: VipStatus) => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value(status()));
      },
    });
  };
  gauge('bramble_vip_fault', 'Whether this node must not have the virtual addresses.', (now) =>
    now.fault ? 1 : 0,
  );
  gauge('bramble_vip_owned', 'Virtual addresses that this node has.', (now) => now.owned.length);
  gauge(
    'bramble_vip_peers_reached',
    'Other nodes that are heard and hear this one.',
    (now) => now.peers.filter(({ reached }) => reached).length,
  );
  return registry;
}
