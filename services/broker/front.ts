import { Aedes, type AedesOptions } from 'aedes';
import type { Service } from '#core/lifecycle.ts';
import { Message, NO_BYTES, type Qos } from '#core/mqtt/message.ts';
import { type EmittedPacket, Emitter } from './router/emitter.ts';
import { AedesPersistence } from './store/persistence.ts';
import type { RetainedStore } from './store/retained.ts';

export interface FrontOptions {
  node: string;
  retained: RetainedStore;
  /** Takes what was published in the process to the subscribers of this node. */
  deliver: (message: Message) => void;
}

/**
 * aedes, as the broker's face inside the process: code publishes and subscribes through it, over
 * our emitter and our store. Connections do not pass through its handler: that one acknowledges
 * before a message is stored, encodes it for each client, waits for sockets, and lacks receive
 * maximum, packet size, several subscription identifiers and the session transfer, none of which
 * its hooks can mend. Ours is in `connection/`.
 */
export class Front implements Service {
  readonly #options: FrontOptions;
  #aedes: Aedes | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { node, retained, deliver } = this.#options;
    const mq = new Emitter({ tap: (packet) => deliver(messageOf(packet)) });
    const persistence = new AedesPersistence(retained);
    const options = { id: node, mq, persistence } as unknown as AedesOptions;
    this.#aedes = await Aedes.createBroker(options);
  }

  /** Publishes on this node. */
  publish(topic: string, payload: string, retain: boolean): void {
    const packet = {
      cmd: 'publish',
      qos: 0,
      dup: false,
      topic,
      payload: Buffer.from(payload),
      retain,
    };
    this.#aedes?.publish(packet as Parameters<Aedes['publish']>[0], () => {});
  }

  async close(): Promise<void> {
    const aedes = this.#aedes;
    this.#aedes = undefined;
    if (aedes !== undefined) await new Promise<void>((closed) => aedes.close(closed));
  }
}

function messageOf(packet: EmittedPacket): Message {
  const { topic, payload, qos, retain } = packet;
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(String(payload ?? ''));
  return new Message(topic, (qos ?? 0) as Qos, retain === true, bytes, NO_BYTES);
}
