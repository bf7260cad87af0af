import packageJson from '../../package.json' with { type: 'json' };
import type { Broker } from './broker.ts';
import type { Front } from './front.ts';
import { brokerStatus } from './status.ts';

/** As Mosquitto's `sys_interval`, milliseconds. */
const INTERVAL = 10_000;

/**
 * `$SYS/broker/…` of this node, under the names that mosquitto(8) documents, retained, every ten
 * seconds. They stay on the node: each node tells its own clients about itself.
 */
export class SysTopics {
  readonly #broker: Broker;
  readonly #front: Front;
  #timer: NodeJS.Timeout | undefined;

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
    for (const [name, value] of Object.entries(values(this.#broker))) {
      this.#front.publish(`$SYS/broker/${name}`, String(value), true);
    }
  }
}

function values(broker: Broker): Record<string, string | number> {
  const status = brokerStatus(broker);
  const uptime = Math.floor((Date.now() - broker.startedAt) / 1_000);
  return {
    version: `bramble version ${packageJson.version}`,
    uptime: `${uptime} seconds`,
    'clients/connected': status.clients,
    'clients/active': status.clients,
    'clients/disconnected': Math.max(0, status.sessions - status.clients),
    'clients/inactive': Math.max(0, status.sessions - status.clients),
    'clients/total': status.sessions,
    'messages/received': status.messagesIn,
    'messages/sent': status.messagesOut,
    'publish/messages/received': status.messagesIn,
    'publish/messages/sent': status.messagesOut,
    'publish/messages/dropped': status.dropped,
    'bytes/received': status.bytesIn,
    'bytes/sent': status.bytesOut,
    'subscriptions/count': status.subscriptions,
    'retained messages/count': status.retained,
    'store/messages/count': status.retained,
  };
}
