import type { Endpoint } from '../cluster-lab.ts';
import { Wire } from './wire.ts';

const EVERY = 10;
const TOPIC = 'stopwatch/x';

/** Times small QoS 1 messages from one node to another, a hundred a second. */
export class Stopwatch {
  readonly #from: Endpoint;
  readonly #to: Endpoint;
  readonly #wires: Wire[] = [];
  #times: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #messageId = 0;

  constructor(from: Endpoint, to: Endpoint) {
    this.#from = from;
    this.#to = to;
  }

  async start(): Promise<void> {
    const options = { version: 4, clean: true } as const;
    const { wire: publisher } = await Wire.connected(this.#from, {
      ...options,
      clientId: 'stopwatch-from',
    });
    let subscribed = (): void => {};
    const suback = new Promise<void>((resolve) => {
      subscribed = resolve;
    });
    const { wire: subscriber } = await Wire.connected(
      this.#to,
      { ...options, clientId: 'stopwatch-to' },
      {
        onPacket: ({ cmd, messageId, payload }) => {
          if (cmd === 'suback') subscribed();
          if (cmd !== 'publish') return;
          this.#times.push(performance.now() - Number(String(payload)));
          subscriber.send({ cmd: 'puback', messageId });
        },
      },
    );
    this.#wires.push(publisher, subscriber);
    subscriber.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 1 }] });
    await suback;
    const packet = { cmd: 'publish', topic: TOPIC, qos: 1, dup: false, retain: false };
    this.#timer = setInterval(() => {
      this.#messageId = (this.#messageId % 65_535) + 1;
      const payload = String(performance.now());
      publisher.send({ ...packet, messageId: this.#messageId, payload });
    }, EVERY);
  }

  /** Forgets what was measured so far. */
  reset(): void {
    this.#times = [];
  }

  /** Milliseconds from sending to receiving; NaN when nothing came. */
  p99(): number {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const wire of this.#wires) wire.cut();
  }
}
