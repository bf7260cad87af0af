import { Counter, Gauge, type Registry } from '#core/metrics.ts';
import { totalsOf } from './admin/totals.ts';
import type { Broker } from './broker.ts';
import { brokerStatus, sessionsOf } from './status.ts';

type Read = (broker: Broker) => number;

/** How the gauges of a node's workers become one; they are added up where nothing is said. */
const AGGREGATORS: Readonly<Record<string, 'max' | 'min'>> = {
  // Each worker has the same ones.
  retained: 'max',
  retained_bytes: 'max',
  bans: 'max',
  nats_connected: 'min',
};

/** Name, what it is, where it is read. */
const COUNTERS: [string, string, Read][] = [
  ['connects_total', 'CONNECTs accepted', (b) => b.counters.connects],
  ['refused_total', 'CONNECTs refused', (b) => b.counters.refused],
  ['sockets_total', 'connections accepted, with or without a CONNECT', (b) => b.counters.accepted],
  [
    'takeovers_total',
    'connections ended by a newer one with their client id',
    (b) => b.counters.takeovers,
  ],
  ['packets_in_total', 'MQTT packets from clients', (b) => b.counters.packetsIn],
  ['packets_out_total', 'MQTT packets to clients', (b) => b.counters.packetsOut],
  ['messages_in_total', 'PUBLISH packets from clients', (b) => b.counters.messagesIn],
  ['messages_out_total', 'PUBLISH packets to clients', (b) => b.counters.messagesOut],
  ['bytes_in_total', 'bytes from clients', (b) => b.counters.bytesIn],
  ['bytes_out_total', 'bytes of PUBLISH packets to clients', (b) => b.counters.bytesOut],
  ['wire_bytes_out_total', 'all bytes to clients', (b) => totalsOf(b).bytesOut],
  [
    'dropped_total',
    'messages dropped because their subscriber did not read',
    (b) => brokerStatus(b).dropped,
  ],
  ['routed_out_total', 'messages to other nodes', (b) => brokerStatus(b).routedOut],
  ['routed_in_total', 'messages from other nodes', (b) => brokerStatus(b).routedIn],
  [
    'sessions_expired_total',
    'sessions that ended because their clients stayed away',
    (b) => b.counters.expired,
  ],
  ['denied_total', 'publishes refused by access rules or limits', (b) => b.counters.denied],
  ['faults_total', 'connections ended for a fault of the client', (b) => b.counters.malformed],
  ['bans_imposed_total', 'bans that this node has imposed by itself', (b) => b.gate.bans.imposed],
  ['publish_pauses_total', 'pauses of publishers above their rate', (b) => b.pacer.pauses],
  [
    'half_open_evicted_total',
    'connections without CONNECT that made room for newer ones',
    (b) => b.gate.halfOpen.evicted,
  ],
  ['audit_suppressed_total', 'audit lines that were held back', (b) => b.audit.suppressed],
];

const GAUGES: [string, string, Read][] = [
  ['clients', 'connected clients', (b) => b.sessions.connected],
  ['clients_limit', 'clients that may connect', (b) => b.limits.connections],
  ['half_open', 'connections that have not sent CONNECT', (b) => b.gate.halfOpen.size],
  ['addresses', 'client addresses remembered', (b) => b.gate.addresses.size],
  ['sessions', 'sessions, connected or not', sessionsOf],
  ['sessions_behind', 'sessions that read the log on their own', (b) => totalsOf(b).behind],
  ['subscriptions', 'subscriptions', (b) => b.router.subscriptions],
  ['shared_subscriptions', 'shared subscriptions', (b) => totalsOf(b).sharedSubscriptions],
  ['inflight', 'messages sent and not acknowledged', (b) => totalsOf(b).inflight],
  ['queued', 'messages outside the log that wait for sessions', (b) => totalsOf(b).queued],
  ['queued_bytes', 'bytes of them', (b) => totalsOf(b).queuedBytes],
  ['retained', 'retained messages', (b) => b.retained.size],
  ['retained_bytes', 'memory of retained messages', (b) => b.retained.bytes],
  ['bans', 'bans that hold', (b) => b.gate.bans.size],
  [
    'nats_connected',
    '1 while the nats-server of this node answers',
    (b) => (b.cluster?.bus.connected === true ? 1 : 0),
  ],
];

/** Publishes the broker's counters; they are read when they are asked for. */
export function registerMetrics(registry: Registry, broker: Broker): void {
  for (const [name, help, read] of COUNTERS) {
    new Counter({
      name: `bramble_broker_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read(broker));
      },
    });
  }
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      name: `bramble_broker_${name}`,
      help,
      registers: [registry],
      aggregator: AGGREGATORS[name] ?? 'sum',
      collect() {
        this.set(read(broker));
      },
    });
  }
  byLabel(
    registry,
    'limited_total',
    'connections refused before their login, by limit',
    'limit',
    () => broker.gate.refused,
  );
  byLabel(
    registry,
    'audited_refusals_total',
    'refused actions, by kind',
    'action',
    () => broker.audit.refused,
  );
}

function byLabel(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>>,
): void {
  new Counter({
    name: `bramble_broker_${name}`,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [key, value] of Object.entries(read())) this.inc({ [label]: key }, value);
    },
  });
}
