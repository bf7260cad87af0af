import packageJson from '../../package.json' with { type: 'json' };
import { LOAD_MINUTES, LoadAverage } from './admin/load-average.ts';
import { totalsOf } from './admin/totals.ts';
import type { Broker } from './broker.ts';
import type { Front } from './front.ts';
import { brokerStatus } from './status.ts';

/** As Mosquitto's `sys_interval`, milliseconds. */
const INTERVAL = 10_000;

type Values = Record<string, string | number>;

/**
 * `$SYS/broker/…` of this node, under the names that mosquitto(8) documents, and what only a
 * cluster has under `$SYS/bramble/…`: retained, every ten seconds, where they have changed. They
 * stay on the node: each node tells its own clients about itself.
 */
export class SysTopics {
  readonly #broker: Broker;
  readonly #front: Front;
  readonly #loads = new Map<string, LoadAverage>();
  readonly #told = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #sampledAt = performance.now();
  #clientsMaximum = 0;
  #heapMaximum = 0;

  constructor(broker: Broker, front: Front) {
    this.#broker = broker;
    this.#front = front;
  }

  start(): void {
    this.#publish();
    this.#timer = setInterval(() => this.#publish(), INTERVAL);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #publish(): void {
    for (const [topic, value] of Object.entries(this.#values())) {
      const text = String(value);
      if (this.#told.get(topic) === text) continue;
      this.#told.set(topic, text);
      this.#front.publish(`$SYS/${topic}`, text, true);
    }
  }

  #values(): Values {
    const broker = this.#broker;
    const { counters, cluster } = broker;
    const status = brokerStatus(broker);
    const totals = totalsOf(broker);
    const uptime = Math.floor((Date.now() - broker.startedAt) / 1_000);
    const away = Math.max(0, broker.sessions.size - status.clients);
    const heap = process.memoryUsage().heapUsed;
    this.#clientsMaximum = Math.max(this.#clientsMaximum, status.clients);
    this.#heapMaximum = Math.max(this.#heapMaximum, heap);
    const counted: Values = {
      'messages/received': counters.packetsIn,
      'messages/sent': counters.packetsOut,
      'publish/received': counters.messagesIn,
      'publish/sent': counters.messagesOut,
      'publish/dropped': status.dropped,
      'bytes/received': counters.bytesIn,
      'bytes/sent': totals.bytesOut,
      sockets: counters.accepted,
      connections: counters.connects,
    };
    return {
      'broker/version': `bramble version ${packageJson.version}`,
      'broker/uptime': `${uptime} seconds`,
      'broker/clients/connected': status.clients,
      'broker/clients/active': status.clients,
      'broker/clients/expired': counters.expired,
      'broker/clients/disconnected': away,
      'broker/clients/inactive': away,
      'broker/clients/maximum': this.#clientsMaximum,
      'broker/clients/total': status.clients + away,
      'broker/heap/current': heap,
      'broker/heap/maximum': this.#heapMaximum,
      'broker/messages/received': counters.packetsIn,
      'broker/messages/sent': counters.packetsOut,
      'broker/messages/inflight': totals.inflight,
      'broker/messages/stored': status.retained + totals.queued,
      'broker/publish/messages/received': counters.messagesIn,
      'broker/publish/messages/sent': counters.messagesOut,
      'broker/publish/messages/dropped': status.dropped,
      'broker/publish/bytes/received': counters.payloadBytesIn,
      'broker/publish/bytes/sent': counters.payloadBytesOut,
      'broker/bytes/received': counters.bytesIn,
      'broker/bytes/sent': totals.bytesOut,
      'broker/subscriptions/count': status.subscriptions,
      'broker/shared_subscriptions/count': totals.sharedSubscriptions,
      'broker/retained messages/count': status.retained,
      'broker/store/messages/count': status.retained + totals.queued,
      'broker/store/messages/bytes': broker.retained.bytes + totals.queuedBytes,
      ...this.#loadValues(counted),
      'bramble/node': broker.node,
      'bramble/cluster/nodes': [broker.node, ...(cluster?.members.peers ?? [])].sort().join(','),
      'bramble/cluster/sessions': Math.max(broker.sessions.size, cluster?.index.size ?? 0),
      'bramble/bans': broker.gate.bans.size,
    };
  }

  #loadValues(counted: Values): Values {
    const now = performance.now();
    const seconds = (now - this.#sampledAt) / 1_000;
    this.#sampledAt = now;
    const values: Values = {};
    for (const [name, counter] of Object.entries(counted)) {
      let load = this.#loads.get(name);
      if (load === undefined) {
        load = new LoadAverage();
        this.#loads.set(name, load);
      }
      load.sample(Number(counter), seconds);
      for (const minutes of LOAD_MINUTES) {
        values[`broker/load/${name}/${minutes}min`] = load.over(minutes).toFixed(2);
      }
    }
    return values;
  }
}
