import { Counter, Gauge, type Registry } from '#core/metrics.ts';
import type { Broker } from './broker.ts';
import { brokerStatus } from './status.ts';

type Key = keyof ReturnType<typeof brokerStatus>;

const COUNTERS: [string, string, Key][] = [
  ['connects_total', 'CONNECTs accepted', 'connects'],
  ['refused_total', 'CONNECTs refused', 'refused'],
  ['takeovers_total', 'connections ended by a newer one with their client id', 'takeovers'],
  ['messages_in_total', 'PUBLISH packets from clients', 'messagesIn'],
  ['messages_out_total', 'PUBLISH packets to clients', 'messagesOut'],
  ['bytes_in_total', 'bytes from clients', 'bytesIn'],
  ['bytes_out_total', 'bytes of PUBLISH packets to clients', 'bytesOut'],
  ['dropped_total', 'messages dropped because their subscriber did not read', 'dropped'],
  ['routed_out_total', 'messages to other nodes', 'routedOut'],
  ['routed_in_total', 'messages from other nodes', 'routedIn'],
];

const GAUGES: [string, string, Key][] = [
  ['clients', 'connected clients', 'clients'],
  ['sessions', 'sessions, connected or not', 'sessions'],
  ['subscriptions', 'subscriptions', 'subscriptions'],
  ['retained', 'retained messages', 'retained'],
];

/** Publishes the broker's counters; they are read when they are asked for. */
export function registerMetrics(registry: Registry, broker: Broker): void {
  const value = (key: Key): number => Number(brokerStatus(broker)[key]);
  for (const [name, help, key] of COUNTERS) {
    new Counter({
      name: `bramble_broker_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(value(key));
      },
    });
  }
  for (const [name, help, key] of GAUGES) {
    new Gauge({
      name: `bramble_broker_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(key));
      },
    });
  }
  const own = [
    ['denied_total', 'publishes refused by access rules or limits', 'denied'],
    ['faults_total', 'connections ended for a fault of the client', 'malformed'],
  ] as const;
  for (const [name, help, key] of own) {
    new Counter({
      name: `bramble_broker_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(broker.counters[key]);
      },
    });
  }
  new Gauge({
    name: 'bramble_broker_nats_connected',
    help: '1 while the nats-server of this node answers',
    registers: [registry],
    collect() {
      this.set(broker.cluster?.bus.connected === true ? 1 : 0);
    },
  });
}
